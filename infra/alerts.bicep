metadata name = 'Alerts'
metadata description = 'Who is told, and of what; docs/operating.md says what to do about each.'

import { Tags } from 'types.bicep'

@description('Required. What the names of the alerts and of the action group end in.')
@minLength(2)
@maxLength(60)
param suffix string

@description('Required. Region.')
param location string

@description('Required. Tags of all of it.')
param tags Tags

@description('Required. E-mail addresses that are told. None: alerts fire, and only the portal shows it.')
@maxLength(20)
param emails string[]

@description('Required. Names of alerts on the log that are off.')
@maxLength(8)
param mutedAlerts string[]

@description('Required. Name of the workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Required. Name of the Application Insights component.')
@minLength(1)
@maxLength(260)
param componentName string

@description('Required. Name of the account that the events lie in.')
@minLength(3)
@maxLength(24)
param eventsAccountName string

@description('Required. Messages on all queues of the account, the poison queue included, that are a backlog when there are more of them over a day, on average. Consumers that keep up leave next to none; fewer than these can grow old unseen. Azure refreshes the number once a day.')
@minValue(0)
@maxValue(1000000)
param backlogMessages int

@description('Required. How many queues there are.')
@minValue(1)
@maxValue(20)
param queueShards int

@description('Required. Whether requests to storage leave lines in the workspace, without which nobody is told of the poison queue.')
param logRequests bool

@description('Required. Whether the endpoint is asked from five places each five minutes, at some 20 USD a month.')
param availabilityTest bool

@description('Required. Host name that the endpoint is asked at.')
@minLength(4)
@maxLength(253)
param hostName string

var records = loadTextContent('queries/records.kql')

var logAlerts = concat(
  [
    {
      name: 'defects'
      description: 'A request was answered with 500: a defect of the function.'
      severity: 1
      query: '${records}${loadTextContent('queries/defects.kql')}'
      threshold: 0
    }
    {
      name: 'error-share'
      description: 'More than one request in twenty was answered with 5xx.'
      severity: 1
      query: '${records}${loadTextContent('queries/error-share.kql')}'
      measure: 'percent'
      threshold: 5
    }
    {
      name: 'unavailable'
      description: 'Storage, keys or Altinn Authorization were out of reach for more than 10 requests.'
      severity: 2
      query: '${records}${loadTextContent('queries/unavailable.kql')}'
      threshold: 10
      dimensions: ['reason']
    }
    {
      name: 'overloaded'
      description: 'More than 100 requests were refused because too many waited for storage.'
      severity: 2
      query: '${records}${loadTextContent('queries/overloaded.kql')}'
      threshold: 100
    }
    {
      name: 'slow'
      description: 'One accepted request in twenty took longer than a second.'
      severity: 3
      query: '${records}${loadTextContent('queries/slow.kql')}'
      measure: 'p95'
      threshold: 1000
    }
    {
      name: 'refused-tokens'
      description: 'More than 100 requests came with no token, or one that is not good.'
      severity: 2
      query: '${records}${loadTextContent('queries/refused-tokens.kql')}'
      threshold: 100
    }
  ],
  logRequests
    ? [
        {
          name: 'given-up'
          description: 'A consumer gave up on a message, which now lies on the poison queue.'
          severity: 2
          query: loadTextContent('queries/given-up.kql')
          threshold: 0
          window: 'PT1H' // lines of storage may come late
        }
        {
          name: 'falling-behind'
          description: 'In an hour consumers took off less than half of what was put on the queue.'
          severity: 3
          query: queueShards == 1
            ? loadTextContent('queries/falling-behind.kql')
            : loadTextContent('queries/falling-behind-shards.kql') // one that nobody consumes shows beside the others
          measure: 'behind'
          dimensions: queueShards == 1 ? [] : ['queue']
          threshold: 0
          window: 'PT1H'
        }
      ]
    : []
)

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource events 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: eventsAccountName

  resource queues 'queueServices' existing = {
    name: 'default'
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: take(replace(suffix, '-', ''), 12)
    emailReceivers: [
      for email in emails: {
        name: email
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource logRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in logAlerts: {
    name: 'alert-${alert.name}-${suffix}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'alert-${alert.name}-${suffix}'
      description: alert.description
      severity: alert.severity
      enabled: !contains(mutedAlerts, alert.name)
      scopes: [workspace.id]
      evaluationFrequency: 'PT5M'
      windowSize: alert.?window ?? 'PT15M'
      autoMitigate: true
      skipQueryValidation: true // the tables of a new workspace do not exist yet
      criteria: {
        allOf: [
          {
            query: alert.query
            metricMeasureColumn: alert.?measure
            timeAggregation: alert.?measure == null ? 'Count' : 'Maximum' // of rows, or of the one that has it
            operator: 'GreaterThan'
            threshold: alert.threshold
            dimensions: map(alert.?dimensions ?? [], name => {
              name: name
              operator: 'Include'
              values: ['*']
            })
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [actionGroup.id]
      }
    }
  }
]

resource backlog 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-backlog-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages pile up: consumers do not keep up.'
    severity: 2
    enabled: true
    scopes: [events::queues.id]
    evaluationFrequency: 'PT1H'
    windowSize: 'P1D' // bursts that are taken within hours are none of its business
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
        actionGroupId: actionGroup.id
      }
    ]
  }
}

resource test 'Microsoft.Insights/webtests@2022-06-15' = if (availabilityTest) {
  name: 'ready-${suffix}'
  location: location
  tags: union(tags, { 'hidden-link:${component.id}': 'Resource' })
  kind: 'standard'
  properties: {
    Name: 'ready-${suffix}'
    SyntheticMonitorId: 'ready-${suffix}'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    // West Europe, North Europe, UK South, UK West, France Central
    Locations: [
      {
        Id: 'emea-nl-ams-azr'
      }
      {
        Id: 'emea-gb-db3-azr'
      }
      {
        Id: 'emea-ru-msa-edge'
      }
      {
        Id: 'emea-se-sto-edge'
      }
      {
        Id: 'emea-fr-pra-edge'
      }
    ]
    Request: {
      RequestUrl: 'https://${hostName}/events/api/v1/health/ready'
      HttpVerb: 'GET'
      FollowRedirects: false
      ParseDependentRequests: false
    }
    ValidationRules: {
      ExpectedHttpStatusCode: 200
      SSLCheck: true
      SSLCertRemainingLifetimeCheck: 14
    }
  }
}

resource availability 'Microsoft.Insights/metricAlerts@2018-03-01' = if (availabilityTest) {
  name: 'alert-availability-${suffix}'
  location: 'global'
  tags: union(tags, {
    'hidden-link:${component.id}': 'Resource'
    'hidden-link:${test.id}': 'Resource'
  })
  properties: {
    description: 'From three places of five at least, the endpoint could not be reached or was not ready to publish.'
    severity: 1
    enabled: true
    scopes: [test.id, component.id]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      componentId: component.id
      webTestId: test.id
      failedLocationCount: 3
    }
    actions: [
      {
        actionGroupId: actionGroup.id
      }
    ]
  }
}
