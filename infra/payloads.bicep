metadata name = 'Payloads'
metadata description = 'Where the data of large events lies, for longer than their messages, and who is told when those pile up.'

@description('Required. The storage account of the events queue.')
@minLength(3)
@maxLength(24)
param storageAccountName string

@description('Optional. Days after which a payload is deleted. A message that lies on a queue for longer, the poison queue included, has lost its data.')
@minValue(7)
@maxValue(365)
param payloadRetentionDays int = 30

@description('Required. The action group that is told of a backlog.')
param actionGroupId string

@description('Optional. Messages on all queues of the account, the poison queue included, that are a backlog when there are more of them over a day, on average. Consumers that keep up leave next to none; fewer than these can grow old without an alert.')
@minValue(0)
param backlogMessages int = 100

@description('Optional. Where the alert is kept.')
param tags object = {}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName

  resource blobs 'blobServices' existing = {
    name: 'default'
  }

  resource queues 'queueServices' existing = {
    name: 'default'
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: storage::blobs
  name: 'events-payloads'
  properties: {
    publicAccess: 'None'
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: storage
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'delete-old-payloads'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${container.name}/']
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterCreationGreaterThan: payloadRetentionDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

resource backlog 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-${storageAccountName}-backlog'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages pile up. ${payloadRetentionDays} days after it was published, an event of more than 48 KiB has lost its data.'
    severity: 2
    enabled: true
    scopes: [storage::queues.id]
    evaluationFrequency: 'PT1H'
    windowSize: 'P1D' // Azure counts once an hour; bursts that are taken within hours are none of its business
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'messages'
          metricNamespace: 'Microsoft.Storage/storageAccounts/queueServices'
          metricName: 'QueueMessageCount'
          operator: 'GreaterThan'
          threshold: backlogMessages
          timeAggregation: 'Average'
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}

@description('The container, as the function names it.')
output containerName string = container.name
