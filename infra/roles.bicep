metadata name = 'Roles'
metadata description = 'Who may do what: every role assignment of the deployment, each on the narrowest resource that serves.'

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

@description('Required. Name of the queue.')
@minLength(3)
@maxLength(63)
param queueName string

@description('Required. Name of the queue of what consumers gave up on.')
@minLength(3)
@maxLength(63)
param poisonQueueName string

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

@description('A role for a principal that is an application or a managed identity.')
type Assignment = {
  @description('Who.')
  principalId: string

  @description('What kind it is: said, so that Entra need not know the principal yet.')
  principalType: 'ServicePrincipal'

  @description('Resource id of the role.')
  roleDefinitionId: string
}

func assignment(principalId string, role string) Assignment => {
  principalId: principalId
  principalType: 'ServicePrincipal'
  roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
}

var roles = {
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  'Storage Queue Data Message Processor': '8a0f0c08-91a1-4084-bc3d-661d67233fed'
  'Storage Queue Data Message Sender': 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  'Storage Queue Data Reader': '19e7f393-937e-4f77-808e-94535e297925'
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource events 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: eventsAccountName

  resource queues 'queueServices' existing = {
    name: 'default'

    resource queue 'queues' existing = {
      name: queueName
    }

    resource poisonQueue 'queues' existing = {
      name: poisonQueueName
    }
  }

  resource blobs 'blobServices' existing = {
    name: 'default'

    resource payloads 'containers' existing = {
      name: payloadContainerName
    }
  }
}

resource host 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: hostAccountName
}

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// The function: it puts events on the queue, and can neither read nor take away what is there.
resource functionOnQueue 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: events::queues::queue
  name: guid(events::queues::queue.id, identity.id, roles['Storage Queue Data Message Sender'])
  properties: assignment(identity.properties.principalId, roles['Storage Queue Data Message Sender'])
}

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

// Consumers: they take messages off the queue, count them (a queue trigger scales by that), move what they give up on
// to the poison queue and take it off again, and read payloads.
resource consumersProcess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in consumerPrincipalIds: {
    scope: events::queues::queue
    name: guid(events::queues::queue.id, principalId, roles['Storage Queue Data Message Processor'])
    properties: assignment(principalId, roles['Storage Queue Data Message Processor'])
  }
]

resource consumersCount 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in consumerPrincipalIds: {
    scope: events::queues::queue
    name: guid(events::queues::queue.id, principalId, roles['Storage Queue Data Reader'])
    properties: assignment(principalId, roles['Storage Queue Data Reader'])
  }
]

resource consumersGiveUp 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in consumerPrincipalIds: {
    scope: events::queues::poisonQueue
    name: guid(events::queues::poisonQueue.id, principalId, roles['Storage Queue Data Message Sender'])
    properties: assignment(principalId, roles['Storage Queue Data Message Sender'])
  }
]

resource consumersTakeUpAgain 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in consumerPrincipalIds: {
    scope: events::queues::poisonQueue
    name: guid(events::queues::poisonQueue.id, principalId, roles['Storage Queue Data Message Processor'])
    properties: assignment(principalId, roles['Storage Queue Data Message Processor'])
  }
]

resource consumersReadPayloads 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in consumerPrincipalIds: {
    scope: events::blobs::payloads
    name: guid(events::blobs::payloads.id, principalId, roles['Storage Blob Data Reader'])
    properties: assignment(principalId, roles['Storage Blob Data Reader'])
  }
]
