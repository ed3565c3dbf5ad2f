export { defineCartridge } from "./cartridge/define.ts";
export type { CartridgeWarning } from "./cartridge/document.ts";
export { lintCartridge, type LintFinding, type LintOptions } from "./cartridge/lint.ts";
export type {
  Cartridge,
  CartridgeIaasProvider,
  CartridgeLayer,
  CartridgePort,
  CartridgeVolume,
} from "./cartridge/model.ts";
export {
  type CartridgeFormat,
  type CartridgeReading,
  readCartridges,
  type ReadCartridgesOptions,
} from "./cartridge/read.ts";
export { resolveCartridge, type ResolvedCartridge, type ResolveOptions } from "./cartridge/resolve.ts";
export type { ControllerConfig, ControllerIaas, ControllerPartition } from "./controller/config.ts";
export {
  CloudController,
  type ControllerLaunchOptions,
  type ControllerOptions,
  type PlacedInstance,
} from "./controller/controller.ts";
export type { IaasConstructor } from "./controller/providers.ts";
export type { Caller, CallContext, ErrorMapper } from "./iaas/call.ts";
export {
  type Can,
  type Capabilities,
  type CapabilityFindings,
  type CapabilityPath,
  type CapabilityValue,
  type Declared,
  defineCapabilities,
  type FacetName,
  type Facets,
  type FacetTypes,
  type Limit,
  type OptionalCapabilities,
  type PayloadLimits,
  type With,
} from "./iaas/capabilities.ts";
export {
  type Architecture,
  Catalog,
  type Host,
  type Region,
  type Size,
  type SizeRequirement,
  type Zone,
} from "./iaas/catalog.ts";
export { type Clock, systemClock } from "./iaas/clock.ts";
export {
  type AnyIaasError,
  AuthenticationError,
  ConflictError,
  type ConflictReason,
  type ErrorOrigin,
  type ErrorScope,
  IaasError,
  type IaasErrorCode,
  type IaasErrorDetails,
  type InputPosition,
  InsufficientCapacityError,
  InvalidInputError,
  MissingDependencyError,
  NotFoundError,
  type Outcome,
  OutcomeUnknownError,
  PartialFailureError,
  PayloadTooLargeError,
  PermissionDeniedError,
  ProviderFailureError,
  QuotaExceededError,
  type RetryVerdict,
  ThrottledError,
  TimeoutError,
  UnavailableError,
  UnsupportedCapabilityError,
} from "./iaas/errors.ts";
export {
  type AllocateFloatingIpOptions,
  type AssociateFloatingIpOptions,
  type FloatingIp,
  FloatingIps,
} from "./iaas/floating-ips.ts";
export { Iaas, type ProbeReport, type WaitCondition, type WaitOptions } from "./iaas/iaas.ts";
export { type FindImageOptions, type Image, Images, type ImageVisibility } from "./iaas/images.ts";
export type { ListInput } from "./iaas/instances.ts";
export { type ImportKeyPairOptions, type KeyPair, KeyPairs } from "./iaas/key-pairs.ts";
export type { LaunchInput } from "./iaas/launcher.ts";
export type { LaunchOptions, LaunchVolume, NetworkOptions, PartitionOptions } from "./iaas/launch-options.ts";
export {
  type CallOptions,
  endpointOf,
  type FoundInstance,
  type Instance,
  type InstanceFailure,
  type InstanceState,
  type Ownership,
  type Page,
  type Placement,
  type Port,
  type PublishedPort,
  type ResourceKind,
  type ResourceRef,
} from "./iaas/model.ts";
export { callerTagsOf, keyTag, ownershipOf, ownerTag, tagsOf } from "./iaas/ownership.ts";
export type { FacetMakers, IaasOptions, ProviderDefinition } from "./iaas/provider-definition.ts";
export { reveal, Secret } from "./iaas/secret.ts";
export {
  type EnsureSecurityGroupOptions,
  type SecurityGroup,
  type SecurityGroupRule,
  type SecurityGroupRulesOptions,
  SecurityGroups,
} from "./iaas/security-groups.ts";
export type { SweepOptions, SweepReport } from "./iaas/sweeper.ts";
export type { CallTrace } from "./iaas/tracing.ts";
export {
  type AttachVolumeOptions,
  type CreateVolumeOptions,
  type Snapshot,
  type Volume,
  Volumes,
  type VolumeSource,
  type VolumeState,
} from "./iaas/volumes.ts";
export { type PayloadFormat, type PayloadFormatName, payloadFormats } from "./payload/format.ts";
export { folderPayloadStore } from "./payload/hosting/folder-store.ts";
export { PayloadHost, type PayloadHostOptions } from "./payload/hosting/host.ts";
export type { PayloadHosting, PayloadIntent, PublishedPayload } from "./payload/hosting/hosting.ts";
export { memoryPayloadStore } from "./payload/hosting/memory-store.ts";
export { postgresPayloadStore, type PostgresQueries } from "./payload/hosting/postgres-store.ts";
export { redisPayloadStore, type RedisCommands } from "./payload/hosting/redis-store.ts";
export type { ListenOptions, PayloadServer } from "./payload/hosting/server.ts";
export type { PayloadStore } from "./payload/hosting/store.ts";
export { Payload, type PayloadFile, type PayloadScript } from "./payload/payload.ts";
export { PayloadPlan, type PlanFields, type PlanFile, type PlanStep } from "./payload/payload-plan.ts";
export { planPayload, type PlanOptions } from "./payload/plan.ts";
