metadata name = 'Storage account'
metadata description = 'An account that takes no keys: whoever reads or writes signs in, and has a role for it.'

import { Redundancy, Tags } from 'types.bicep'

@description('Required. Name of the account, unique in all of Azure.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of the account.')
param tags Tags

@description('Required. How many copies there are, and where. With ZRS a zone may fail; a failover to the other region of GZRS loses what was not copied yet.')
param sku Redundancy

@description('Required. Whether the account can be reached from outside of private endpoints.')
param publicNetworkAccess bool

@description('Required. Days for which a deleted blob or container can be had back; so long it is not gone, either.')
@minValue(1)
@maxValue(365)
param softDeleteDays int

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    allowSharedKeyAccess: false // a key would open everything, to whoever has it, until it is changed
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      defaultAction: publicNetworkAccess ? 'Allow' : 'Deny'
      bypass: 'None'
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      deleteRetentionPolicy: {
        enabled: true
        days: softDeleteDays
      }
      containerDeleteRetentionPolicy: {
        enabled: true
        days: softDeleteDays
      }
    }
  }

  resource queues 'queueServices' = {
    name: 'default'
  }
}
