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

// Who may publish what, first match first. Without entries whoever holds the scope may publish anything.
param publishPolicy = []

// A zone may fail: the storage has copies in three, and two instances are always there, in two of them.
param storageRedundancy = 'Standard_ZRS'
param zoneRedundant = true
param scale = {
  instanceMemoryMB: 2048
  httpConcurrency: 100
  maximumInstances: 40
  alwaysReadyInstances: 2
}

param logRetentionDays = 90
param availabilityTest = true
param alertEmails = ['events-operations@example.no']

// Storage by private endpoints alone; consumers then need a way into the network, too.
param privateNetworking = false
