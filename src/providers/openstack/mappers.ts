import { BlockList, isIP } from "node:net";

import type { Architecture, Size } from "../../iaas/catalog.ts";
import type { Image } from "../../iaas/images.ts";
import type { FoundInstance, InstanceFailure, InstanceState } from "../../iaas/model.ts";
import { callerTagsOf, ownershipOf } from "../../iaas/ownership.ts";
import type { Snapshot, Volume, VolumeState } from "../../iaas/volumes.ts";

/** A server in an answer of Nova's, as versions up to 2.46 give it: later ones no longer tell the flavor's id. */
export interface NovaServer {
  readonly id: string;
  readonly name?: string;
  readonly status?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Empty text for a server that was started from a volume. */
  readonly image?: { readonly id: string } | "";
  readonly flavor?: { readonly id?: string };
  readonly addresses?: Readonly<Record<string, readonly NovaAddress[]>>;
  readonly created?: string;
  readonly fault?: { readonly code?: number; readonly message?: string };
  readonly "OS-EXT-STS:task_state"?: string | null;
  readonly "OS-EXT-AZ:availability_zone"?: string;
  readonly "OS-EXT-SRV-ATTR:host"?: string | null;
}

interface NovaAddress {
  readonly addr: string;
  readonly "OS-EXT-IPS:type"?: "fixed" | "floating";
}

/** The version up to which servers are read: see {@link NovaServer}. It has tags already. */
export const readBy = 46;

const statuses: Readonly<Record<string, InstanceState>> = {
  ACTIVE: "running",
  BUILD: "pending",
  DELETED: "terminated",
  ERROR: "failed",
  HARD_REBOOT: "pending",
  MIGRATING: "running",
  PASSWORD: "running",
  PAUSED: "stopped",
  REBOOT: "pending",
  REBUILD: "pending",
  RESCUE: "running",
  RESIZE: "running",
  REVERT_RESIZE: "running",
  SHELVED: "stopped",
  SHELVED_OFFLOADED: "stopped",
  SHUTOFF: "stopped",
  SOFT_DELETED: "terminated",
  SUSPENDED: "stopped",
  VERIFY_RESIZE: "running",
};

/** What is under way, where it tells more than the status. */
const tasks: Readonly<Record<string, InstanceState>> = {
  deleting: "terminating",
  "powering-off": "stopping",
  "powering-on": "pending",
};

export function toInstance(server: NovaServer, region: string | null): FoundInstance {
  const { id, name = "", metadata = {}, image, flavor, created } = server;
  const state = tasks[server["OS-EXT-STS:task_state"] ?? ""] ?? statuses[server.status ?? ""] ?? "pending";
  const zone = server["OS-EXT-AZ:availability_zone"] ?? "";
  return {
    id,
    name,
    ownership: ownershipOf(metadata),
    state,
    failure: state === "failed" ? failureOf(server) : null,
    imageId: typeof image === "object" ? image.id : "",
    size: flavor?.id ?? null,
    placement: { region, zone: zone === "" ? null : zone, host: server["OS-EXT-SRV-ATTR:host"] ?? null },
    addresses: addressesOf(server),
    publishedPorts: [],
    createdAt: dateOf(created),
    tags: callerTagsOf(metadata),
  };
}

function failureOf({ fault }: NovaServer): InstanceFailure {
  const { code = 500, message = "Nova tells no reason" } = fault ?? {};
  return { vendorCode: String(code), message };
}

/** Networks that lead nowhere outside. */
const inside = new BlockList();
for (const [address, length] of [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["100.64.0.0", 10],
] as const) {
  inside.addSubnet(address, length, "ipv4");
}
for (const [address, length] of [
  ["fc00::", 7],
  ["fe80::", 10],
] as const)
  inside.addSubnet(address, length, "ipv6");

/** A floating IP is public, whatever its number; a fixed one where the network itself leads outside. */
function addressesOf({ addresses = {} }: NovaServer): FoundInstance["addresses"] {
  const all = Object.values(addresses).flat();
  const isPublic = (one: NovaAddress): boolean =>
    one["OS-EXT-IPS:type"] === "floating" || !inside.check(one.addr, isIP(one.addr) === 6 ? "ipv6" : "ipv4");
  const floatingFirst = all.toSorted((a, b) => rank(a) - rank(b));
  return {
    private: all.filter((one) => !isPublic(one)).map(({ addr }) => addr),
    public: floatingFirst.filter(isPublic).map(({ addr }) => addr),
  };
}

function rank({ addr, "OS-EXT-IPS:type": type }: NovaAddress): number {
  return (type === "floating" ? 0 : 2) + (isIP(addr) === 6 ? 1 : 0);
}

export interface NovaFlavor {
  readonly id: string;
  readonly name: string;
  readonly vcpus?: number;
  readonly ram?: number;
}

/** A flavor says nothing of the architecture: that is the image's, and the hosts'. */
const architectures: readonly Architecture[] = ["x86_64", "arm64", "i386"];

export function toSize({ id, vcpus = 0, ram = 0 }: NovaFlavor): Size {
  return { id, cpus: vcpus, memoryMiB: ram, architectures };
}

/** An image in an answer of Glance's: its properties stand beside its fields. */
export interface GlanceImage {
  readonly id: string;
  readonly name?: string | null;
  readonly status?: string;
  readonly visibility?: string;
  readonly owner?: string | null;
  readonly created_at?: string;
  readonly architecture?: string;
  readonly [property: string]: unknown;
}

const imageStates: Readonly<Record<string, Image["state"]>> = {
  active: "available",
  queued: "creating",
  saving: "creating",
  importing: "creating",
  uploading: "creating",
};
const glanceArchitectures: Readonly<Record<string, Architecture>> = {
  x86_64: "x86_64",
  aarch64: "arm64",
  i686: "i386",
  i386: "i386",
};

export function toImage(image: GlanceImage): Image {
  const name = image.name ?? "";
  const texts = Object.entries(image).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const ownership = ownershipOf(Object.fromEntries(texts));
  return {
    id: image.id,
    name,
    state: imageStates[image.status ?? ""] ?? "failed",
    architecture: glanceArchitectures[image.architecture ?? ""] ?? null,
    createdAt: dateOf(image.created_at),
    // An image of an instance inherits the properties of the instance's image: ours is named by its key.
    ownership: ownership?.key === name ? ownership : null,
  };
}

export interface CinderVolume {
  readonly id: string;
  readonly size?: number;
  readonly status?: string;
  readonly availability_zone?: string | null;
  readonly created_at?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly attachments?: readonly { readonly server_id: string; readonly device?: string | null }[];
}

const volumeStates: Readonly<Record<string, VolumeState>> = {
  creating: "creating",
  downloading: "creating",
  available: "available",
  reserved: "attaching",
  attaching: "attaching",
  "in-use": "in-use",
  maintenance: "in-use",
  retyping: "in-use",
  detaching: "detaching",
  deleting: "deleting",
};

export function toVolume(volume: CinderVolume): Volume {
  const { id, size = 0, status = "", availability_zone: zone, attachments = [], created_at, metadata = {} } = volume;
  const [attachment] = attachments;
  const isFailed = status.startsWith("error");
  return {
    id,
    sizeGiB: size,
    zone: zone ?? null,
    state: isFailed ? "failed" : (volumeStates[status] ?? "creating"),
    attachment: attachment === undefined ? null : { instanceId: attachment.server_id, device: attachment.device ?? "" },
    createdAt: dateOf(created_at),
    ownership: ownershipOf(metadata),
  };
}

export interface CinderSnapshot {
  readonly id: string;
  readonly volume_id: string;
  readonly status?: string;
  readonly created_at?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export function toSnapshot({ id, volume_id, status = "", created_at, metadata = {} }: CinderSnapshot): Snapshot {
  return {
    id,
    volumeId: volume_id,
    state: status === "available" ? "available" : status.startsWith("error") ? "failed" : "creating",
    createdAt: dateOf(created_at),
    ownership: ownershipOf(metadata),
  };
}

/** Times are in UTC; Cinder does not say so. */
function dateOf(text: string | undefined): Date | null {
  if (text === undefined) return null;
  return new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
}
