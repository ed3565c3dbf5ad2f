/** Kinds of things that an Iaas makes and that can be left behind. */
export type ResourceKind = "instance" | "floating-ip" | "security-group" | "key-pair" | "volume" | "snapshot" | "image";

/** One thing at a cloud, by kind and by the cloud's own id. */
export interface ResourceRef {
  readonly kind: ResourceKind;
  readonly id: string;
}

/** Who made a resource, and for which intent. Written on it where the cloud has a place for it. */
export interface Ownership {
  readonly owner: string;
  /** The caller's idempotency key of the intent that made it. */
  readonly key: string;
  /** How many instances of this key have ended before. */
  readonly generation: number;
  /** Short digest of what was asked for, so that the same key with another specification is noticed. */
  readonly fingerprint: string | null;
}

/** Where something is placed. `null`: the cloud has no such level, or does not tell. */
export interface Placement {
  readonly region: string | null;
  readonly zone: string | null;
  readonly host: string | null;
}

/**
 * - `pending`: accepted, not running yet.
 * - `failed`: the cloud gave up on it, see {@link Instance.failure}; it may still cost something.
 * - `terminated`: gone; the cloud only remembers it.
 */
export type InstanceState = "pending" | "running" | "stopping" | "stopped" | "terminating" | "terminated" | "failed";

/** Why the cloud gave up on an instance after it had accepted it. */
export interface InstanceFailure {
  /** The cloud's own code, or the HTTP status where it has none. */
  readonly vendorCode: string;
  readonly message: string;
}

/** A port of the instance and the port under which others reach it. */
export interface PublishedPort {
  readonly port: number;
  readonly publishedPort: number;
}

/** A machine, as it was when the cloud was asked. */
export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly ownership: Ownership;
  readonly state: InstanceState;
  /** Set when the state is `failed`, or `terminated` by a failure of the cloud. */
  readonly failure: InstanceFailure | null;
  readonly imageId: string;
  /** `null` where the cloud has no sizes or does not tell. */
  readonly size: string | null;
  readonly placement: Placement;
  readonly addresses: {
    readonly private: readonly string[];
    readonly public: readonly string[];
  };
  /** Ports that are reached under another number; a port that is not here is reached under its own. */
  readonly publishedPorts: readonly PublishedPort[];
  readonly createdAt: Date | null;
  /** The caller's tags, without the ones that hold the ownership. */
  readonly tags: Readonly<Record<string, string>>;
}

/** An instance as a provider reports it: `ownership` is `null` where no iaaskit made it. */
export type FoundInstance = Omit<Instance, "ownership"> & { readonly ownership: Ownership | null };

/** One page of a list. `marker` asks for the next one; `null` at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly marker: string | null;
}

/** A port that an instance serves. */
export interface Port {
  /** For people, as `http`. */
  readonly name?: string | undefined;
  /** 1 to 65535. */
  readonly port: number;
  /** Default `tcp`. */
  readonly protocol?: "tcp" | "udp" | undefined;
  /** Who may reach it: CIDR blocks. Default: everybody. */
  readonly sources?: readonly string[] | undefined;
}

/** The options that every remote call takes. */
export interface CallOptions {
  /** Aborts the waiting at once. What the cloud has already accepted stays. */
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole call, retries and waits included, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

/** Host and port under which an instance's port is reached; the public address where it has one. */
export function endpointOf(instance: Instance, port: number): { readonly host: string; readonly port: number } | null {
  const host = instance.addresses.public[0] ?? instance.addresses.private[0];
  if (host === undefined) return null;
  const published = instance.publishedPorts.find((candidate) => candidate.port === port);
  return { host, port: published?.publishedPort ?? port };
}
