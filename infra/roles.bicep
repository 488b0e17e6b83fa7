metadata name = 'Roles'
metadata description = 'Who may do what: every role assignment of the deployment, each on the narrowest resource that serves.'

import { assignment, roles } from 'role.bicep'
import { Queue } from 'types.bicep'

@description('Required. Name of the identity of the function.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Required. Principal ids of the consumers: service principals or managed identities that take events off the queue.')
@maxLength(50)
param consumerPrincipalIds string[]

@description('Required. Name of the account that the events lie in.')
@minLength(3)
@maxLength(24)
param eventsAccountName string

@description('Required. Queues that the function sends to, and what consumers move to what they give up on.')
@minLength(1)
@maxLength(20)
param queues Queue[]

@description('Required. Name of the container with the data of large events.')
@minLength(3)
@maxLength(63)
param payloadContainerName string

@description('Required. Name of the account of the Functions host.')
@minLength(3)
@maxLength(24)
param hostAccountName string

@description('Required. Name of the Application Insights component.')
@minLength(1)
@maxLength(260)
param componentName string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource events 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: eventsAccountName

  resource service 'queueServices' existing = {
    name: 'default'
  }

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource payloads 'containers' existing = {
      name: payloadContainerName
    }
  }
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-06-01' existing = [
  for each in queues: {
    parent: events::service
    name: each.name
  }
]

resource host 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostAccountName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// The function: it puts events on the queues, and can neither read nor take away what is there.
resource functionOnQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (each, i) in queues: {
    scope: queue[i]
    name: guid(queue[i].id, identity.id, roles['Storage Queue Data Message Sender'])
    properties: assignment(identity.properties.principalId, roles['Storage Queue Data Message Sender'])
  }
]

// It writes payloads, and deletes those whose message was refused: no built-in role does that without reading.
resource functionOnPayloads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: events::blobs::payloads
  name: guid(events::blobs::payloads.id, identity.id, roles['Storage Blob Data Contributor'])
  properties: assignment(identity.properties.principalId, roles['Storage Blob Data Contributor'])
}

// The Functions host makes containers of its own there, for leases and keys, and reads the package.
resource functionOnHost 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: host
  name: guid(host.id, identity.id, roles['Storage Blob Data Owner'])
  properties: assignment(identity.properties.principalId, roles['Storage Blob Data Owner'])
}

resource functionOnComponent 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, identity.id, roles['Monitoring Metrics Publisher'])
  properties: assignment(identity.properties.principalId, roles['Monitoring Metrics Publisher'])
}

// Consumers: what they may do on each queue, and reading payloads.
module consumersOnQueue 'consumer-roles.bicep' = [
  for each in queues: {
    params: {
      consumerPrincipalIds: consumerPrincipalIds
      eventsAccountName: eventsAccountName
      queueName: each.name
      poisonQueueName: each.poisonName
    }
  }
]

resource consumersReadPayloads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in consumerPrincipalIds: {
    scope: events::blobs::payloads
    name: guid(events::blobs::payloads.id, principalId, roles['Storage Blob Data Reader'])
    properties: assignment(principalId, roles['Storage Blob Data Reader'])
  }
]
