metadata name = 'Host storage'
metadata description = 'What the Functions host needs for itself, apart from the events: the deployed package, its leases and keys.'

import { Redundancy, Tags } from 'types.bicep'

@description('Required. Name of the account, unique in all of Azure.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of the account.')
param tags Tags

@description('Required. Redundancy of the account; a zone-redundant plan needs zone-redundant storage.')
param sku Redundancy

@description('Required. Whether the account can be reached from outside of private endpoints.')
param publicNetworkAccess bool

@description('Required. Days for which a deleted package can be had back.')
@minValue(1)
@maxValue(365)
param softDeleteDays int

@description('Required. Name of the container that the package is deployed to.')
@minLength(3)
@maxLength(63)
param packageContainerName string

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
}

resource packages 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: made::blobs
  name: packageContainerName
  properties: {
    publicAccess: 'None'
  }
  dependsOn: [account]
}
