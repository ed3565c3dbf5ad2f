import type { Call, CallContext, Caller } from "./call.ts";
import { atBest, type FacetTypes, isUnsettled } from "./capabilities.ts";
import { createOnce } from "./create-once.ts";
import { ConflictError, IaasError, PartialFailureError } from "./errors.ts";
import type { Instances } from "./instances.ts";
import {
  checkLaunch,
  type LaunchOptions,
  type LaunchSpec,
  type LaunchVolume,
  type NetworkOptions,
} from "./launch-options.ts";
import type { KeyedLock } from "./keyed-lock.ts";
import type { FoundInstance, Instance, Ownership, Port } from "./model.ts";
import { launchToken, nameFor, tagsOf } from "./ownership.ts";
import type { Partitions } from "./partitions.ts";
import { partKey } from "./parts.ts";
import type { PayloadHosting } from "../payload/hosting/hosting.ts";
import type { PayloadPlan } from "../payload/payload-plan.ts";
import { rulesFor } from "./security-groups.ts";
import type { Terminator } from "./terminator.ts";
import { check } from "./validation.ts";
import type { Waiting } from "./waiting.ts";

/** What a provider is told to launch: complete, checked, frozen. */
export interface LaunchInput {
  readonly name: string;
  readonly image: string;
  readonly size: string | null;
  readonly zone: string | null;
  readonly host: string | null;
  readonly plan: PayloadPlan | null;
  readonly keyPair: string | null;
  /** Names or ids, as the capabilities say. */
  readonly securityGroups: readonly string[];
  readonly ports: readonly Required<Port>[];
  readonly networks: readonly NetworkOptions[];
  /** The caller's tags and the ones that hold the ownership. */
  readonly tags: Readonly<Record<string, string>>;
  readonly ownership: Ownership;
  /** The cloud's idempotency token, the same each time this is tried. At most 64 letters and digits. */
  readonly token: string;
  /** The settings of this provider, checked by its own schema. */
  readonly providerOptions: Readonly<Record<string, unknown>>;
}

export interface LauncherParts {
  readonly caller: Caller;
  readonly instances: Instances;
  readonly waiting: Waiting;
  readonly terminator: Terminator;
  readonly partitions: Partitions;
  readonly facets: Partial<FacetTypes>;
  /** Where payloads wait that cannot go as they are. */
  readonly payloadHost: PayloadHosting | null;
  /** Keeps launching and terminating of one key apart. */
  readonly lock: KeyedLock;
  readonly launch: (input: LaunchInput, context: CallContext) => Promise<FoundInstance>;
  readonly start: (instance: Instance, call: Call) => Promise<void>;
  /** Asks the cloud what depends on the installation, where nobody has. */
  readonly settle: (call: Call) => Promise<void>;
  /** Checks the settings of this provider. */
  readonly providerOptions: (options: LaunchOptions) => Readonly<Record<string, unknown>>;
}

const defaultTimeoutMs = 600_000;
/** A key whose instances all end at once is not launched for ever. */
const generationsAtMost = 20;
/** Clouds tell when something was made in whole seconds. */
const secondMs = 1_000;

/** Launches an intent: finds what an earlier try has made, makes what is missing, undoes what failed. */
export class Launcher {
  readonly #parts: LauncherParts;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  async launch(options: LaunchOptions): Promise<Instance> {
    const { caller, payloadHost } = this.#parts;
    const run = { timeoutMs: defaultTimeoutMs, ...options, secrets: options.payload?.secretValues ?? [] };
    return await caller.run("launch", run, async (call) => {
      const providerOptions = this.#parts.providerOptions(options);
      if (isUnsettled(call.capabilities)) {
        checkLaunch(options, atBest(call.capabilities), payloadHost, call.at);
        await this.#parts.settle(call);
      }
      const spec = checkLaunch(options, call.capabilities, payloadHost, call.at);
      const reachablePort = spec.ports[0]?.port;
      check(
        options.until !== "reachable" || reachablePort !== undefined,
        "ports",
        "are missing, for until: reachable",
        call.at,
      );
      const launch = async (): Promise<Instance> => {
        const instance = await this.#adoptOrCreate(options, spec, providerOptions, call);
        return options.until === "reachable" && reachablePort !== undefined
          ? await this.#parts.waiting.reachable(instance, reachablePort, call)
          : instance;
      };
      return await this.#parts.lock.run(options.key, launch, call.signal);
    });
  }

  async #adoptOrCreate(
    options: LaunchOptions,
    spec: LaunchSpec,
    providerOptions: Readonly<Record<string, unknown>>,
    call: Call,
  ): Promise<Instance> {
    const { instances } = this.#parts;
    const found = await instances.findAll(options.key, call);
    const [existing] = await this.#withoutDoubles(found, call);
    if (existing !== undefined) {
      requireSame(existing, spec, call);
      try {
        const current = await this.#goneOn(existing, options, spec, providerOptions, call);
        return await this.#complete(current, options, spec, call);
      } catch (error) {
        throw kept(error, call); // the instance was there before: it is not this call's to undo
      }
    }
    const generation = Math.max(-1, ...found.map(({ ownership }) => ownership.generation)) + 1;
    const resolved = { ...spec, size: await this.#resolve(options, spec, call) };
    try {
      for (const failed of found.filter(({ state }) => state === "failed"))
        await this.#parts.terminator.end(failed, call);
      return await this.#createAndComplete(options, resolved, providerOptions, generation, call);
    } catch (error) {
      throw await this.#undone(options.key, error, call);
    }
  }

  /**
   * Where a name keeps a launch from making a second instance, what is still pending is launched once more: whoever
   * began it may have been killed before it was whole, and the provider goes on from there.
   */
  async #goneOn(
    existing: Instance,
    options: LaunchOptions,
    spec: LaunchSpec,
    providerOptions: Readonly<Record<string, unknown>>,
    call: Call,
  ): Promise<Instance> {
    if (existing.state !== "pending" || call.capabilities.idempotency !== "name") return existing;
    const resolved = { ...spec, size: await this.#resolve(options, spec, call) };
    const groups = await this.#groupsFor(options.key, spec, call);
    const ownership = { ...existing.ownership, fingerprint: spec.fingerprint };
    const input = inputOf(resolved, ownership, existing.placement.zone, groups, providerOptions, call);
    return await this.#create(input, spec, call);
  }

  /** Asks the cloud whether what was named exists, before anything is made. @returns The size's id. */
  async #resolve(options: LaunchOptions, spec: LaunchSpec, call: Call): Promise<string | null> {
    const { facets, partitions } = this.#parts;
    await partitions.check(options.partition ?? {}, call);
    if (facets.images !== undefined) {
      const image = await facets.images.resolve(spec.image, call).catch((error: unknown) => {
        check(
          !isCode(error, "IAAS_NOT_FOUND"),
          "image",
          `is ${JSON.stringify(spec.image)}, there is no such image here`,
          call.at,
        );
        throw error;
      });
      check(image.state === "available", "image", `is ${image.state}`, call.at);
    }
    if (spec.size === null || typeof spec.size === "string") return spec.size;
    const size = await facets.catalog?.resolve(spec.size, call);
    return size?.id ?? null;
  }

  async #createAndComplete(
    options: LaunchOptions,
    spec: LaunchSpec & { readonly size: string | null },
    providerOptions: Readonly<Record<string, unknown>>,
    firstGeneration: number,
    call: Call,
  ): Promise<Instance> {
    const { caller } = this.#parts;
    const { key } = options;
    const securityGroups = await this.#groupsFor(key, spec, call);
    let generation = firstGeneration;
    const zones = [...spec.zones];
    for (;;) {
      const zone = zones[0] ?? null;
      const ownership: Ownership = { owner: caller.owner, key, generation, fingerprint: spec.fingerprint };
      const plan = spec.plan === null ? null : await call.race(spec.plan.publish(ownership));
      const input = inputOf({ ...spec, plan }, ownership, zone, securityGroups, providerOptions, call);
      try {
        const created = await this.#create(input, spec, call);
        return await this.#complete(created, options, spec, call);
      } catch (error) {
        // Another zone only for want of room, and never while it is unknown whether this one has begun.
        const isFull = isCode(error, "IAAS_INSUFFICIENT_CAPACITY") && zones.length > 1;
        const isSpent = isCode(error, "IAAS_CONFLICT") && (error as ConflictError).reason === "token-spent";
        if (!isFull && !(isSpent && generation - firstGeneration < generationsAtMost)) throw error;
        if (isFull) zones.shift();
        await this.#endLive(key, call);
        generation += 1;
      }
    }
  }

  /** One request to launch, repeated where that cannot double anything. */
  async #create(input: LaunchInput, spec: LaunchSpec, call: Call): Promise<Instance> {
    const { instances } = this.#parts;
    const { key } = input.ownership;
    const launch = async (context: CallContext): Promise<Instance> => {
      const launched = await this.#parts.launch(input, context);
      return { ...launched, ownership: launched.ownership ?? input.ownership };
    };
    const isSafe = call.capabilities.idempotency !== "tag";
    const created = isSafe
      ? await call.request("launch", "idempotent", launch)
      : await createOnce(call, {
          action: "launch",
          key,
          find: async () => (await instances.find(key, call)).find(isLive),
          create: launch,
        });
    instances.noteMade(created.id, key);
    call.made.push({ kind: "instance", id: created.id });
    if (isSafe && spec.zones.length === 1) return created;
    // The tag, or a token that holds in one zone only, did not keep another process from launching too. Both must
    // judge by the same list: of what has been made in the same second, all is visible a second later.
    if (!isSafe) await call.sleep(secondMs);
    const [oldest] = await this.#withoutDoubles([created, ...(await instances.find(key, call))], call);
    return oldest ?? created;
  }

  /** Of several live instances of a key the oldest stays; the others end. */
  async #withoutDoubles(found: readonly Instance[], call: Call): Promise<readonly Instance[]> {
    const unique = [...new Map(found.map((instance) => [instance.id, instance])).values()];
    const [oldest, ...doubles] = unique.filter(isLive).toSorted(byAge);
    for (const double of doubles) {
      await this.#parts.terminator.end(double, call);
      this.#parts.instances.noteEnded(double.id);
    }
    return oldest === undefined ? [] : [oldest];
  }

  async #endLive(key: string, call: Call): Promise<void> {
    const found = await this.#parts.instances.find(key, call);
    for (const instance of found.filter((one) => isLive(one) || one.state === "failed")) {
      await this.#parts.terminator.end(instance, call);
      this.#parts.instances.noteEnded(instance.id);
    }
  }

  /** Brings an instance to what was asked for: running, with its volumes and its address. */
  async #complete(instance: Instance, options: LaunchOptions, spec: LaunchSpec, call: Call): Promise<Instance> {
    const { waiting, facets } = this.#parts;
    const { until = "accepted" } = options;
    if (until === "accepted" && spec.volumes.length === 0 && spec.floatingIp === null) return instance;
    if (instance.state === "stopped" || instance.state === "stopping") await this.#parts.start(instance, call);
    let current = await waiting.running(instance, call);
    for (const [index, volume] of spec.volumes.entries()) await this.#attach(volume, index, current, options.key, call);
    if (spec.floatingIp !== null && facets.floatingIps !== undefined) {
      const given = typeof spec.floatingIp === "string" ? spec.floatingIp : null;
      if (given === null) {
        const floatingIp = await facets.floatingIps.allocateFor(partKey(options.key, "floating-ip"), null, call);
        call.made.push({ kind: "floating-ip", id: floatingIp.id });
        await facets.floatingIps.associateOwned(floatingIp, current.id, call);
      } else {
        const { id } = current;
        await facets.floatingIps.associate({ instanceId: id, address: given, signal: call.signal });
      }
      current = await this.#parts.instances.mustGet(current.id, call);
    }
    return current;
  }

  async #attach(volume: LaunchVolume, index: number, instance: Instance, key: string, call: Call): Promise<void> {
    const { volumes } = this.#parts.facets;
    if (volumes === undefined) return;
    const device = volume.device ?? null;
    if ("volumeId" in volume) {
      const { volumeId } = volume;
      const place = device === null ? {} : { device };
      await volumes.attach({ volumeId, instanceId: instance.id, signal: call.signal, ...place });
      return;
    }
    const part = volume.deleteOnTermination === false ? "kept-volume" : "volume";
    const { sizeGiB = null, snapshotId = null } = volume;
    const source = { sizeGiB, snapshotId, zone: instance.placement.zone };
    const created = await volumes.createFor(partKey(key, part, index), source, call);
    call.made.push({ kind: "volume", id: created.id });
    await volumes.attachKnown(created, instance.id, device, call);
  }

  /** The groups that the caller named, or one that lets in what the ports serve. */
  async #groupsFor(key: string, spec: LaunchSpec, call: Call): Promise<readonly string[]> {
    const { securityGroups } = this.#parts.facets;
    if (spec.securityGroups.length > 0 || spec.ports.length === 0 || securityGroups === undefined)
      return spec.securityGroups;
    const { by } = call.capabilities.securityGroups as { readonly by: readonly string[] };
    const group = await securityGroups.ensureFor(
      partKey(key, "security-group"),
      {
        name: nameFor(this.#parts.caller.owner, key, call.capabilities.names),
        rules: rulesFor(spec.ports),
        network: spec.networks[0]?.id,
      },
      call,
    );
    call.made.push({ kind: "security-group", id: group.id });
    return [by.includes("id") ? group.id : group.name];
  }

  /**
   * After a failure that is certain, ends what this intent has made.
   *
   * @returns What the caller is told.
   */
  async #undone(key: string, error: unknown, call: Call): Promise<unknown> {
    if (call.signal.aborted || !IaasError.is(error) || error.outcome !== "not-applied" || call.made.length === 0)
      return error;
    try {
      await this.#parts.terminator.endKey(key);
      return error;
    } catch (undoing) {
      const created = IaasError.is(undoing) && undoing.created.length > 0 ? undoing.created : call.made;
      const message = `${error.message}; what had been made could not be undone`;
      return new PartialFailureError(message, { ...call.at, created, cause: error });
    }
  }
}

function inputOf(
  spec: LaunchSpec & { readonly size: string | null },
  ownership: Ownership,
  zone: string | null,
  securityGroups: readonly string[],
  providerOptions: Readonly<Record<string, unknown>>,
  call: Call,
): LaunchInput {
  const { owner, key } = ownership;
  return Object.freeze({
    name: spec.name ?? nameFor(owner, key, call.capabilities.names),
    image: spec.image,
    size: spec.size,
    zone,
    host: spec.host,
    plan: spec.plan,
    keyPair: spec.keyPair,
    securityGroups,
    ports: spec.ports,
    networks: spec.networks,
    tags: Object.freeze({ ...spec.tags, ...tagsOf(ownership) }),
    ownership,
    token: launchToken(ownership, zone, spec.size),
    providerOptions,
  });
}

/** An error of a call that leaves something behind says so. */
function kept(error: unknown, call: Call): unknown {
  if (!IaasError.is(error) || call.made.length === 0 || error.created.length > 0) return error;
  return new PartialFailureError(error.message, { ...call.at, created: call.made, cause: error });
}

function requireSame(existing: Instance, spec: LaunchSpec, call: Call): void {
  const { ownership, id } = existing;
  if (ownership.fingerprint === null || ownership.fingerprint === spec.fingerprint) return;
  const message = `the key ${ownership.key} stands for ${id}, which was launched with another specification`;
  throw new ConflictError("spec-mismatch", message, call.at);
}

function isLive({ state }: Instance): boolean {
  return state === "pending" || state === "running" || state === "stopping" || state === "stopped";
}

/** The same for everybody who sees both: by their times, where both are known. */
function byAge(a: Instance, b: Instance): number {
  const earlier = a.createdAt === null || b.createdAt === null ? 0 : a.createdAt.getTime() - b.createdAt.getTime();
  return earlier === 0 ? (a.id < b.id ? -1 : 1) : earlier;
}

function isCode(error: unknown, code: string): boolean {
  return IaasError.is(error) && error.code === code;
}
