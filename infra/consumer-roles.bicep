metadata name = 'Roles of consumers'
metadata description = 'What consumers may do on a queue and its poison queue.'

import { assignment, roles } from 'role.bicep'

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
}

// They take messages off the queue, count them (a queue trigger scales by that), move what they give up on to the poison
// queue and take it off again.
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
