metadata name = 'Workbook'
metadata description = 'The story that the alerts tell, in pictures: Azure Monitor, Workbooks.'

import { Tags } from 'types.bicep'

@description('Required. What it is called in the portal.')
@minLength(3)
@maxLength(100)
param displayName string

@description('Required. Region.')
param location string

@description('Required. Tags of the workbook.')
param tags Tags

@description('Required. Name of the workspace that it asks.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Required. Name of the account that the events lie in.')
@minLength(3)
@maxLength(24)
param eventsAccountName string

var records = loadTextContent('queries/records.kql')
var wide = '100'
var half = '50'

var charts = [
  {
    title: 'Requests by outcome, each 5 minutes'
    query: '${records}${loadTextContent('queries/outcomes.kql')}'
    visualization: 'timechart'
    width: half
  }
  {
    title: 'Milliseconds of accepted requests, and of storage in them'
    query: '${records}${loadTextContent('queries/latency.kql')}'
    visualization: 'timechart'
    width: half
  }
  {
    title: 'Why requests were answered with 5xx'
    query: '${records}${loadTextContent('queries/causes.kql')}'
    visualization: 'table'
    width: wide
  }
  {
    title: 'Attempts at storage that were repeats'
    query: '${records}${loadTextContent('queries/attempts.kql')}'
    visualization: 'timechart'
    width: half
  }
  {
    title: 'Instances'
    query: loadTextContent('queries/instances.kql')
    visualization: 'timechart'
    width: half
  }
  {
    title: 'Events accepted, by publisher'
    query: '${records}${loadTextContent('queries/events.kql')}'
    visualization: 'table'
    width: half
  }
  {
    title: 'Who was refused, and why'
    query: '${records}${loadTextContent('queries/refusals.kql')}'
    visualization: 'table'
    width: half
  }
  {
    title: 'Messages put on the queues and taken off them'
    query: loadTextContent('queries/queue.kql')
    visualization: 'timechart'
    width: half
  }
  {
    title: 'What consumers gave up on'
    query: loadTextContent('queries/given-up.kql')
    visualization: 'table'
    width: half
  }
  {
    title: 'Ready, percent of the times that it was asked'
    query: loadTextContent('queries/availability.kql')
    visualization: 'timechart'
    width: wide
  }
]

var timeRange = {
  type: 9
  name: 'time range'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    parameters: [
      {
        id: guid('TimeRange')
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time range'
        type: 4
        isRequired: true
        value: {
          durationMs: 86400000
        }
        typeSettings: {
          selectableValues: [
            {
              durationMs: 3600000
            }
            {
              durationMs: 86400000
            }
            {
              durationMs: 604800000
            }
            {
              durationMs: 2592000000
            }
          ]
          allowCustom: true
        }
      }
    ]
  }
}

var backlog = {
  type: 10
  name: 'backlog'
  customWidth: wide
  content: {
    version: 'MetricsItem/2.0'
    chartId: guid('backlog')
    title: 'Messages on all queues of the account, as Azure counts them once a day'
    size: 1
    chartType: 2
    metricScope: 0
    resourceType: 'microsoft.storage/storageaccounts'
    resourceIds: [events.id]
    timeContextFromParameter: 'TimeRange'
    timeContext: {
      durationMs: 0
    }
    metrics: [
      {
        namespace: 'microsoft.storage/storageaccounts/queueservices'
        metric: 'microsoft.storage/storageaccounts/queueservices-Capacity-QueueMessageCount'
        aggregation: 4
      }
    ]
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource events 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: eventsAccountName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, displayName)
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: displayName
    category: 'workbook'
    sourceId: workspace.id
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat(
        [timeRange],
        map(charts, chart => {
          type: 3
          name: chart.title
          customWidth: chart.width
          content: {
            version: 'KqlItem/1.0'
            title: chart.title
            query: chart.query
            visualization: chart.visualization
            size: 0
            queryType: 0
            resourceType: 'microsoft.operationalinsights/workspaces'
            crossComponentResources: [workspace.id]
            timeContextFromParameter: 'TimeRange'
            timeContext: {
              durationMs: 0
            }
          }
        }),
        [backlog]
      )
      fallbackResourceIds: [workspace.id]
      '$schema': 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json'
    })
  }
}
