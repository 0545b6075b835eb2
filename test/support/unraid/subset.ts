/** What of Unraid's GraphQL API the plugin uses, in its notation: for where the schema that the vendor publishes is not at hand. */
export const SUBSET = `
scalar PrefixedID
scalar BigInt

type Query {
  array: UnraidArray!
  docker: Docker!
  info: Info!
  me: UserAccount!
  metrics: Metrics!
  vms: Vms!
}

type Mutation {
  docker: DockerMutations!
  vm: VmMutations!
}

type UnraidArray { state: ArrayState! capacity: ArrayCapacity! parities: [ArrayDisk!]! disks: [ArrayDisk!]! caches: [ArrayDisk!]! }
type ArrayCapacity { kilobytes: Capacity! }
type Capacity { free: String! total: String! }
type ArrayDisk { name: String status: ArrayDiskStatus numErrors: BigInt fsSize: BigInt fsFree: BigInt }
enum ArrayState { STARTED STOPPED NEW_ARRAY DISABLE_DISK }
enum ArrayDiskStatus { DISK_NP DISK_OK DISK_INVALID DISK_WRONG DISK_DSBL }

type Docker { containers: [DockerContainer!]! }
type DockerContainer { id: PrefixedID! names: [String!]! state: ContainerState! status: String! }
enum ContainerState { RUNNING PAUSED EXITED }
type DockerMutations {
  start(id: PrefixedID!): DockerContainer!
  stop(id: PrefixedID!): DockerContainer!
  unpause(id: PrefixedID!): DockerContainer!
}

type Vms { domains: [VmDomain!] }
type VmDomain { id: PrefixedID! name: String state: VmState! }
enum VmState { NOSTATE RUNNING IDLE PAUSED SHUTDOWN SHUTOFF CRASHED PMSUSPENDED }
type VmMutations {
  start(id: PrefixedID!): Boolean!
  stop(id: PrefixedID!): Boolean!
  resume(id: PrefixedID!): Boolean!
  forceStop(id: PrefixedID!): Boolean!
}

type Info { versions: InfoVersions! }
type InfoVersions { core: CoreVersions! }
type CoreVersions { unraid: String api: String }
type Metrics { id: PrefixedID! memory: MemoryUtilization }
type MemoryUtilization { total: BigInt! available: BigInt! }

type UserAccount { roles: [Role!]! permissions: [Permission!] }
type Permission { resource: Resource! actions: [AuthAction!]! }
enum Role { ADMIN CONNECT GUEST VIEWER }
enum Resource { ARRAY DOCKER INFO ME VMS }
enum AuthAction { READ_ANY UPDATE_ANY }
`;
