metadata name = 'Key Vault secret'
metadata description = 'Lets the function read one secret of a vault that is there already, and nothing else of it.'

@description('Required. Name of the vault.')
@minLength(3)
@maxLength(24)
param vaultName string

@description('Required. Name of the secret.')
@minLength(1)
@maxLength(127)
param secretName string

@description('Required. Name of the identity of the function.')
@minLength(3)
@maxLength(128)
param identityName string

@description('Required. Name of the identity\'s resource group.')
@minLength(1)
@maxLength(90)
param identityResourceGroupName string

var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName

  resource secret 'secrets' existing = {
    name: secretName
  }
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  scope: resourceGroup(identityResourceGroupName)
  name: identityName
}

resource functionOnSecret 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault::secret
  name: guid(vault::secret.id, identity.id, keyVaultSecretsUser)
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsUser)
  }
}
