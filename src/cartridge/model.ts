import type { LaunchOptions } from "../iaas/launch-options.ts";
import type { Port } from "../iaas/model.ts";

/** A port that the runtime serves. */
export interface CartridgePort extends Port {
  /** The port under which a load balancer offers it. */
  readonly proxyPort?: number | undefined;
}

/** A volume that each instance has: an existing one, by its id, or a new one. */
export interface CartridgeVolume {
  readonly volumeId?: string | undefined;
  readonly sizeGiB?: number | undefined;
  readonly snapshotId?: string | undefined;
  readonly device?: string | undefined;
  readonly deleteOnTermination?: boolean | undefined;
  /** Where the guest mounts it. */
  readonly mountPath?: string | undefined;
}

/** What a launch is made of, at one of the levels that are merged: defaults, cartridge, its IaaS, partition, call. */
export interface CartridgeLayer extends Pick<
  LaunchOptions,
  | "size"
  | "partition"
  | "keyPair"
  | "securityGroups"
  | "networks"
  | "floatingIp"
  | "tags"
  | "payload"
  | "payloadFormat"
  | "allowInlineSecrets"
  | "until"
  | "providerOptions"
> {
  /** The image for everybody. */
  readonly image?: string | undefined;
  /** Images of tenants that have their own, where images cannot be public. */
  readonly tenantImages?: Readonly<Record<string, string>> | undefined;
  readonly ports?: readonly CartridgePort[] | undefined;
  readonly volumes?: readonly CartridgeVolume[] | undefined;
  /** Pairs for the payload. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Settings that this library does not know, kept for whoever does. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
}

/** What a cartridge needs on one Iaas: an existing one, by its type, or a new one that it defines. */
export interface CartridgeIaasProvider extends CartridgeLayer {
  /** The type of a configured Iaas, or the unique type of a new one. */
  readonly type: string;
  /** For people. */
  readonly name?: string | undefined;
  /** For a new Iaas: the registered provider that makes it. Default: the type. */
  readonly provider?: string | undefined;
  /** For a new Iaas: what its constructor is given. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

/** An application runtime, and what it needs on each Iaas where it can run. */
export interface Cartridge extends CartridgeLayer {
  readonly type: string;
  /** Domain below which its instances get their host names. */
  readonly host?: string | undefined;
  /** Who made the runtime, as `apache`. Not an Iaas. */
  readonly vendor?: string | undefined;
  readonly version?: string | undefined;
  readonly displayName?: string | undefined;
  readonly description?: string | undefined;
  readonly multiTenant?: boolean | undefined;
  /** What is deployed into it, and where. */
  readonly deployment?: { readonly baseFolder?: string | undefined; readonly folders: readonly string[] } | undefined;
  /** At least one. */
  readonly iaasProviders: readonly CartridgeIaasProvider[];
  /** Parts of a Stratos definition that do not concern an Iaas, as they were. */
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}
