using 'main.bicep'

param environmentName = 'dev'
param location = 'norwayeast'

// Tokens of Maskinporten's test environment, and of Altinn's.
param issuers = [
  {
    issuer: 'https://test.maskinporten.no/'
  }
  {
    issuer: 'https://platform.tt02.altinn.no/authentication/api/v1/openid/'
  }
]

// Cheap, and gone without a trace: all copies in one datacenter, no instance that waits, no lock.
param storageRedundancy = 'Standard_LRS'
param deleteLock = false
param logDailyQuotaGb = 1

param alertEmails = [] // nobody is told until an address stands here
