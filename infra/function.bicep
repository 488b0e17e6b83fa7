metadata name = 'Function'
metadata description = 'The function app on Flex Consumption, with every setting that docs/settings.md has.'

import { DecisionPoint, FrontDoor, Issuer, Limits, PolicyEntry, Scale, Subnet, Tags } from 'types.bicep'

@description('Required. Name of the function app, unique in all of Azure.')
@minLength(2)
@maxLength(60)
param name string

@description('Required. Name of the plan.')
@minLength(1)
@maxLength(60)
param planName string

@description('Required. Region.')
param location string

@description('Required. Tags of both.')
param tags Tags

@description('Required. Whether instances are spread over zones, at the price of two that are always there.')
param zoneRedundant bool

@description('Required. How instances are made, and how many there are.')
param scale Scale

@description('Required. Name of the identity of the function.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Required. Name of the Application Insights component that telemetry is sent to.')
@minLength(1)
@maxLength(260)
param componentName string

@description('Required. Name of the account of the Functions host.')
@minLength(3)
@maxLength(24)
param hostAccountName string

@description('Required. Name of the container that the package is deployed to.')
@minLength(3)
@maxLength(63)
param packageContainerName string

@description('Required. Name of the account that the events lie in.')
@minLength(3)
@maxLength(24)
param eventsAccountName string

@description('Required. Name of the queue.')
@minLength(3)
@maxLength(63)
param queueName string

@description('Required. How many queues there are.')
@minValue(1)
@maxValue(20)
param queueShards int

@description('Required. Issuers whose tokens count.')
@minLength(1)
@maxLength(20)
param issuers Issuer[]

@description('Required. The scope that a token must hold.')
@minLength(1)
@maxLength(200)
param publishScope string

@description('Optional. Who may publish what; left out, whoever holds the scope may publish anything.')
@maxLength(500)
param publishPolicy PolicyEntry[]?

@description('Optional. Altinn Authorization; left out, it is not asked.')
param decisionPoint DecisionPoint?

@description('Required. How much the endpoint takes, and for how long it tries.')
param limits Limits

@description('Optional. Subnet that the function sends from; left out, it sends from addresses of Azure.')
param subnet Subnet?

@description('Optional. The only Front Door that requests may come through; left out, they may come from anywhere.')
param frontDoor FrontDoor?

var key = decisionPoint.?subscriptionKey

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource host 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostAccountName
}

resource events 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: eventsAccountName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true // Linux
    zoneRedundant: zoneRedundant
  }
}

resource function 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'publish' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    keyVaultReferenceIdentity: identity.id
    virtualNetworkSubnetId: subnet == null
      ? null
      : resourceId('Microsoft.Network/virtualNetworks/subnets', subnet!.networkName, subnet!.name)
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${host.properties.primaryEndpoints.blob}${packageContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: scale.instanceMemoryMB
        maximumInstanceCount: scale.maximumInstances
        alwaysReady: scale.alwaysReadyInstances == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: scale.alwaysReadyInstances
              }
            ]
        triggers: {
          http: {
            perInstanceConcurrency: scale.httpConcurrency // Python's own default is 1
          }
        }
      }
    }
    siteConfig: {
      http20Enabled: true
      minTlsVersion: '1.2' // 1.3 would keep out availability tests from Europe, and older publishers
      scmMinTlsVersion: '1.2'
      ipSecurityRestrictions: frontDoor == null
        ? null
        : [
            {
              name: 'front-door'
              priority: 100
              action: 'Allow'
              tag: 'ServiceTag'
              ipAddress: 'AzureFrontDoor.Backend'
              headers: {
                'x-azure-fdid': [frontDoor!.id]
              }
            }
          ]
      ipSecurityRestrictionsDefaultAction: frontDoor == null ? 'Allow' : 'Deny'
      scmIpSecurityRestrictionsUseMain: false // deployments come from elsewhere, with a token of Microsoft Entra
      appSettings: [
        {
          name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
          value: component.properties.ConnectionString
        }
        {
          name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
          value: 'Authorization=AAD;ClientId=${identity.properties.clientId}'
        }
        {
          name: 'AzureWebJobsStorage__accountName' // some versions of the host do not start with the URI alone
          value: host.name
        }
        {
          name: 'AzureWebJobsStorage__blobServiceUri'
          value: host.properties.primaryEndpoints.blob
        }
        {
          name: 'AzureWebJobsStorage__credential'
          value: 'managedidentity'
        }
        {
          name: 'AzureWebJobsStorage__clientId'
          value: identity.properties.clientId
        }
        {
          name: 'EVENTS_STORAGE__queueServiceUri'
          value: events.properties.primaryEndpoints.queue
        }
        {
          name: 'EVENTS_STORAGE__blobServiceUri'
          value: events.properties.primaryEndpoints.blob
        }
        {
          name: 'EVENTS_STORAGE__credential'
          value: 'managedidentity'
        }
        {
          name: 'EVENTS_STORAGE__clientId'
          value: identity.properties.clientId
        }
        {
          name: 'EVENTS_QUEUE_NAME'
          value: queueName
        }
        {
          name: 'EVENTS_QUEUE_SHARDS'
          value: string(queueShards)
        }
        {
          name: 'TOKEN_ISSUERS'
          value: string(issuers)
        }
        {
          name: 'PUBLISH_SCOPE'
          value: publishScope
        }
        {
          name: 'PUBLISH_POLICY'
          value: publishPolicy == null ? '' : string(publishPolicy)
        }
        {
          name: 'PDP_URL'
          value: decisionPoint.?url ?? ''
        }
        {
          name: 'PDP_SUBSCRIPTION_KEY'
          value: key == null ? '' : '@Microsoft.KeyVault(VaultName=${key!.vaultName};SecretName=${key!.secretName})'
        }
        {
          name: 'MAX_EVENT_BYTES'
          value: string(limits.eventBytes)
        }
        {
          name: 'MAX_BATCH_EVENTS'
          value: string(limits.batchEvents)
        }
        {
          name: 'MAX_REQUEST_BYTES'
          value: string(limits.requestBytes)
        }
        {
          name: 'PUBLISH_TIMEOUT_SECONDS'
          value: string(limits.timeoutSeconds)
        }
      ]
    }
  }

  // Who deploys signs in with Microsoft Entra; user names and passwords of the app do not count.
  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }
}

@description('Host name of the function app.')
output hostName string = function.properties.defaultHostName
