using '../../infra/main.bicep'
extends '../../infra/prod.bicepparam'

param privateNetworking = true

// What the two deployments in infra/ leave out.
param queueShards = 2
param alertEmails = ['events-operations@example.no']
param mutedAlerts = ['falling-behind']
param consumerPrincipalIds = ['00000000-0000-0000-0000-00000000c0de']
param publishPolicy = [
  {
    effect: 'deny'
    publishers: ['client:0f1e7d0c-revoked']
  }
  {
    publishers: ['991825827']
    resources: ['urn:altinn:resource:dodsbo.*']
  }
]
param decisionPoint = {
  url: 'https://platform.altinn.no/authorization/api/v1/decision'
  subscriptionKey: {
    vaultName: 'kv-events-prod'
    resourceGroupName: 'rg-keys-prod'
    secretName: 'altinn-authorization'
  }
}
param frontDoor = {
  id: '00000000-0000-0000-0000-0000000000fd'
  hostName: 'events.example.no'
}
