metadata name = 'Events storage'
metadata description = 'Where accepted events lie: the queue or queues, a poison queue for each, and the data of large events for longer than their messages.'

import { Queue, Redundancy, Tags } from 'types.bicep'

@description('Required. Name of the account, unique in all of Azure.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of the account.')
param tags Tags

@description('Required. Redundancy of the account, and so of every event that was answered with 200.')
param sku Redundancy

@description('Required. Whether the account can be reached from outside of private endpoints.')
param publicNetworkAccess bool

@description('Required. Days for which a deleted payload can be had back; so long it is not erased, either.')
@minValue(1)
@maxValue(365)
param softDeleteDays int

@description('Required. Queues that the function sends to, and what consumers move to what they give up on.')
@minLength(1)
@maxLength(20)
param queues Queue[]

@description('Required. Name of the container with the data of large events.')
@minLength(3)
@maxLength(63)
param payloadContainerName string

@description('Required. Days after which the data of a large event is deleted. A message that lies on a queue for longer, the poison queue included, has lost its data.')
@minValue(7)
@maxValue(365)
param payloadRetentionDays int

@description('Required. Whether a lock keeps the account, and what was accepted with it, from being deleted by mistake.')
param deleteLock bool

@description('Required. Name of the workspace that is told of requests to the queues and the payloads.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Required. Whether writes and deletions at the queues, and all requests for payloads, leave a line each in the workspace, some 1 KB. Without them a Trace-Id cannot be followed to storage, and nobody is told of the poison queue.')
param logRequests bool

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

module account 'storage-account.bicep' = {
  params: {
    name: name
    location: location
    tags: tags
    sku: sku
    publicNetworkAccess: publicNetworkAccess
    softDeleteDays: softDeleteDays
  }
}

resource made 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: name

  resource blobs 'blobServices' existing = {
    name: 'default'
  }

  resource queues 'queueServices' existing = {
    name: 'default'
  }
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for each in queues: {
    parent: made::queues
    name: each.name
    dependsOn: [account]
  }
]

resource poisonQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' = [
  for each in queues: {
    parent: made::queues
    name: each.poisonName
    dependsOn: [account]
  }
]

resource payloads 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: made::blobs
  name: payloadContainerName
  properties: {
    publicAccess: 'None'
  }
  dependsOn: [account]
}

// An account has one such policy: this one.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: made
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
              prefixMatch: ['${payloads.name}/']
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
  dependsOn: [account]
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (deleteLock) {
  scope: made
  name: 'accepted-events'
  properties: {
    level: 'CanNotDelete'
    notes: 'Events that were answered with 200 lie here.'
  }
  dependsOn: [account]
}

// Not StorageRead: each time that a consumer looks for messages would be a line.
resource queueLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (logRequests) {
  scope: made::queues
  name: 'requests'
  properties: {
    workspaceId: workspace.id
    logs: map(['StorageWrite', 'StorageDelete'], category => {
      category: category
      enabled: true
    })
  }
  dependsOn: [account]
}

resource payloadLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (logRequests) {
  scope: made::blobs
  name: 'requests'
  properties: {
    workspaceId: workspace.id
    logs: map(['StorageRead', 'StorageWrite', 'StorageDelete'], category => {
      category: category
      enabled: true
    })
  }
  dependsOn: [account]
}
