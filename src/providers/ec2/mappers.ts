import type {
  Address as Ec2Address,
  Image as Ec2Image,
  Instance as Ec2Instance,
  InstanceTypeInfo,
  IpPermission,
  KeyPairInfo,
  SecurityGroup as Ec2SecurityGroup,
  Snapshot as Ec2Snapshot,
  Tag,
  TagSpecification,
  Volume as Ec2Volume,
} from "@aws-sdk/client-ec2";

import type { Architecture, Size } from "../../iaas/catalog.ts";
import type { FloatingIp } from "../../iaas/floating-ips.ts";
import type { Image } from "../../iaas/images.ts";
import type { KeyPair } from "../../iaas/key-pairs.ts";
import type { FoundInstance, InstanceFailure, InstanceState, Ownership } from "../../iaas/model.ts";
import { callerTagsOf, ownershipOf, tagsOf } from "../../iaas/ownership.ts";
import type { SecurityGroup, SecurityGroupRule } from "../../iaas/security-groups.ts";
import type { Snapshot, Volume, VolumeState } from "../../iaas/volumes.ts";

const instanceStates: Readonly<Record<string, InstanceState>> = {
  pending: "pending",
  running: "running",
  "shutting-down": "terminating",
  terminated: "terminated",
  stopping: "stopping",
  stopped: "stopped",
};

/** State reasons of an end that somebody asked for. */
const wanted = /\.(UserInitiated|InstanceInitiated)(Shutdown|Hibernate)$/;

export function toInstance(instance: Ec2Instance, region: string): FoundInstance {
  const tags = tagRecord(instance.Tags);
  const { Name: name = "", ...others } = callerTagsOf(tags);
  const state = instanceStates[instance.State?.Name ?? ""] ?? "pending";
  return {
    id: instance.InstanceId ?? "",
    name,
    ownership: ownershipOf(tags),
    state,
    failure: state === "running" || state === "pending" ? null : failureOf(instance),
    imageId: instance.ImageId ?? "",
    size: instance.InstanceType ?? null,
    placement: {
      region,
      zone: instance.Placement?.AvailabilityZone ?? null,
      host: instance.Placement?.HostId ?? null,
    },
    addresses: { private: present([instance.PrivateIpAddress]), public: present([instance.PublicIpAddress]) },
    publishedPorts: [],
    createdAt: instance.LaunchTime ?? null,
    tags: others,
  };
}

function failureOf({ StateReason: reason }: Ec2Instance): InstanceFailure | null {
  const code = reason?.Code ?? "";
  if (!/^(Server|Client)\./.test(code) || wanted.test(code)) return null;
  return { vendorCode: code, message: reason?.Message ?? code };
}

export function toFloatingIp(address: Ec2Address): FloatingIp {
  return {
    id: address.AllocationId ?? "",
    address: address.PublicIp ?? "",
    instanceId: present([address.InstanceId])[0] ?? null,
    ownership: ownershipOf(tagRecord(address.Tags)),
  };
}

export function toSecurityGroup(group: Ec2SecurityGroup): SecurityGroup {
  return {
    id: group.GroupId ?? "",
    name: group.GroupName ?? "",
    rules: (group.IpPermissions ?? []).flatMap(toRules),
    ownership: ownershipOf(tagRecord(group.Tags)),
  };
}

function toRules(permission: IpPermission): SecurityGroupRule[] {
  const protocol = protocolOf(permission.IpProtocol);
  if (protocol === null) return [];
  const hasPorts = protocol === "tcp" || protocol === "udp";
  const ports = {
    fromPort: hasPorts ? (permission.FromPort ?? 1) : null,
    toPort: hasPorts ? (permission.ToPort ?? 65_535) : null,
  };
  const sources = [
    ...present((permission.IpRanges ?? []).map(({ CidrIp }) => CidrIp)).map((cidr) => ({ cidr })),
    ...present((permission.Ipv6Ranges ?? []).map(({ CidrIpv6 }) => CidrIpv6)).map((cidr) => ({ cidr })),
    ...present((permission.UserIdGroupPairs ?? []).map(({ GroupId }) => GroupId)).map((id) => ({
      securityGroupId: id,
    })),
  ];
  return sources.map((source) => ({ protocol, ...ports, source }));
}

function protocolOf(protocol: string | undefined): SecurityGroupRule["protocol"] | null {
  if (protocol === "-1") return "all";
  if (protocol === "icmpv6") return "icmp";
  return protocol === "tcp" || protocol === "udp" || protocol === "icmp" ? protocol : null;
}

/** EC2's form of a rule. ICMP is allowed in all its types, and for IPv6 it has another name. */
export function toPermission({ protocol, fromPort, toPort, source }: SecurityGroupRule): IpPermission {
  const isIpv6 = "cidr" in source && source.cidr.includes(":");
  const name = protocol === "all" ? "-1" : protocol === "icmp" && isIpv6 ? "icmpv6" : protocol;
  const ports = protocol === "all" ? {} : { FromPort: fromPort ?? -1, ToPort: toPort ?? -1 };
  if ("securityGroupId" in source) {
    return { IpProtocol: name, ...ports, UserIdGroupPairs: [{ GroupId: source.securityGroupId }] };
  }
  const ranges = isIpv6 ? { Ipv6Ranges: [{ CidrIpv6: source.cidr }] } : { IpRanges: [{ CidrIp: source.cidr }] };
  return { IpProtocol: name, ...ports, ...ranges };
}

export function toKeyPair(keyPair: KeyPairInfo): KeyPair {
  return {
    id: keyPair.KeyPairId ?? keyPair.KeyName ?? "",
    name: keyPair.KeyName ?? "",
    ownership: ownershipOf(tagRecord(keyPair.Tags)),
  };
}

const volumeStates: Readonly<Record<string, VolumeState>> = {
  creating: "creating",
  available: "available",
  "in-use": "in-use",
  deleting: "deleting",
  deleted: "deleting",
  error: "failed",
};

export function toVolume(volume: Ec2Volume): Volume {
  const attachment = (volume.Attachments ?? []).find(({ State }) => State !== "detached");
  const state = volumeStates[volume.State ?? ""] ?? "creating";
  const transition = attachment?.State === "attaching" || attachment?.State === "detaching" ? attachment.State : null;
  return {
    id: volume.VolumeId ?? "",
    sizeGiB: volume.Size ?? 0,
    zone: volume.AvailabilityZone ?? null,
    state: transition ?? state,
    attachment:
      attachment === undefined ? null : { instanceId: attachment.InstanceId ?? "", device: attachment.Device ?? "" },
    createdAt: volume.CreateTime ?? null,
    ownership: ownershipOf(tagRecord(volume.Tags)),
  };
}

export function toSnapshot(snapshot: Ec2Snapshot): Snapshot {
  const states = { completed: "available", error: "failed" } as const;
  return {
    id: snapshot.SnapshotId ?? "",
    volumeId: snapshot.VolumeId ?? "",
    state: states[snapshot.State as keyof typeof states] ?? "creating",
    createdAt: snapshot.StartTime ?? null,
    ownership: ownershipOf(tagRecord(snapshot.Tags)),
  };
}

export function toImage(image: Ec2Image): Image {
  const states = { available: "available", pending: "creating", transient: "creating" } as const;
  return {
    id: image.ImageId ?? "",
    name: image.Name ?? "",
    state: states[image.State as keyof typeof states] ?? "failed",
    architecture: toArchitecture(image.Architecture),
    createdAt: image.CreationDate === undefined ? null : new Date(image.CreationDate),
    ownership: ownershipOf(tagRecord(image.Tags)),
  };
}

export function toSize(type: InstanceTypeInfo): Size {
  return {
    id: type.InstanceType ?? "",
    cpus: type.VCpuInfo?.DefaultVCpus ?? 0,
    memoryMiB: type.MemoryInfo?.SizeInMiB ?? 0,
    architectures: (type.ProcessorInfo?.SupportedArchitectures ?? []).map(toArchitecture).filter((one) => one !== null),
  };
}

function toArchitecture(architecture: string | undefined): Architecture | null {
  return architecture === "x86_64" || architecture === "arm64" || architecture === "i386" ? architecture : null;
}

/** Tags of a new resource: who made it, and its name where people look for one. */
export function tagged(type: TagSpecification["ResourceType"], ownership: Ownership): TagSpecification[] {
  return [{ ResourceType: type, Tags: tagList({ ...tagsOf(ownership), Name: ownership.key }) }];
}

export function tagList(tags: Readonly<Record<string, string>>): Tag[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

function tagRecord(tags: readonly Tag[] | undefined): Record<string, string> {
  return Object.fromEntries((tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
}

function present(values: readonly (string | undefined)[]): string[] {
  return values.filter((value): value is string => value !== undefined && value !== "");
}
