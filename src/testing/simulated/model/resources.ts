import type { Timeline } from "./timeline.ts";

export type InstanceStatus = "pending" | "running" | "stopping" | "stopped" | "terminating" | "terminated";
type VolumeStatus = "creating" | "available" | "deleted";
type AttachmentStatus = "attaching" | "attached" | "detaching" | "detached";
type CopyStatus = "creating" | "available";

/** What every resource has. */
export interface Resource {
  readonly id: string;
  readonly createdAtMs: number;
  /** Reads do not show it before. */
  readonly visibleAtMs: number;
  readonly tags: Map<string, string>;
}

export interface InstanceResource extends Resource {
  readonly imageId: string;
  readonly sizeId: string;
  readonly zone: string;
  readonly status: Timeline<InstanceStatus>;
  readonly keyPair: string | null;
  readonly groupIds: readonly string[];
  readonly userData: Uint8Array | null;
  readonly privateAddress: string;
  readonly publicAddress: string;
  readonly token: string | null;
  /** Instances of one launch share it. */
  readonly launchId: string;
  readonly rootVolumeId: string;
  /** Why it ended by itself. */
  failure: { readonly code: string; readonly message: string; readonly atMs: number } | null;
}

export interface AddressResource extends Resource {
  readonly address: string;
  association: { readonly id: string; readonly instanceId: string } | null;
}

/** One source of one range of ports. */
export interface Rule {
  readonly protocol: string;
  readonly fromPort: number | null;
  readonly toPort: number | null;
  readonly source: string;
}

export interface GroupResource extends Resource {
  readonly name: string;
  readonly description: string;
  readonly networkId: string;
  readonly rules: Map<string, Rule>;
}

export interface KeyPairResource extends Resource {
  readonly name: string;
  readonly publicKey: string;
}

export interface VolumeResource extends Resource {
  readonly zone: string;
  readonly sizeGiB: number;
  readonly snapshotId: string | null;
  readonly status: Timeline<VolumeStatus>;
  attachment: {
    readonly instanceId: string;
    readonly device: string;
    readonly atMs: number;
    readonly endsWithInstance: boolean;
    readonly status: Timeline<AttachmentStatus>;
  } | null;
}

export interface SnapshotResource extends Resource {
  readonly volumeId: string;
  readonly sizeGiB: number;
  readonly status: Timeline<CopyStatus>;
}

export interface ImageResource extends Resource {
  readonly name: string;
  readonly architecture: string;
  readonly owned: boolean;
  readonly snapshotIds: readonly string[];
  readonly status: Timeline<CopyStatus>;
  isPublic: boolean;
  readonly sharedWith: Set<string>;
}
