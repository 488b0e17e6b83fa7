metadata name = 'Identity'
metadata description = 'Who the function is: one identity for storage, deployment and telemetry; roles.bicep says what it may do.'

import { Tags } from 'types.bicep'

@description('Required. Name of the identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Required. Region.')
param location string

@description('Required. Tags of the identity.')
param tags Tags

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}
