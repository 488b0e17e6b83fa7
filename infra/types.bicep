metadata name = 'Types'
metadata description = 'What several modules take as a parameter.'

@description('Tags of a resource: names and values.')
@export()
type Tags = {
  @description('The value of the tag.')
  *: string
}

@description('How many copies of the data there are, and where. With ZRS a zone may fail; a failover to the other region of GZRS loses what was not copied yet.')
@export()
type Redundancy = 'Standard_LRS' | 'Standard_ZRS' | 'Standard_GZRS'

@description('A token issuer that is trusted, as TOKEN_ISSUERS has it.')
@export()
type Issuer = {
  @description('The exact `iss` of its tokens, such as https://maskinporten.no/.')
  issuer: string

  @description('Where its keys are; left out, its metadata says so.')
  jwks_uri: string?

  @description('What `aud` must contain; left out, it is not looked at.')
  audience: string?
}

@description('An entry of the publish policy, as PUBLISH_POLICY has it: the first that matches decides, and none is a refusal.')
@export()
type PolicyEntry = {
  @description('What becomes of an event that matches: allow when left out.')
  effect: ('allow' | 'deny')?

  @description('Who: organisation numbers, org:NAME, client:ID, scope:NAME; left out, anybody.')
  publishers: string[]?

  @description('Resources, or prefixes that end in *; left out, any.')
  resources: string[]?

  @description('Event types, or prefixes that end in *; left out, any.')
  types: string[]?

  @description('Sources, or prefixes that end in *; left out, any.')
  sources: string[]?
}

@description('Altinn Authorization, which must permit each event.')
@export()
type DecisionPoint = {
  @description('URL of its decision endpoint.')
  url: string

  @description('Where the key of the subscription to it lies: a Key Vault secret, whose vault allows Azure roles.')
  subscriptionKey: {
    @description('Name of the vault.')
    @minLength(3)
    @maxLength(24)
    vaultName: string

    @description('Name of the vault\'s resource group, in this subscription.')
    @minLength(1)
    @maxLength(90)
    resourceGroupName: string

    @description('Name of the secret.')
    @minLength(1)
    @maxLength(127)
    secretName: string
  }?
}

@description('How much the endpoint takes, and for how long it tries.')
@export()
type Limits = {
  @description('Largest event, in bytes of JSON. Above 49152 its data travels beside the queue, which consumers must know of.')
  @minValue(1)
  @maxValue(104857600)
  eventBytes: int

  @description('Events in a batch.')
  @minValue(1)
  @maxValue(10000)
  batchEvents: int

  @description('Largest body, in bytes: eventBytes at least.')
  @minValue(1)
  @maxValue(104857600)
  requestBytes: int

  @description('Seconds that one request may take in all.')
  @minValue(4)
  @maxValue(50)
  timeoutSeconds: int
}

@description('A queue that the function sends to.')
@export()
type Queue = {
  @description('Its name.')
  @minLength(3)
  @maxLength(56)
  name: string

  @description('Name of the queue that consumers move to what they give up on.')
  @minLength(3)
  @maxLength(63)
  poisonName: string
}

@description('How instances are made, and how many there are.')
@export()
type Scale = {
  @description('Memory of an instance, in MB, and with it its share of a core: 512 has a quarter, 2048 has one, 4096 has two.')
  instanceMemoryMB: 512 | 2048 | 4096

  @description('Requests that an instance has at once before another is started. Too few, and cores idle while storage is slow; too many, and requests wait for a core before another instance is started. One has 100 places for attempts at storage; of more than that the rest would wait there.')
  @minValue(1)
  @maxValue(1000)
  httpConcurrency: int

  @description('Instances at most; some regions take no less than 40. A surge may start a few more for a while.')
  @minValue(1)
  @maxValue(1000)
  maximumInstances: int

  @description('Instances that are always there and always billed, so that nobody waits for a start. A zone-redundant plan has two at least, whatever is said here.')
  @minValue(0)
  @maxValue(100)
  alwaysReadyInstances: int
}

@description('An Azure Front Door that stands before the endpoint: nothing else gets through to it then.')
@export()
type FrontDoor = {
  @description('Its id, which it sends as X-Azure-FDID.')
  @minLength(36)
  @maxLength(36)
  id: string

  @description('Host name that publishers use.')
  @minLength(4)
  @maxLength(253)
  hostName: string
}

@description('A subnet of a virtual network.')
@export()
type Subnet = {
  @description('Name of the virtual network.')
  @minLength(2)
  @maxLength(64)
  networkName: string

  @description('Name of the subnet.')
  @minLength(1)
  @maxLength(80)
  name: string
}
