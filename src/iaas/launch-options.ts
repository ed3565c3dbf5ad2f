import type { PayloadFormatName } from "../payload/format.ts";
import type { PayloadHosting } from "../payload/hosting/hosting.ts";
import type { Payload } from "../payload/payload.ts";
import type { PayloadPlan } from "../payload/payload-plan.ts";
import { planPayload } from "../payload/plan.ts";
import { type Capabilities, requireOn } from "./capabilities.ts";
import { checkRequirement, type SizeRequirement } from "./catalog.ts";
import { type ErrorOrigin } from "./errors.ts";
import type { CallOptions, Port } from "./model.ts";
import { fingerprintOf, ownershipTagCount } from "./ownership.ts";
import { isCidr } from "./security-groups.ts";
import { check, checkFields, checkIdentity, checkPort, checkText, isIntegerIn } from "./validation.ts";

/** A network that the instance is in. */
export interface NetworkOptions {
  /** The cloud's id of the network or subnet. */
  readonly id: string;
  /** The address that the instance has there. */
  readonly fixedIp?: string | undefined;
}

/** A volume that the instance has: a new one, or an existing one by its id. */
export type LaunchVolume =
  | { readonly volumeId: string; readonly device?: string | undefined }
  | {
      readonly sizeGiB?: number | undefined;
      readonly snapshotId?: string | undefined;
      readonly device?: string | undefined;
      /** Whether it goes with the instance. Default true; else a later launch of the key gets it again. */
      readonly deleteOnTermination?: boolean | undefined;
    };

/** Where an instance shall run. */
export interface PartitionOptions {
  /** Must be the Iaas' own: an Iaas is one account in one region. */
  readonly region?: string | undefined;
  /** Zones are tried in order while they have no capacity. */
  readonly zone?: string | readonly string[] | undefined;
  readonly host?: string | undefined;
}

/** What `launch` is asked for. */
export interface LaunchOptions extends CallOptions {
  /** The intent: launching twice with one key gives one instance. */
  readonly key: string;
  /** The cloud's id of the image; see `images.find` for a name. */
  readonly image: string;
  /** The cloud's id of a size, or the least that it must have. The provider's default when left out. */
  readonly size?: string | SizeRequirement | undefined;
  /** What people see. Made of the key when left out. */
  readonly name?: string | undefined;
  readonly partition?: PartitionOptions | undefined;
  readonly payload?: Payload | undefined;
  /** The form that the image's reader understands. Default `mime`, for cloud-init. */
  readonly payloadFormat?: PayloadFormatName | undefined;
  /** Send secrets although others can read the user data back. Default false. */
  readonly allowInlineSecrets?: boolean | undefined;
  /** Name of a key pair. */
  readonly keyPair?: string | undefined;
  /** Names or ids of groups. Given, no group is made for `ports`. */
  readonly securityGroups?: readonly string[] | undefined;
  /** What the instance serves: a security group lets it in, where the cloud has groups. */
  readonly ports?: readonly Port[] | undefined;
  readonly networks?: readonly NetworkOptions[] | undefined;
  readonly volumes?: readonly LaunchVolume[] | undefined;
  /** True: one that is allocated for the instance and goes with it. A text: that address, which stays. */
  readonly floatingIp?: true | string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Settings of one provider, under its name; the others are passed over. */
  readonly providerOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
  /**
   * What is true of the instance when the promise resolves. Default `accepted`: the cloud has accepted it.
   * Volumes and floating IPs need a running instance, so these wait for `running` all the same.
   */
  readonly until?: "accepted" | "running" | "reachable" | undefined;
}

const knownFields: readonly string[] = Object.keys({
  key: 0,
  image: 0,
  size: 0,
  name: 0,
  partition: 0,
  payload: 0,
  payloadFormat: 0,
  allowInlineSecrets: 0,
  keyPair: 0,
  securityGroups: 0,
  ports: 0,
  networks: 0,
  volumes: 0,
  floatingIp: 0,
  tags: 0,
  providerOptions: 0,
  until: 0,
  timeoutMs: 0,
  signal: 0,
} satisfies Record<keyof LaunchOptions, 0>);

/** A checked specification: every default filled in, nothing sent yet. */
export interface LaunchSpec {
  readonly image: string;
  readonly size: string | SizeRequirement | null;
  readonly name: string | null;
  readonly region: string | null;
  /** In the order in which they are tried; `[null]` lets the cloud choose. */
  readonly zones: readonly (string | null)[];
  readonly host: string | null;
  readonly plan: PayloadPlan | null;
  readonly keyPair: string | null;
  readonly securityGroups: readonly string[];
  readonly ports: readonly Required<Port>[];
  readonly networks: readonly NetworkOptions[];
  readonly volumes: readonly LaunchVolume[];
  readonly floatingIp: true | string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** Digest of what was asked for; secrets take no part in it. */
  readonly fingerprint: string;
}

/**
 * Check what can be checked without a request.
 *
 * @throws InvalidInputError, PayloadTooLargeError, UnsupportedCapabilityError
 */
export function checkLaunch(
  options: LaunchOptions,
  capabilities: Capabilities,
  payloadHost: PayloadHosting | null,
  at: ErrorOrigin,
): LaunchSpec {
  checkFields(options, knownFields, "", at);
  const { image, partition = {}, payload, size, name, ports = [], networks = [], volumes = [], tags = {} } = options;
  checkIdentity(options.key, "key", at);
  checkText(image, "image", at);
  if (name !== undefined) checkName(name, capabilities, at);
  if (typeof size === "object") {
    requireOn(capabilities, "catalog", at);
    checkRequirement(size, "size", at);
  }
  check(size !== undefined || !capabilities.sizeRequired, "size", "is missing", at);
  checkPartition(partition, capabilities, at);
  checkPorts(ports, at);
  checkNetworks(networks, capabilities, at);
  checkVolumes(volumes, capabilities, at);
  checkTags(tags, capabilities, at);
  if (options.keyPair !== undefined) requireOn(capabilities, "keyPairs", at);
  if (options.securityGroups !== undefined) requireOn(capabilities, "securityGroups", at);
  if (options.floatingIp !== undefined) requireOn(capabilities, "floatingIps", at);
  const zones = partition.zone === undefined ? [null] : [partition.zone].flat();
  check(zones.length > 0, "partition.zone", "must name a zone", at);
  const { payloadFormat: format, allowInlineSecrets } = options;
  const planning = { format, allowInlineSecrets, host: payloadHost ?? undefined };
  const plan =
    payload === undefined || payload.isEmpty ? null : planPayload(payload, capabilities.payload, planning, at);
  const { key: _key, signal: _signal, timeoutMs: _timeoutMs, until: _until, ...specification } = options;
  return Object.freeze({
    image,
    size: size ?? null,
    name: name ?? null,
    region: partition.region ?? null,
    zones,
    host: partition.host ?? null,
    plan,
    keyPair: options.keyPair ?? null,
    securityGroups: options.securityGroups ?? [],
    ports: ports.map(complete),
    networks,
    volumes,
    floatingIp: options.floatingIp ?? null,
    tags,
    fingerprint: fingerprintOf(specification),
  });
}

function checkName(name: string, { names }: Capabilities, at: ErrorOrigin): void {
  checkText(name, "name", at);
  check(name.length <= names.maxLength.value, "name", `must have at most ${names.maxLength.value} characters`, at);
  check(new RegExp(names.pattern, "u").test(name), "name", `must match ${names.pattern}`, at);
}

/** Only what the descriptor tells; whether the region, zone or host exists is asked of the cloud. */
export function checkPartition(partition: PartitionOptions, { placement }: Capabilities, at: ErrorOrigin): void {
  checkFields(partition, ["region", "zone", "host"], "partition", at);
  for (const level of ["region", "zone", "host"] as const) {
    const value = partition[level];
    if (value === undefined) continue;
    check(placement[level], `partition.${level}`, `cannot be chosen at this Iaas`, at);
    for (const one of [value].flat()) checkText(one, `partition.${level}`, at);
  }
}

function checkPorts(ports: readonly Port[], at: ErrorOrigin): void {
  for (const [index, port] of ports.entries()) {
    const path = `ports[${index}]`;
    checkFields(port, ["name", "port", "protocol", "sources"], path, at);
    checkPort(port.port, `${path}.port`, at);
    check(["tcp", "udp"].includes(port.protocol ?? "tcp"), `${path}.protocol`, "must be tcp or udp", at);
    for (const source of port.sources ?? []) check(isCidr(source), `${path}.sources`, "must be CIDR blocks", at);
  }
}

function complete({ name, port, protocol = "tcp", sources = ["0.0.0.0/0", "::/0"] }: Port): Required<Port> {
  return { name: name ?? `${protocol}-${port}`, port, protocol, sources };
}

function checkNetworks(networks: readonly NetworkOptions[], capabilities: Capabilities, at: ErrorOrigin): void {
  if (networks.length === 0) return;
  const allowed = capabilities.networks;
  check(allowed !== false, "networks", "cannot be chosen at this Iaas", at);
  check(networks.length <= allowed.maxCount.value, "networks", `must be at most ${allowed.maxCount.value}`, at);
  for (const [index, { id, fixedIp }] of networks.entries()) {
    checkText(id, `networks[${index}].id`, at);
    check(fixedIp === undefined || allowed.fixedIp, `networks[${index}].fixedIp`, "cannot be chosen at this Iaas", at);
  }
}

function checkVolumes(volumes: readonly LaunchVolume[], capabilities: Capabilities, at: ErrorOrigin): void {
  if (volumes.length > 0) requireOn(capabilities, "volumes", at);
  for (const [index, volume] of volumes.entries()) {
    const path = `volumes[${index}]`;
    checkFields(volume, ["volumeId", "sizeGiB", "snapshotId", "device", "deleteOnTermination"], path, at);
    if ("volumeId" in volume) {
      checkText(volume.volumeId, `${path}.volumeId`, at);
      continue;
    }
    const { sizeGiB, snapshotId } = volume;
    check(sizeGiB !== undefined || snapshotId !== undefined, `${path}.sizeGiB`, "is missing", at);
    check(
      sizeGiB === undefined || isIntegerIn(sizeGiB, 1, 65_536),
      `${path}.sizeGiB`,
      "must be a whole number from 1",
      at,
    );
  }
}

function checkTags(tags: Readonly<Record<string, string>>, capabilities: Capabilities, at: ErrorOrigin): void {
  const { maxCount, maxKeyLength, maxValueLength } = capabilities.tags;
  const room = maxCount.value - ownershipTagCount;
  const entries = Object.entries(tags);
  check(
    entries.length <= room,
    "tags",
    `must be at most ${room}, beside ${ownershipTagCount} that hold the ownership`,
    at,
  );
  for (const [name, value] of entries) {
    check(!name.startsWith("iaaskit:"), `tags.${name}`, "must not begin with iaaskit:", at);
    check(
      name !== "" && name.length <= maxKeyLength.value,
      `tags.${name}`,
      `must have 1 to ${maxKeyLength.value} characters`,
      at,
    );
    check(typeof value === "string", `tags.${name}`, "must be a text", at);
    check(
      value.length <= maxValueLength.value,
      `tags.${name}`,
      `must be at most ${maxValueLength.value} characters long`,
      at,
    );
  }
}
