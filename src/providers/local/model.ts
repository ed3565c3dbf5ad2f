import type { Ownership } from "../../iaas/model.ts";
import type { ProcessIdentity } from "./processes.ts";

/** What an image's `image.json` says. */
export interface Manifest {
  /** Program and arguments; runs in the instance's folder. */
  readonly command: readonly string[];
  readonly ports: readonly number[];
}

/** An instance on disk. Its state is not written: it follows from its processes. */
export interface InstanceRecord {
  readonly id: string;
  readonly name: string;
  readonly ownership: Ownership;
  readonly imageId: string;
  readonly manifest: Manifest;
  readonly address: string;
  readonly publishedPorts: readonly { readonly port: number; readonly publishedPort: number }[];
  readonly createdAt: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether the payload's scripts run. */
  readonly execute: boolean;
  /** What it shall be; `creating` until its maker has started it for the first time. */
  readonly intent: "creating" | "running" | "stopped" | "terminating";
  /** Who is making it: when that process is gone, nobody will finish it. */
  readonly maker: ProcessIdentity;
  /** How often it has been started. */
  readonly starts: number;
  /** Files that the payload has put in place, below the instance's root. */
  readonly payloadFiles: readonly string[];
}

/** An address in use, by an instance or as a floating IP. */
export interface AddressRecord {
  readonly address: string;
  readonly usedBy: string;
}

export interface FloatingIpRecord {
  readonly address: string;
  readonly ownership: Ownership;
}

/** A floating IP that leads to an instance, for as long as its forwarder runs. */
export interface AssociationRecord {
  readonly address: string;
  readonly instanceId: string;
  readonly maker: ProcessIdentity;
  readonly forwarder: ProcessIdentity | null;
}

export interface VolumeRecord {
  readonly id: string;
  readonly sizeGiB: number;
  readonly createdAt: string;
  readonly ownership: Ownership;
  readonly attachment: { readonly instanceId: string; readonly device: string } | null;
}

export interface SnapshotRecord {
  readonly id: string;
  readonly volumeId: string;
  readonly sizeGiB: number;
  readonly createdAt: string;
  readonly ownership: Ownership;
}
