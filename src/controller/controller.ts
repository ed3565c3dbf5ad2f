import { iaasProviderOf, resolveCartridge } from "../cartridge/resolve.ts";
import { lintCartridge, type LintFinding } from "../cartridge/lint.ts";
import type { Cartridge, CartridgeLayer } from "../cartridge/model.ts";
import { type Clock, systemClock } from "../iaas/clock.ts";
import { type ErrorOrigin, IaasError, InvalidInputError, PartialFailureError } from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import { KeyedLock } from "../iaas/keyed-lock.ts";
import type { CallOptions, Instance } from "../iaas/model.ts";
import { checkIdentity } from "../iaas/validation.ts";
import { type ControllerConfig, loadConfig, type LoadedConfig } from "./config.ts";
import { type Candidate, failover } from "./failover.ts";
import { type IaasConstructor, Providers } from "./providers.ts";

export interface ControllerOptions {
  /** Providers besides those of this package, by the name that a configuration has for them. */
  readonly providers?: Readonly<Record<string, IaasConstructor>> | undefined;
  /** Time for every Iaas, and for going on from one to the next. Default: this machine's. */
  readonly clock?: Clock | undefined;
  /** Where `${env:NAME}` is looked up. Default: this process' environment. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}

export interface ControllerLaunchOptions extends CallOptions {
  /** The intent: launching twice with one key gives one instance, wherever it is. */
  readonly key: string;
  /** Types of Iaases, in the order in which they are tried. Default: the cartridge's own order. */
  readonly on?: string | readonly string[] | undefined;
  /** Ids of partitions, in the order in which they are tried, instead of `on`. */
  readonly partition?: string | readonly string[] | undefined;
  /** For whom: a tenant may have images of its own. */
  readonly tenant?: string | undefined;
  /** What this launch asks for, above all that the cartridge and the partition say. */
  readonly overrides?: CartridgeLayer | undefined;
  /** Candidates tried at the most. Default: all. */
  readonly attemptsAtMost?: number | undefined;
}

/** An instance, and the Iaas that it is on. */
export interface PlacedInstance {
  /** Type of the Iaas. */
  readonly on: string;
  readonly instance: Instance;
}

/**
 * Several Iaases behind one door: resolves a cartridge to the places where it can run, and launches it in the first
 * that has room. It keeps no records and runs no loop: what exists is what the clouds say.
 */
export class CloudController {
  readonly owner: string;
  /** By type. */
  readonly iaases: ReadonlyMap<string, Iaas>;
  /** By type. */
  readonly cartridges: ReadonlyMap<string, Cartridge>;
  readonly #config: LoadedConfig;
  readonly #clock: Clock;
  readonly #lock = new KeyedLock();

  private constructor(config: LoadedConfig, iaases: ReadonlyMap<string, Iaas>, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.owner = config.owner;
    this.iaases = iaases;
    this.cartridges = new Map(config.cartridges.map((cartridge) => [cartridge.type, cartridge]));
  }

  /**
   * Make a controller of a configuration: a file (YAML or JSON), or an object.
   *
   * A cartridge that has an Iaas of an unknown type, and says how to make it, defines it: by a registered provider.
   * @throws InvalidInputError naming the path, and the line in a file, of what breaks a rule.
   */
  static async fromConfig(
    source: string | URL | ControllerConfig,
    options: ControllerOptions = {},
  ): Promise<CloudController> {
    const { providers: registered = {}, environment = process.env, clock = systemClock } = options;
    const config = await loadConfig(source, environment);
    const providers = new Providers(registered);
    const common = { owner: config.owner, clock };
    const iaases = new Map<string, Iaas>();
    for (const [index, { type, provider = type, ...own }] of config.iaases.entries()) {
      const field = `iaases[${index}].provider`;
      iaases.set(type, await providers.create(provider, { ...common, ...own }, field, origin));
    }
    const configured = new Set(iaases.keys());
    for (const { type: cartridge, iaasProviders } of config.cartridges) {
      for (const { type, provider = type, options: own } of iaasProviders) {
        if (configured.has(type) || own === undefined) continue;
        const field = `iaasProviders of the cartridge ${cartridge}: provider of ${type}`;
        if (iaases.has(type))
          throw new InvalidInputError(field, "defines an Iaas that another cartridge defines", origin);
        iaases.set(type, await providers.create(provider, { ...common, ...own }, field, origin));
      }
    }
    for (const [index, { id, iaas }] of config.partitions.entries()) {
      const rule = `of the partition ${id} is ${JSON.stringify(iaas)}, which is none of: ${[...iaases.keys()].join(", ")}`;
      if (!iaases.has(iaas)) throw new InvalidInputError(`partitions[${index}].iaas`, rule, origin);
    }
    return new CloudController(config, iaases, clock);
  }

  /** On which Iaases a cartridge can run, and why not on others. A type without a configured Iaas is an error too. */
  lint(cartridgeType: string, options: { readonly tenant?: string | undefined } = {}): LintFinding[] {
    const cartridge = this.#cartridge(cartridgeType);
    const types = [...new Set([...cartridge.iaasProviders.map(({ type }) => type), ...this.iaases.keys()])];
    return types.flatMap((on): LintFinding[] => {
      const iaas = this.iaases.get(on);
      if (iaas === undefined) return [{ level: "error", on, message: "is not configured" }];
      return lintCartridge(cartridge, iaas, { ...options, on, defaults: this.#config.defaults });
    });
  }

  /**
   * Launch a cartridge in the first place that has room, once: a key that has an instance on any of the candidates
   * gives that one. Goes on elsewhere only for want of capacity or quota, never while an outcome is unknown.
   *
   * @throws InvalidInputError before any request, when a place that was asked for is not there, or cannot run it.
   * @throws InsufficientCapacityError, QuotaExceededError when no candidate has room; `cause` has each one's error.
   */
  async launch(cartridgeType: string, options: ControllerLaunchOptions): Promise<PlacedInstance> {
    checkIdentity(options.key, "key", { ...origin, operation: "launch" });
    const candidates = this.#candidates(this.#cartridge(cartridgeType), options);
    return await this.#lock.run(options.key, async () => await failover(candidates, options, this.#clock));
  }

  /** The instances of this owner, on all Iaases, one Iaas after the other. */
  async *list(options: CallOptions = {}): AsyncGenerator<PlacedInstance, void, undefined> {
    for (const [on, iaas] of this.iaases) {
      for await (const instance of iaas.list(options)) yield { on, instance };
    }
  }

  /**
   * End the instance of a key and what was made for it, wherever it is. Success when there is none.
   *
   * @throws PartialFailureError when some Iaas could not, after all others have.
   */
  async terminate(key: string, options: CallOptions = {}): Promise<void> {
    const failures = await this.#lock.run(key, async () => {
      const ends = [...this.iaases.values()].map(async (iaas) => {
        await iaas.terminate({ key }, options);
      });
      const ended = await Promise.allSettled(ends);
      return ended.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
    });
    if (failures.length <= 1) {
      if (failures.length === 1) throw failures[0];
      return;
    }
    const created = failures.flatMap((failure) => (IaasError.is(failure) ? failure.created : []));
    const message = failures
      .map((failure) => (failure instanceof Error ? failure.message : String(failure)))
      .join("; ");
    const cause = new AggregateError(failures, message);
    throw new PartialFailureError(message, { ...origin, operation: "terminate", created, cause });
  }

  /** Let go of every Iaas. What is at the clouds stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.iaases.values()].map(async (iaas) => await iaas[Symbol.asyncDispose]()));
  }

  #cartridge(type: string): Cartridge {
    const cartridge = this.cartridges.get(type);
    if (cartridge !== undefined) return cartridge;
    const known = [...this.cartridges.keys()].join(", ");
    throw new InvalidInputError("cartridge", `is ${JSON.stringify(type)}, which is none of: ${known}`, origin);
  }

  /** Where it shall run, in order; a place that the caller has named must be able to. */
  #candidates(cartridge: Cartridge, options: ControllerLaunchOptions): Candidate[] {
    const { on, partition, tenant, overrides } = options;
    const { defaults, partitions } = this.#config;
    const at = { ...origin, operation: "launch" };
    if (partition !== undefined) {
      return [partition].flat().map((id) => {
        const found = partitions.find((candidate) => candidate.id === id);
        if (found === undefined)
          throw new InvalidInputError("partition", `is ${JSON.stringify(id)}, which is not configured`, at);
        const { id: _id, iaas: type, ...layer } = found;
        return this.#candidate(cartridge, type, { defaults, partition: layer, call: overrides, tenant });
      });
    }
    const resolve = { defaults, call: overrides, tenant };
    if (on !== undefined) return [on].flat().map((type) => this.#candidate(cartridge, type, resolve));
    const possible = cartridge.iaasProviders
      .map(({ type }) => type)
      .filter((type, index, all) => this.iaases.has(type) && all.indexOf(type) === index);
    const able = possible.filter((type) => {
      const iaas = this.iaases.get(type);
      return (
        iaas !== undefined &&
        lintCartridge(cartridge, iaas, { ...resolve, on: type }).every(({ level }) => level !== "error")
      );
    });
    if (able.length > 0) return able.map((type) => this.#candidate(cartridge, type, resolve));
    const reasons = this.lint(cartridge.type, { tenant }).map(({ on: type, message }) => `${type}: ${message}`);
    throw new InvalidInputError("cartridge", `${cartridge.type} can run nowhere: ${reasons.join("; ")}`, at);
  }

  #candidate(
    cartridge: Cartridge,
    type: string,
    layers: Omit<Parameters<typeof resolveCartridge>[1], "on">,
  ): Candidate {
    const iaas = this.iaases.get(type);
    const at = { ...origin, operation: "launch" };
    if (iaasProviderOf(cartridge, type) !== undefined && iaas === undefined) {
      throw new InvalidInputError("on", `is ${JSON.stringify(type)}, which is not configured`, at);
    }
    const launch = resolveCartridge(cartridge, { ...layers, on: type });
    if (iaas === undefined)
      throw new InvalidInputError("on", `is ${JSON.stringify(type)}, which is not configured`, at);
    return { on: type, iaas, launch };
  }
}

const origin: ErrorOrigin = { provider: "iaaskit", operation: "CloudController" };
