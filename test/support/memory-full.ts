import { setTimeout as delay } from "node:timers/promises";

import {
  type CallContext,
  type Capabilities,
  type CapabilityFindings,
  type Caller,
  Catalog,
  type FacetName,
  type FloatingIp,
  type FoundInstance,
  type Host,
  type Image,
  type KeyPair,
  type LaunchInput,
  type ListInput,
  NotFoundError,
  type Page,
  type Region,
  type SecurityGroup,
  type Size,
  type Snapshot,
  type Volume,
  type Zone,
} from "iaaskit";

import { MemoryCloud, MemoryIaas, type MemoryOptions } from "./memory.ts";
import { MemoryFloatingIps, MemoryKeyPairs, MemorySecurityGroups } from "./memory-network.ts";
import { MemoryImages, MemoryVolumes } from "./memory-storage.ts";

const limit = (value: number) => ({ value, source: "ours" });

/** Everything on. */
const fullCapabilities = {
  floatingIps: true,
  securityGroups: { by: ["id"] },
  keyPairs: { import: true, generate: true },
  volumes: { snapshots: true, zonal: true },
  images: { create: true, visibility: true },
  catalog: true,
  stop: true,
  reboot: true,
  consoleOutput: true,
  payload: { channel: "user-data", maxBytes: limit(1_000), measuredOn: "base64", gzip: true, confidential: false },
  publicAddress: "floating",
  visibilityLagMs: 2_000,
  pollIntervalMs: 10,
} satisfies Partial<Capabilities>;

/** The image and size that it has. */
export const fullLaunch = { image: "img-0", size: "small" } as const;

/** A cloud in memory with everything that a cloud can have. */
export class FullMemoryCloud extends MemoryCloud {
  readonly floatingIps = new Map<string, FloatingIp>();
  readonly groups = new Map<string, SecurityGroup>();
  readonly keyPairs = new Map<string, KeyPair>();
  readonly volumes = new Map<string, Volume>();
  readonly snapshots = new Map<string, Snapshot>();
  /** Of snapshots. */
  readonly sizes = new Map<string, number>();
  readonly images = new Map<string, Image>();
  /** What instances were told. */
  readonly payloads = new Map<string, Uint8Array>();
  /** Groups of each instance. */
  readonly members = new Map<string, readonly string[]>();
  readonly bornAt = new Map<string, number>();
  /** For how long it hides what it has just launched. */
  lagMs = 0;
  /** Whether it forgets at once what has ended. */
  forgets = false;
  #number = 0;

  constructor() {
    super();
    const [id, name] = ["img-0", "debian"];
    this.images.set(id, { id, name, state: "available", architecture: null, createdAt: null, ownership: null });
  }

  nextNumber(): number {
    this.#number += 1;
    return this.#number;
  }

  isShown(id: string): boolean {
    return performance.now() - (this.bornAt.get(id) ?? 0) >= this.lagMs;
  }

  isGroupUsed({ id }: SecurityGroup): boolean {
    const users = [...this.members].filter(([, groups]) => groups.includes(id)).map(([instanceId]) => instanceId);
    return users.some((instanceId) => this.instances.get(instanceId)?.state !== "terminated");
  }

  /** The instance with the addresses that lead to it. */
  shown(instance: FoundInstance): FoundInstance {
    const leading = [...this.floatingIps.values()].filter(({ instanceId }) => instanceId === instance.id);
    return { ...instance, addresses: { private: ["127.0.0.1"], public: leading.map(({ address }) => address) } };
  }

  /** Names of what nobody has removed. */
  left(): string[] {
    const live = [...this.instances.values()].filter(({ state }) => state !== "terminated");
    const others = [this.floatingIps, this.groups, this.keyPairs, this.volumes, this.snapshots];
    return [
      ...live.map(({ id }) => id),
      ...others.flatMap((kind) => [...kind.keys()]),
      ...[...this.images.keys()].filter((id) => id !== fullLaunch.image),
    ];
  }
}

export interface FullMemoryOptions extends Omit<MemoryOptions, "cloud"> {
  readonly cloud: FullMemoryCloud;
  /** What a probe finds. */
  readonly findings?: CapabilityFindings;
}

/** A provider with every facet. */
export class FullMemoryIaas extends MemoryIaas {
  readonly full: FullMemoryCloud;
  readonly #findings: CapabilityFindings;

  constructor({ cloud, findings = {}, capabilities = {}, facets = {}, ...options }: FullMemoryOptions) {
    const all = {
      floatingIps: (caller: Caller) => new MemoryFloatingIps(caller, cloud),
      securityGroups: (caller: Caller) => new MemorySecurityGroups(caller, cloud),
      keyPairs: (caller: Caller) => new MemoryKeyPairs(caller, cloud),
      volumes: (caller: Caller) => new MemoryVolumes(caller, cloud),
      images: (caller: Caller) => new MemoryImages(caller, cloud),
      catalog: (caller: Caller) => new MemoryCatalog(caller),
    };
    const declared: Partial<Capabilities> = { ...fullCapabilities, ...capabilities };
    const possible = Object.entries({ ...all, ...facets }).filter(([name]) => declared[name as FacetName] !== false);
    super({ ...options, cloud, facets: Object.fromEntries(possible), capabilities: declared });
    this.full = cloud;
    this.#findings = findings;
  }

  protected override async _probe({ signal }: CallContext): Promise<{ account: string; findings: CapabilityFindings }> {
    return await this.cloud.perform("probe", signal, () => ({ account: "memory", findings: this.#findings }));
  }

  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const before = this.cloud.instances.size;
    const launched = await super._launch(input, context);
    if (this.cloud.instances.size > before) {
      this.full.bornAt.set(launched.id, performance.now());
      this.full.members.set(launched.id, input.securityGroups);
      if (input.plan !== null) this.full.payloads.set(launched.id, input.plan.body);
    }
    const placement = { ...launched.placement, zone: input.zone ?? "here-1" };
    if (this.cloud.instances.size > before) this.cloud.set(launched.id, { placement, createdAt: new Date() });
    return this.full.shown(this.cloud.instances.get(launched.id) ?? launched);
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<FoundInstance> {
    const found = await super._get({ id }, context);
    if (!this.full.isShown(id)) throw new NotFoundError(`no ${id} yet`, context);
    return this.full.shown(found);
  }

  protected override async _list(input: ListInput, context: CallContext): Promise<Page<FoundInstance>> {
    const { items, marker } = await super._list(input, context);
    return { items: items.filter(({ id }) => this.full.isShown(id)).map((item) => this.full.shown(item)), marker };
  }

  protected override async _terminate(input: { readonly id: string }, context: CallContext): Promise<void> {
    await super._terminate(input, context);
    for (const ip of this.full.floatingIps.values()) {
      if (ip.instanceId === input.id) this.full.floatingIps.set(ip.address, { ...ip, instanceId: null });
    }
    for (const volume of this.full.volumes.values()) {
      if (volume.attachment?.instanceId !== input.id) continue;
      this.full.volumes.set(volume.id, { ...volume, state: "available", attachment: null });
    }
    if (this.full.forgets) this.cloud.instances.delete(input.id);
  }

  protected override async _stop({ id }: { readonly id: string }, { signal }: CallContext): Promise<void> {
    await this.cloud.perform("stop", signal, () => this.cloud.set(id, { state: "stopped" }));
  }

  protected override async _reboot({ id }: { readonly id: string }): Promise<void> {
    this.cloud.set(id, { state: "pending" });
    void delay(5).then(() => this.cloud.set(id, { state: "running" }));
    await Promise.resolve();
  }

  protected override async _consoleOutput(): Promise<string> {
    return await Promise.resolve("login: ");
  }
}

class MemoryCatalog extends Catalog {
  protected override async _regions(): Promise<Page<Region>> {
    return await Promise.resolve({ items: [{ id: "here" }], marker: null });
  }

  protected override async _zones(): Promise<Page<Zone>> {
    const items = ["here-1", "here-2"].map((id) => ({ id, region: "here" }));
    return await Promise.resolve({ items, marker: null });
  }

  protected override async _hosts(): Promise<Page<Host>> {
    return await Promise.resolve({ items: [], marker: null });
  }

  protected override async _sizes(): Promise<Page<Size>> {
    const items: Size[] = [
      { id: "large", cpus: 4, memoryMiB: 8_192, architectures: ["x86_64"] },
      { id: "small", cpus: 1, memoryMiB: 1_024, architectures: ["x86_64", "arm64"] },
    ];
    return await Promise.resolve({ items, marker: null });
  }
}
