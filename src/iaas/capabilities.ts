import type { Catalog } from "./catalog.ts";
import { type ErrorOrigin, UnsupportedCapabilityError } from "./errors.ts";
import type { FloatingIps } from "./floating-ips.ts";
import type { Images } from "./images.ts";
import type { KeyPairs } from "./key-pairs.ts";
import type { SecurityGroups } from "./security-groups.ts";
import type { Volumes } from "./volumes.ts";

/** A limit of a cloud, and where it is written. */
export interface Limit {
  readonly value: number;
  /** Address of the vendor's page, or `ours` where this library sets the limit. */
  readonly source: string;
}

/** How dynamic data gets into an instance, and how much of it. */
export interface PayloadLimits {
  /**
   * - `user-data`: one text that the guest reads from its metadata service or config drive.
   * - `files`: a few short text files, from which a program in the image makes one.
   * - `direct`: files and environment, put in place by the provider itself.
   */
  readonly channel: "user-data" | "files" | "direct";
  /** Of the user data, of each file, or of all parts together. */
  readonly maxBytes: Limit;
  /** How many files there may be, at most 10; for the channel `files`. */
  readonly maxFiles?: Limit;
  /** What `maxBytes` counts: the bytes themselves, or their base64 text. */
  readonly measuredOn: "raw" | "base64";
  /** Whether the guest's reader unpacks gzip. */
  readonly gzip: boolean;
  /** Whether only the instance itself can read it: no API and no other process gives it back. */
  readonly confidential: boolean;
}

/**
 * What an Iaas can do, as data: flags, numbers and choices, JSON-serialisable.
 *
 * A flag may be `"probe"`: it depends on the installation, and counts as off until `probe()` has found out.
 */
export interface Capabilities {
  readonly floatingIps: boolean | "probe";
  /** Whether groups are given by name, by id, or by both. */
  readonly securityGroups: false | "probe" | { readonly by: readonly ("name" | "id")[] };
  readonly keyPairs: false | { readonly import: boolean; readonly generate: boolean };
  /** `zonal`: a volume can be attached in its own zone only, so that creating one has to name it. */
  readonly volumes: false | "probe" | { readonly snapshots: boolean; readonly zonal: boolean };
  readonly images: false | { readonly create: boolean; readonly visibility: boolean };
  readonly catalog: boolean;
  readonly stop: boolean;
  readonly reboot: boolean;
  readonly consoleOutput: boolean;

  readonly payload: PayloadLimits;
  /** How an instance gets a public address: by itself, by a floating IP, or never. */
  readonly publicAddress: "automatic" | "floating" | "none";
  /** Whether a launch has to name a size; else the cloud has a default, or only one. */
  readonly sizeRequired: boolean;
  /** Which levels of placement a caller may choose. */
  readonly placement: { readonly region: boolean; readonly zone: boolean; readonly host: boolean };
  /** Whether `networks` may be given, how many, and with a fixed address. */
  readonly networks: false | { readonly maxCount: Limit; readonly fixedIp: boolean };
  readonly names: { readonly pattern: string; readonly maxLength: Limit };
  readonly tags: { readonly maxCount: Limit; readonly maxKeyLength: Limit; readonly maxValueLength: Limit };
  /**
   * What keeps a repeated launch from making a second instance: the cloud's own token, a name that
   * is unique, or only the tags that are looked up before and after.
   */
  readonly idempotency: "token" | "name" | "tag";
  /** How long a new instance may be missing from the cloud's answers, in milliseconds. */
  readonly visibilityLagMs: number;
  /** Time between two polls of a wait, in milliseconds. */
  readonly pollIntervalMs: number;
  /** Smallest unit of time that is billed, in seconds; `null` where nothing is billed or nobody says. */
  readonly billingStepSeconds: number | null;
}

/** Capabilities that are off unless a provider declares them, so that a new one breaks no provider. */
export interface OptionalCapabilities {
  readonly floatingIps: false;
  readonly securityGroups: false;
  readonly keyPairs: false;
  readonly volumes: false;
  readonly images: false;
  readonly catalog: false;
  readonly stop: false;
  readonly reboot: false;
  readonly consoleOutput: false;
  readonly networks: false;
  readonly sizeRequired: false;
}

const off: OptionalCapabilities = Object.freeze({
  floatingIps: false,
  securityGroups: false,
  keyPairs: false,
  volumes: false,
  images: false,
  catalog: false,
  stop: false,
  reboot: false,
  consoleOutput: false,
  networks: false,
  sizeRequired: false,
});

/** A declaration completed: what it leaves out is off. */
export type Declared<D> = Omit<OptionalCapabilities, keyof D> & D;

/** Declare what a provider can do. Literal values stay in the type: the compiler knows the flags. */
export function defineCapabilities<
  const D extends Partial<Capabilities> & Omit<Capabilities, keyof OptionalCapabilities>,
>(declared: D): Declared<D> {
  return deepFreeze({ ...off, ...declared });
}

/** The parts of an Iaas that stand behind a flag. */
export interface FacetTypes {
  readonly floatingIps: FloatingIps;
  readonly securityGroups: SecurityGroups;
  readonly keyPairs: KeyPairs;
  readonly volumes: Volumes;
  readonly images: Images;
  readonly catalog: Catalog;
}
export type FacetName = keyof FacetTypes;
export const facetNames = Object.freeze([
  "floatingIps",
  "securityGroups",
  "keyPairs",
  "volumes",
  "images",
  "catalog",
] as const satisfies readonly FacetName[]);

/** The facets that capabilities of type `C` are sure to have. */
export type Facets<C extends Capabilities> = {
  readonly [Name in FacetName as Extract<C[Name], false | "probe"> extends never ? Name : never]: FacetTypes[Name];
};

/** What `can()` may be asked: a flag, or a part of one. */
export type CapabilityPath =
  | FacetName
  | "stop"
  | "reboot"
  | "consoleOutput"
  | "keyPairs.import"
  | "keyPairs.generate"
  | "volumes.snapshots"
  | "images.create"
  | "images.visibility";

/** The value at a path of capabilities; `false` where there is none. */
export type CapabilityValue<C, Path> = Path extends `${infer Flag}.${infer Part}`
  ? Flag extends keyof C
    ? C[Flag] extends infer Value
      ? Value extends false | "probe"
        ? Value
        : Part extends keyof Value
          ? Value[Part]
          : false
      : never
    : false
  : Path extends keyof C
    ? C[Path]
    : false;

/** Capabilities with a flag that is on. */
export interface With<Flag extends string> {
  readonly capabilities: { readonly [F in Flag]: true };
}

/** What is known after `can(path)` has answered true; `never` where the answer is always false. */
export type Can<C extends Capabilities, Path extends CapabilityPath> = [CapabilityValue<C, Path>] extends [false]
  ? never
  : Path extends `${infer Name extends FacetName}.${string}`
    ? { readonly [N in Name]: FacetTypes[N] }
    : Path extends FacetName
      ? { readonly [N in Path]: FacetTypes[N] }
      : With<Path>;

/** True when the flag at `path` is on. `"probe"`, not asked yet, is off. */
export function isOn(capabilities: Capabilities, path: CapabilityPath): boolean {
  const [flag = path, part] = path.split(".");
  const value = capabilities[flag as keyof Capabilities];
  if (value === false || value === "probe") return false;
  return part === undefined || (value as unknown as Record<string, unknown>)[part] === true;
}

/** Whether a flag is still `"probe"`: what the installation can do has not been asked. */
export function isUnsettled(capabilities: Capabilities): boolean {
  return Object.values(capabilities).includes("probe");
}

/** The capabilities if all that depends on the installation were there: what these refuse is wrong in any case. */
export function atBest(capabilities: Capabilities): Capabilities {
  const { floatingIps, securityGroups, volumes } = capabilities;
  return {
    ...capabilities,
    floatingIps: floatingIps === "probe" ? true : floatingIps,
    securityGroups: securityGroups === "probe" ? { by: ["name", "id"] } : securityGroups,
    volumes: volumes === "probe" ? { snapshots: true, zonal: false } : volumes,
  };
}

/** @throws UnsupportedCapabilityError when the flag at `path` is off. */
export function requireOn(capabilities: Capabilities, path: CapabilityPath, at: ErrorOrigin): void {
  if (isOn(capabilities, path)) return;
  const flag = capabilities[path.split(".")[0] as keyof Capabilities];
  const why = flag === "probe" ? "it depends on the installation, call probe() first" : "its capability is off";
  throw new UnsupportedCapabilityError(path, why, at);
}

/** What `probe()` found out: only flags that were `"probe"`, and limits that are lower here. */
export interface CapabilityFindings {
  readonly floatingIps?: boolean;
  readonly securityGroups?: Exclude<Capabilities["securityGroups"], "probe">;
  readonly volumes?: Exclude<Capabilities["volumes"], "probe">;
  readonly payloadMaxBytes?: number;
  readonly tagsMaxCount?: number;
}

/**
 * The capabilities after a probe.
 *
 * @throws RangeError when a finding changes what a probe may not change: that is a defect of the provider.
 */
export function settle<C extends Capabilities>(capabilities: C, findings: CapabilityFindings): C {
  const { payloadMaxBytes, tagsMaxCount, ...flags } = findings;
  for (const [flag, value] of Object.entries(flags)) {
    const before = capabilities[flag as keyof typeof flags];
    if (before !== "probe" && JSON.stringify(before) !== JSON.stringify(value)) {
      throw new RangeError(`probe() may not change ${flag}: it is declared, not "probe"`);
    }
  }
  return deepFreeze({
    ...capabilities,
    ...flags,
    payload: { ...capabilities.payload, maxBytes: lowered("payload", capabilities.payload.maxBytes, payloadMaxBytes) },
    tags: { ...capabilities.tags, maxCount: lowered("tags", capabilities.tags.maxCount, tagsMaxCount) },
  });
}

function lowered(name: string, limit: Limit, value: number | undefined): Limit {
  if (value === undefined) return limit;
  if (value > limit.value) throw new RangeError(`probe() may only lower the limit of ${name}`);
  return { value, source: "probe" };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === "object" && part !== null) deepFreeze(part as object);
  }
  return Object.freeze(value);
}
