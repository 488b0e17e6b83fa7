using 'main.bicep'

param environmentName = 'prod'
param location = 'norwayeast'

param issuers = [
  {
    issuer: 'https://maskinporten.no/'
  }
  {
    issuer: 'https://platform.altinn.no/authentication/api/v1/openid/'
  }
]

// Whoever holds the scope may publish anything; publishPolicy says who may publish what instead.

// A zone may fail: the storage has copies in three, and two instances are always there, in two of them.
param storageRedundancy = 'Standard_ZRS'
param zoneRedundant = true
param scale = {
  instanceMemoryMB: 2048
  httpConcurrency: 32
  maximumInstances: 40
  alwaysReadyInstances: 2
}

param logRetentionDays = 90
param availabilityTest = true
param alertEmails = [] // nobody is told until an address stands here
