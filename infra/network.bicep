metadata name = 'Network'
metadata description = 'Private networking: the function reaches both storage accounts by private endpoints, and nobody reaches them otherwise.'

import { Tags } from 'types.bicep'

@description('Required. Name of the virtual network.')
@minLength(2)
@maxLength(64)
param name string

@description('Required. Name of the subnet that the function sends from.')
@minLength(1)
@maxLength(80)
param functionSubnetName string

@description('Required. What the names of the private endpoints and of the security groups end in.')
@minLength(2)
@maxLength(60)
param suffix string

@description('Required. Region.')
param location string

@description('Required. Tags of all of it.')
param tags Tags

@description('Required. Address space of the network, a /24 or larger, which no network that it will be peered with has. Its first 64 addresses are the function\'s, one for each instance.')
@minLength(9)
@maxLength(18)
param addressPrefix string

@description('Required. Name of the account that the events lie in.')
@minLength(3)
@maxLength(24)
param eventsAccountName string

@description('Required. Name of the account of the Functions host.')
@minLength(3)
@maxLength(24)
param hostAccountName string

var services = ['blob', 'queue']

var endpoints = [
  {
    name: 'events-queue'
    account: eventsAccountName
    service: 'queue'
  }
  {
    name: 'events-blob'
    account: eventsAccountName
    service: 'blob'
  }
  {
    name: 'host-blob'
    account: hostAccountName
    service: 'blob'
  }
]

resource securityGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: 'nsg-${suffix}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'deny-from-internet'
        properties: {
          description: 'Nothing here listens to the internet: requests reach the function by its front end.'
          access: 'Deny'
          direction: 'Inbound'
          priority: 1000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        name: functionSubnetName
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          networkSecurityGroup: {
            id: securityGroup.id
          }
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'snet-endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          networkSecurityGroup: {
            id: securityGroup.id
          }
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }

  resource endpointSubnet 'subnets' existing = {
    name: 'snet-endpoints'
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for service in services: {
    name: 'privatelink.${service}.${environment().suffixes.storage}'
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (service, i) in services: {
    parent: zones[i]
    name: name
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
]

@batchSize(1) // an account takes one such change at a time
resource privateEndpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for endpoint in endpoints: {
    name: 'pep-${endpoint.name}-${suffix}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: network::endpointSubnet.id
      }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: {
            privateLinkServiceId: resourceId('Microsoft.Storage/storageAccounts', endpoint.account)
            groupIds: [endpoint.service]
          }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (endpoint, i) in endpoints: {
    parent: privateEndpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.service
          properties: {
            privateDnsZoneId: zones[indexOf(services, endpoint.service)].id
          }
        }
      ]
    }
    dependsOn: [links]
  }
]
