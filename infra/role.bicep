metadata name = 'Role'
metadata description = 'The built-in roles that are given, by their official names, and how one is.'

@description('A role for a principal that is an application or a managed identity.')
type Assignment = {
  @description('Who.')
  principalId: string

  @description('What kind it is: said, so that Entra need not know the principal yet.')
  principalType: 'ServicePrincipal'

  @description('Resource id of the role.')
  roleDefinitionId: string
}

@description('A role for a principal.')
@export()
func assignment(principalId string, role string) Assignment => {
  principalId: principalId
  principalType: 'ServicePrincipal'
  roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
}

@description('Ids of the roles.')
@export()
var roles = {
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Storage Blob Data Contributor': 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Blob Data Reader': '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  'Storage Queue Data Message Processor': '8a0f0c08-91a1-4084-bc3d-661d67233fed'
  'Storage Queue Data Message Sender': 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'
  'Storage Queue Data Reader': '19e7f393-937e-4f77-808e-94535e297925'
}
