import { pathText } from "../cartridge/define.ts";
import { lintCartridge, type LintFinding } from "../cartridge/lint.ts";
import type { Cartridge, CartridgeLayer } from "../cartridge/model.ts";
import { iaasProviderOf, resolveCartridge, type ResolveOptions } from "../cartridge/resolve.ts";
import { type Clock, systemClock } from "../iaas/clock.ts";
import {
  type ErrorOrigin,
  IaasError,
  type InputPosition,
  InvalidInputError,
  PartialFailureError,
} from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import { KeyedLock } from "../iaas/keyed-lock.ts";
import { checkLaunch } from "../iaas/launch-options.ts";
import type { CallOptions, Instance } from "../iaas/model.ts";
import { check, checkFields, checkIdentity, isIntegerIn } from "../iaas/validation.ts";
import type { PayloadHosting } from "../payload/hosting/hosting.ts";
import { type ControllerConfig, loadConfig, type LoadedConfig } from "./config.ts";
import { type Candidate, failover } from "./failover.ts";
import { type IaasConstructor, Providers } from "./providers.ts";

export interface ControllerOptions {
  /** Providers besides those of this package, by the name that a configuration has for them. */
  readonly providers?: Readonly<Record<string, IaasConstructor>> | undefined;
  /** Time for every Iaas, and for going on from one to the next. Default: this machine's. */
  readonly clock?: Clock | undefined;
  /** Where payloads wait that are too long, or too secret, for a cloud. Default: such a launch is refused. */
  readonly payloadHost?: PayloadHosting | undefined;
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

const knownFields: readonly string[] = Object.keys({
  key: 0,
  on: 0,
  partition: 0,
  tenant: 0,
  overrides: 0,
  attemptsAtMost: 0,
  signal: 0,
  timeoutMs: 0,
} satisfies Record<keyof ControllerLaunchOptions, 0>);

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
    this.cartridges = new Map(config.cartridges.map((cartridge) => [cartridge.type, withoutOptions(cartridge)]));
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
    const { providers: registered = {}, environment = process.env, clock = systemClock, payloadHost } = options;
    const config = await loadConfig(source, environment);
    const providers = new Providers(registered);
    const common = { owner: config.owner, clock, ...(payloadHost === undefined ? {} : { payloadHost }) };
    const iaases = new Map<string, Iaas>();
    for (const [index, { type, provider = type, ...own }] of config.iaases.entries()) {
      const positionOf = (option: string): InputPosition => config.positionOf(["iaases", index, ...option.split(".")]);
      const described = { provider, options: own, field: `iaases[${index}]`, positionOf };
      iaases.set(type, await providers.create(described, common));
    }
    const configured = new Set(iaases.keys());
    for (const cartridge of config.cartridges) {
      for (const type of new Set(cartridge.iaasProviders.map((one) => one.type))) {
        const { provider = type, options: own } = iaasProviderOf(cartridge, type) ?? {};
        if (configured.has(type) || own === undefined) continue;
        const field = `${type} of the cartridge ${cartridge.type}`;
        const rule = "defines an Iaas that another cartridge defines";
        if (iaases.has(type)) throw new InvalidInputError(field, rule, origin);
        iaases.set(type, await providers.create({ provider, options: own, field, positionOf: () => ({}) }, common));
      }
    }
    for (const [index, { id, iaas }] of config.partitions.entries()) {
      const rule = `of the partition ${id} is ${JSON.stringify(iaas)}, which is none of: ${[...iaases.keys()].join(", ")}`;
      const path = ["partitions", index, "iaas"];
      if (!iaases.has(iaas))
        throw new InvalidInputError(pathText(path), rule, { ...origin, ...config.positionOf(path) });
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
   * @throws InvalidInputError, PayloadTooLargeError, UnsupportedCapabilityError before any request, when a place that
   * was asked for is not there, or cannot run it.
   * @throws InsufficientCapacityError, QuotaExceededError when no candidate has room; `cause` has each one's error.
   */
  async launch(cartridgeType: string, options: ControllerLaunchOptions): Promise<PlacedInstance> {
    checkFields(options, knownFields, "", launching);
    checkIdentity(options.key, "key", launching);
    const { attemptsAtMost = 1 } = options;
    check(isIntegerIn(attemptsAtMost, 1, Infinity), "attemptsAtMost", "must be a whole number from 1", launching);
    const candidates = this.#candidates(this.#cartridge(cartridgeType), options);
    const { key, signal } = options;
    return await this.#lock.run(key, async () => await failover(candidates, options, this.#clock), signal);
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
   * @throws What an Iaas could not do, after all others have; PartialFailureError when there are several such.
   */
  async terminate(key: string, options: CallOptions = {}): Promise<void> {
    const at = { ...origin, operation: "terminate" };
    checkIdentity(key, "key", at);
    const endAll = async (): Promise<{ readonly on: string; readonly error: unknown }[]> => {
      const ends = [...this.iaases].map(async ([on, iaas]) => {
        const failed = await iaas.terminate({ key }, options).then(
          () => null,
          (error: unknown) => ({ on, error }),
        );
        return failed;
      });
      return (await Promise.all(ends)).filter((failure) => failure !== null);
    };
    const failures = await this.#lock.run(key, endAll, options.signal);
    const [first, ...others] = failures;
    if (first === undefined) return;
    options.signal?.throwIfAborted();
    if (others.length === 0) throw first.error;
    const errors = failures.map(({ error }) => error);
    const created = errors.flatMap((error) => (IaasError.is(error) ? error.created : []));
    const message = failures
      .map(({ on, error }) => `${on}: ${error instanceof Error ? error.message : String(error)}`)
      .join("; ");
    throw new PartialFailureError(message, { ...at, created, cause: new AggregateError(errors, message) });
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
    const { key, on, partition, tenant, overrides } = options;
    const layers = { defaults: this.#config.defaults, call: overrides, tenant };
    if (partition !== undefined) {
      return named("partition", partition).map((id) => {
        const { iaas: type, ...layer } = this.#partition(id);
        return this.#candidate(cartridge, type, { ...layers, partition: layer }, key);
      });
    }
    if (on !== undefined) return named("on", on).map((type) => this.#candidate(cartridge, type, layers, key));
    const types = [...new Set(cartridge.iaasProviders.map(({ type }) => type))];
    const problems = types.flatMap((type) => this.#problemsOf(cartridge, type, layers));
    const able = types.filter((type) => problems.every((problem) => problem.on !== type));
    if (able.length > 0) return able.map((type) => this.#candidate(cartridge, type, layers, key));
    const reasons = problems.map((problem) => `${problem.on}: ${problem.message}`);
    throw new InvalidInputError("cartridge", `${cartridge.type} can run nowhere: ${reasons.join("; ")}`, launching);
  }

  #problemsOf(cartridge: Cartridge, on: string, layers: Omit<ResolveOptions, "on">): LintFinding[] {
    const iaas = this.iaases.get(on);
    if (iaas === undefined) return [{ level: "error", on, message: "is not configured" }];
    return lintCartridge(cartridge, iaas, { ...layers, on }).filter(({ level }) => level === "error");
  }

  #candidate(cartridge: Cartridge, type: string, layers: Omit<ResolveOptions, "on">, key: string): Candidate {
    const launch = resolveCartridge(cartridge, { ...layers, on: type });
    const iaas = this.iaases.get(type);
    if (iaas === undefined) {
      throw new InvalidInputError("on", `is ${JSON.stringify(type)}, which is not configured`, launching);
    }
    checkLaunch({ ...launch, key }, iaas.capabilities, iaas.payloadHost, {
      provider: iaas.provider,
      operation: "launch",
    });
    return { on: type, iaas, launch };
  }

  #partition(id: string): { readonly iaas: string } & CartridgeLayer {
    const found = this.#config.partitions.find((partition) => partition.id === id);
    if (found === undefined) {
      const rule = `is ${JSON.stringify(id)}, which is not configured`;
      throw new InvalidInputError("partition", rule, launching);
    }
    const { id: _id, ...others } = found;
    return others;
  }
}

/** The Iaases that it defines are made by now, and their options may hold credentials. */
function withoutOptions(cartridge: Cartridge): Cartridge {
  return { ...cartridge, iaasProviders: cartridge.iaasProviders.map(({ options: _options, ...others }) => others) };
}

const origin: ErrorOrigin = { provider: "iaaskit", operation: "CloudController" };
const launching: ErrorOrigin = { ...origin, operation: "launch" };

/** The places that a caller has named: one, or several in order. */
function named(field: string, places: string | readonly string[]): readonly string[] {
  const list = [places].flat();
  check(list.length > 0, field, "must name a place", launching);
  return list;
}
