metadata name = 'Monitoring'
metadata description = 'Where the log and the metrics go: a workspace, and an Application Insights component that takes nothing without a token of Microsoft Entra.'

import { Tags } from 'types.bicep'

@description('Required. Name of the Log Analytics workspace.')
@minLength(4)
@maxLength(63)
param workspaceName string

@description('Required. Name of the Application Insights component.')
@minLength(1)
@maxLength(260)
param componentName string

@description('Required. Region.')
param location string

@description('Required. Tags of both.')
param tags Tags

@description('Required. Days for which the log is kept. It names organisations and clients, event ids and resources; the log of storage has addresses of callers.')
@minValue(30)
@maxValue(730)
param retentionDays int

@description('Required. GB that the workspace takes in a day, a bound for its cost; when it is reached, alerts on the log are blind until the next day. 0: no bound.')
@minValue(0)
@maxValue(1000)
param dailyQuotaGb int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    features: {
      disableLocalAuth: true
    }
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGb == 0 ? -1 : dailyQuotaGb
    }
  }
}

// Tables of Application Insights keep 90 days, whatever the workspace says, unless they are told otherwise themselves.
@batchSize(1)
resource tables 'Microsoft.OperationalInsights/workspaces/tables@2025-02-01' = [
  for name in [
    'AppAvailabilityResults'
    'AppDependencies'
    'AppExceptions'
    'AppMetrics'
    'AppPerformanceCounters'
    'AppRequests'
    'AppTraces'
  ]: {
    parent: workspace
    name: name
    properties: {
      retentionInDays: retentionDays
      totalRetentionInDays: retentionDays
    }
  }
]

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}
