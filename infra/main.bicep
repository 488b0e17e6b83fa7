metadata name = 'events_publish'
metadata description = 'All of it, from an empty subscription: a resource group, two storage accounts, the function, who may do what, and who is told.'

targetScope = 'subscription'

import { DecisionPoint, FrontDoor, Issuer, Limits, PolicyEntry, Queue, Redundancy, Scale, Tags } from 'types.bicep'

@description('Optional. What it is for, in lower-case letters and digits; the names of all resources have it.')
@minLength(2)
@maxLength(8)
param workload string = 'events'

@description('Required. The environment, in lower-case letters and digits: the names of all resources have it.')
@minLength(2)
@maxLength(6)
param environmentName string

@description('Optional. Region of all resources.')
param location string = deployment().location

@description('Optional. Tags of all resources, beside workload and environment.')
param tags Tags = {}

@description('Required. Issuers whose tokens count.')
@minLength(1)
@maxLength(20)
param issuers Issuer[]

@description('Optional. The scope that a token must hold.')
@minLength(1)
@maxLength(200)
param publishScope string = 'altinn:events.publish'

@description('Optional. Who may publish what, first match first; left out, whoever holds the scope may publish anything, and with no entries nobody may.')
@maxLength(500)
param publishPolicy PolicyEntry[]?

@description('Optional. Altinn Authorization, which must permit each event; left out, it is not asked.')
param decisionPoint DecisionPoint?

@description('Optional. How much the endpoint takes, and for how long it tries.')
param limits Limits = {
  eventBytes: 49152
  batchEvents: 100
  requestBytes: 5242880
  timeoutSeconds: 10
}

@description('Optional. Name of the queue, in lower-case letters, digits and single hyphens.')
@minLength(3)
@maxLength(56)
param queueName string = 'events-registration'

@description('Optional. Queues that events are spread over, by partition key or source. One is the queue itself, and takes 2,000 messages a second; more have its name with -0, -1 … behind it, and each needs its consumer.')
@minValue(1)
@maxValue(20)
param queueShards int = 1

@description('Optional. Principal ids of the consumers: service principals or managed identities that take events off the queue.')
@maxLength(50)
param consumerPrincipalIds string[] = []

@description('Optional. How instances are made, and how many there are.')
param scale Scale = {
  instanceMemoryMB: 2048
  httpConcurrency: 32
  maximumInstances: 40
  alwaysReadyInstances: 0
}

@description('Required. Redundancy of both storage accounts.')
param storageRedundancy Redundancy

@description('Optional. Whether instances are spread over zones, at the price of two that are always there; needs Standard_ZRS or Standard_GZRS, and a region with zones.')
param zoneRedundant bool = false

@description('Optional. Days after which the data of large events is deleted. A message that lies on a queue for longer, the poison queue included, has lost its data.')
@minValue(7)
@maxValue(365)
param payloadRetentionDays int = 30

@description('Optional. Days for which deleted payloads and packages can be had back; so long a payload is not erased, either.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 7

@description('Optional. Whether a lock keeps the account of the events from being deleted by mistake.')
param deleteLock bool = true

@description('Optional. Days for which the log is kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Optional. GB that the log takes in a day, a bound for its cost; when it is reached, alerts on the log are blind until the next day. 0: no bound.')
@minValue(0)
@maxValue(1000)
param logDailyQuotaGb int = 0

@description('Optional. Whether writes and deletions at the queues, and all requests for payloads, leave a line each in the log. Without them a Trace-Id cannot be followed to storage, and nobody is told of the poison queue, or of consumers that are behind until the day after.')
param logStorageRequests bool = true

@description('Required. E-mail addresses that alerts are sent to. None: they fire, and only the portal shows it.')
@maxLength(20)
param alertEmails string[]

@description('Optional. Names of alerts on the log that are off, such as falling-behind where consumers come once a night.')
@maxLength(8)
param mutedAlerts string[] = []

@description('Optional. Messages on all queues, on average over a day, above which there is a backlog.')
@minValue(0)
@maxValue(1000000)
param backlogMessages int = 100

@description('Optional. Whether the endpoint is asked from five places each five minutes.')
param availabilityTest bool = false

@description('Optional. Whether storage is reached by private endpoints alone; consumers then need a way into the network, too.')
param privateNetworking bool = false

@description('Optional. Address space of the network, a /24 or larger, where there is private networking. Its first 64 addresses are the function\'s, one for each instance.')
@minLength(9)
@maxLength(18)
param networkAddressPrefix string = '10.20.0.0/24'

@description('Optional. The only Front Door that requests may come through; left out, they may come from anywhere.')
param frontDoor FrontDoor?

@description('Whether a text has lower-case letters and digits alone, as names of storage accounts do.')
func isPlain(text string) bool =>
  empty(filter(range(0, length(text)), i => !contains('abcdefghijklmnopqrstuvwxyz0123456789', substring(text, i, 1))))

var suffix = isPlain('${workload}${environmentName}')
  ? '${workload}-${environmentName}'
  : fail('workload and environmentName must be lower-case letters and digits.')
var token = take(uniqueString(subscription().id, workload, environmentName, location), 8) // for names unique in all of Azure
var allTags = union(tags, { workload: workload, environment: environmentName })

var functionName = 'func-${suffix}-${token}'
var identityName = 'id-${suffix}'
var workspaceName = 'log-${suffix}'
var componentName = 'appi-${suffix}'
var eventsAccountName = 'st${workload}${environmentName}${token}'
var queueNames = queueShards == 1 ? [queueName] : map(range(0, queueShards), shard => '${queueName}-${shard}') // as the function has them
var queues Queue[] = map(queueNames, name => {
  name: name
  poisonName: length(name) <= 56
    ? '${name}-poison' // as Functions queue triggers have it
    : fail('queueName must be 54 characters at most with 2 to 10 queueShards, and 53 with more.')
})
var payloadContainerName = 'events-payloads' // as the function has it
var hostAccountName = 'st${environmentName}${token}host'
var packageContainerName = 'app-package'
var functionSubnet = {
  networkName: 'vnet-${suffix}'
  name: 'snet-function'
}

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${suffix}'
  location: location
  tags: allTags
}

module identity 'identity.bicep' = {
  scope: group
  params: {
    name: identityName
    location: location
    tags: allTags
  }
}

module monitoring 'monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: workspaceName
    componentName: componentName
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module eventsStorage 'events-storage.bicep' = {
  scope: group
  params: {
    name: eventsAccountName
    location: location
    tags: allTags
    sku: storageRedundancy
    publicNetworkAccess: !privateNetworking
    softDeleteDays: softDeleteDays
    queues: queues
    payloadContainerName: payloadContainerName
    payloadRetentionDays: payloadRetentionDays
    deleteLock: deleteLock
    workspaceName: workspaceName
    logRequests: logStorageRequests
  }
  dependsOn: [monitoring]
}

module hostStorage 'host-storage.bicep' = {
  scope: group
  params: {
    name: hostAccountName
    location: location
    tags: allTags
    sku: storageRedundancy
    publicNetworkAccess: !privateNetworking
    softDeleteDays: softDeleteDays
    packageContainerName: packageContainerName
  }
}

module roles 'roles.bicep' = {
  scope: group
  params: {
    identityName: identityName
    consumerPrincipalIds: consumerPrincipalIds
    eventsAccountName: eventsAccountName
    queues: queues
    payloadContainerName: payloadContainerName
    hostAccountName: hostAccountName
    componentName: componentName
  }
  dependsOn: [identity, monitoring, eventsStorage, hostStorage]
}

module secret 'key-vault-secret.bicep' = if (decisionPoint.?subscriptionKey != null) {
  scope: resourceGroup(decisionPoint.?subscriptionKey.?resourceGroupName ?? group.name)
  params: {
    vaultName: decisionPoint.?subscriptionKey.?vaultName ?? ''
    secretName: decisionPoint.?subscriptionKey.?secretName ?? ''
    identityName: identityName
    identityResourceGroupName: group.name
  }
  dependsOn: [identity]
}

module network 'network.bicep' = if (privateNetworking) {
  scope: group
  params: {
    name: functionSubnet.networkName
    functionSubnetName: functionSubnet.name
    suffix: suffix
    location: location
    tags: allTags
    addressPrefix: networkAddressPrefix
    eventsAccountName: eventsAccountName
    hostAccountName: hostAccountName
  }
  dependsOn: [eventsStorage, hostStorage]
}

module function 'function.bicep' = {
  scope: group
  params: {
    name: functionName
    planName: 'asp-${suffix}'
    location: location
    tags: allTags
    zoneRedundant: zoneRedundant && storageRedundancy == 'Standard_LRS'
      ? fail('zoneRedundant needs storageRedundancy Standard_ZRS or Standard_GZRS.')
      : zoneRedundant
    scale: scale
    identityName: identityName
    componentName: componentName
    hostAccountName: hostAccountName
    packageContainerName: packageContainerName
    eventsAccountName: eventsAccountName
    queueName: queueName
    queueShards: queueShards
    issuers: issuers
    publishScope: publishScope
    publishPolicy: publishPolicy
    decisionPoint: decisionPoint
    limits: limits.eventBytes > limits.requestBytes
      ? fail('limits.requestBytes must be eventBytes at least, for an event to fit in.')
      : limits
    subnet: privateNetworking ? functionSubnet : null
    frontDoor: frontDoor
  }
  dependsOn: [roles, secret, network] // the host looks for its package and its leases at once
}

module alerts 'alerts.bicep' = {
  scope: group
  params: {
    suffix: suffix
    location: location
    tags: allTags
    emails: alertEmails
    mutedAlerts: mutedAlerts
    workspaceName: workspaceName
    componentName: componentName
    eventsAccountName: eventsAccountName
    backlogMessages: backlogMessages
    queueShards: queueShards
    logRequests: logStorageRequests
    availabilityTest: availabilityTest
    hostName: frontDoor.?hostName ?? function.outputs.hostName
  }
}

module workbook 'workbook.bicep' = {
  scope: group
  params: {
    displayName: 'Events ${suffix}'
    location: location
    tags: allTags
    workspaceName: workspaceName
    eventsAccountName: eventsAccountName
  }
  dependsOn: [eventsStorage]
}

@description('Resource group of all resources.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Name of the function app: what to deploy the package to.')
output FUNCTION_APP_NAME string = functionName

@description('Base URL of the endpoint: what to ask for /health/ready, and to publish to at /events.')
output PUBLISH_BASE_URL string = 'https://${frontDoor.?hostName ?? function.outputs.hostName}/events/api/v1'

@description('Name of the account that the events lie in.')
output EVENTS_ACCOUNT_NAME string = eventsAccountName

@description('URL of the queue service: what consumers connect to.')
output EVENTS_QUEUE_SERVICE_URI string = 'https://${eventsAccountName}.queue.${environment().suffixes.storage}/'

@description('Name of the queue: what consumers take events off. With several, what their names begin with.')
output EVENTS_QUEUE_NAME string = queueName
