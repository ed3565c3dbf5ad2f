import { type Call, type CallContext, Caller } from "./call.ts";
import {
  type Can,
  type Capabilities,
  type CapabilityFindings,
  type CapabilityPath,
  type FacetName,
  facetNames,
  type FacetTypes,
  isOn,
  isUnsettled,
  requireOn,
  settle,
  type With,
} from "./capabilities.ts";
import { systemClock } from "./clock.ts";
import { UnsupportedCapabilityError } from "./errors.ts";
import { Instances, type ListInput } from "./instances.ts";
import { KeyedLock } from "./keyed-lock.ts";
import { Launcher, type LaunchInput } from "./launcher.ts";
import type { LaunchOptions, PartitionOptions } from "./launch-options.ts";
import type { PayloadHosting } from "../payload/hosting/hosting.ts";
import type { CallOptions, FoundInstance, Instance, Page } from "./model.ts";
import { pacingOf } from "./pacing.ts";
import { Partitions } from "./partitions.ts";
import { Redactor } from "./redaction.ts";
import {
  facetsThatAreOn,
  type IaasOptions,
  makeFacets,
  type ProviderDefinition,
  providerOptionsOf,
} from "./provider-definition.ts";
import { Sweeper, type SweepOptions, type SweepReport } from "./sweeper.ts";
import { Terminator } from "./terminator.ts";
import { check, checkIdentity, checkPort, checkText } from "./validation.ts";
import { Waiting } from "./waiting.ts";

/** What a wait looks for. */
export type WaitCondition = "running" | "reachable" | "terminated" | ((instance: Instance) => boolean);

export interface WaitOptions extends CallOptions {
  /** The TCP port that shall answer, for `reachable`. */
  readonly port?: number | undefined;
}

/** What `probe()` tells. */
export interface ProbeReport {
  /** The account, as the cloud names it; `null` where it does not tell. */
  readonly account: string | null;
  readonly capabilities: Capabilities;
}

const waitTimeoutMs = 600_000;

/**
 * One account at one endpoint and region, seen by one owner.
 *
 * The public methods own every rule: they check, pace, repeat, time and map errors. A provider implements the
 * hooks that begin with `_` and only translates: their input is complete and checked.
 */
export abstract class Iaas<C extends Capabilities = Capabilities> {
  readonly provider: string;
  readonly owner: string;
  /** Where payloads wait that are too long for the cloud, or too secret; `null`: such a launch is refused. */
  readonly payloadHost: PayloadHosting | null;
  #capabilities: C;
  readonly #caller: Caller;
  readonly #facets: Partial<FacetTypes>;
  readonly #instances: Instances;
  readonly #waiting: Waiting;
  readonly #partitions: Partitions;
  readonly #launcher: Launcher;
  readonly #terminator: Terminator;
  readonly #sweeper: Sweeper;
  #probing: Promise<ProbeReport> | null = null;

  constructor(definition: ProviderDefinition<C>, options: IaasOptions) {
    const { provider, capabilities, connection, toError } = definition;
    const { owner, clock = systemClock, payloadHost = null } = options;
    checkIdentity(owner, "owner", { provider, operation: "new" });
    this.provider = provider;
    this.owner = owner;
    this.payloadHost = payloadHost;
    this.#capabilities = capabilities;
    const pacing = pacingOf(`${provider} ${connection}`, clock);
    const redactor = new Redactor(definition.secrets);
    const now = (): Capabilities => this.#capabilities;
    const caller = new Caller({ provider, owner, clock, pacing, redactor, toError, capabilities: now });
    const facets = makeFacets(definition, caller);
    const instances = new Instances(caller, {
      get: async (input, context) => await this._get(input, context),
      list: async (input, context) => await this._list(input, context),
    });
    const waiting = new Waiting(caller, instances);
    const partitions = new Partitions(definition.region, facets.catalog, clock);
    const on = facetsThatAreOn(facets, now);
    const shared = { caller, facets: on, instances, waiting, partitions, lock: new KeyedLock() };
    this.#caller = caller;
    this.#facets = facets;
    this.#instances = instances;
    this.#waiting = waiting;
    this.#partitions = partitions;
    this.#terminator = new Terminator({
      ...shared,
      terminate: async (input, context) => {
        await this._terminate(input, context);
      },
    });
    this.#launcher = new Launcher({
      ...shared,
      payloadHost,
      terminator: this.#terminator,
      launch: async (input, context) => await this._launch(input, context),
      start: async (instance, call) => await this.#startAndWait(instance, call),
      settle: async (call) => await this.#settle(call),
      providerOptions: (asked) => providerOptionsOf(definition, asked),
    });
    this.#sweeper = new Sweeper({
      ...shared,
      terminate: async (id, call) => {
        await this.#terminator.terminate(id, call);
      },
    });
  }

  static {
    // Facets stand in a provider's type only where its flags say so; at run time each can be asked for.
    for (const name of facetNames) {
      Object.defineProperty(Iaas.prototype, name, {
        get(this: Iaas): FacetTypes[typeof name] {
          return this.#facet(name);
        },
      });
    }
  }

  /** What this Iaas can do, as data. `probe()` may settle what depends on the installation. */
  get capabilities(): C {
    return this.#capabilities;
  }

  /** Whether a capability is on. Narrows the type: afterwards the facet is there. */
  can<Path extends CapabilityPath>(path: Path): this is this & Can<C, Path> {
    return isOn(this.#capabilities, path);
  }

  /**
   * Find out whether the cloud answers and knows who is asking, and what this installation can do. Read-only.
   *
   * @throws AuthenticationError, UnavailableError
   */
  async probe(options: CallOptions = {}): Promise<ProbeReport> {
    return await this.#caller.run("probe", options, async (call) => {
      const { account, findings } = await call.request("probe", "read", async (context) => await this._probe(context));
      this.#capabilities = settle(this.#capabilities, findings);
      return { account, capabilities: this.#capabilities };
    });
  }

  /**
   * Launch an instance for an intent, once: the same key gives the same instance, however often and from however
   * many processes it is asked for, and after a crash in the middle.
   *
   * A failure that is certain undoes what was made. An abort or a deadline does not: launch again with the key to
   * go on, or `terminate({ key })`.
   *
   * @throws InvalidInputError, PayloadTooLargeError, UnsupportedCapabilityError before any request.
   * @throws ConflictError `spec-mismatch` when the key stands for an instance of another specification.
   * @throws InsufficientCapacityError, QuotaExceededError when another zone, size or Iaas may do.
   * @throws OutcomeUnknownError when nobody knows; the same launch again finds out.
   * @throws PartialFailureError when something could not be undone: `created` names it.
   */
  async launch(options: LaunchOptions): Promise<Instance> {
    return await this.#launcher.launch(options);
  }

  /** @throws NotFoundError when there is no such instance. @throws PermissionDeniedError when it is another owner's. */
  async get(id: string, options: CallOptions = {}): Promise<Instance> {
    return await this.#caller.run("get", options, async (call) => {
      checkText(id, "id", call.at);
      return await this.#instances.mustGet(id, call);
    });
  }

  /** The instances of this owner that are not terminated; of one key only, where `key` is given. */
  async *list(
    options: CallOptions & { readonly key?: string | undefined } = {},
  ): AsyncGenerator<Instance, void, undefined> {
    const { key } = options;
    const instances = key === undefined ? this.#instances.list("list", null, options) : await this.#ofKey(key, options);
    for await (const instance of instances) if (instance.state !== "terminated") yield instance;
  }

  /**
   * End an instance, by its id or its key, and the addresses, volumes and groups that were made for it. Resolves when
   * all are gone; success when they are already. What it has not done in time, the same call does later.
   *
   * @throws PermissionDeniedError when it belongs to another owner.
   */
  async terminate(target: string | { readonly key: string }, options: CallOptions = {}): Promise<void> {
    await this.#caller.run("terminate", { timeoutMs: waitTimeoutMs, ...options }, async (call) => {
      if (typeof target === "string") checkText(target, "id", call.at);
      else checkIdentity(target.key, "key", call.at);
      if (isUnsettled(this.#capabilities)) await this.#settle(call);
      await this.#terminator.terminate(target, call);
    });
  }

  /**
   * Wait for an instance. Default time 10 minutes; polls that the cloud throttles do not end the wait.
   *
   * @returns The instance as it was seen; for `terminated` as it was given.
   * @throws The cloud's reason, when the instance fails: InsufficientCapacityError, QuotaExceededError, …
   */
  async waitUntil(instance: Instance, condition: WaitCondition, options: WaitOptions = {}): Promise<Instance> {
    return await this.#caller.run("waitUntil", { timeoutMs: waitTimeoutMs, ...options }, async (call) => {
      if (typeof condition === "function") return await this.#waiting.until(instance, condition, call);
      if (condition === "running") return await this.#waiting.running(instance, call);
      if (condition === "reachable") {
        checkPort(options.port, "port", call.at);
        return await this.#waiting.reachable(instance, options.port, call);
      }
      check(condition === "terminated", "condition", "must be running, reachable, terminated or a function", call.at);
      await this.#waiting.terminated(instance, call);
      return instance;
    });
  }

  /** Make sure that region, zone and host exist. @throws InvalidInputError naming the level that is wrong. */
  async validatePartition(partition: PartitionOptions, options: CallOptions = {}): Promise<void> {
    await this.#caller.run("validatePartition", options, async (call) => {
      await this.#partitions.check(partition, call);
    });
  }

  /**
   * Find what nobody claims any more and, in a later pass, delete it: what one pass has marked and the next still
   * finds unclaimed. Marks last as long as this object. A list that fails fails the pass before it deletes.
   */
  async sweep(options: SweepOptions): Promise<SweepReport> {
    return await this.#caller.run("sweep", { timeoutMs: waitTimeoutMs, ...options }, async (call) => {
      if (isUnsettled(this.#capabilities)) await this.#settle(call);
      return await this.#sweeper.sweep(options, call);
    });
  }

  /** Stop a running instance; its disk stays. It is stopped afterwards. */
  async stop(this: Iaas & With<"stop">, id: string, options: CallOptions = {}): Promise<Instance> {
    return await this.#power("stop", id, options, async (instance, call) => {
      if (instance.state === "stopped") return instance;
      await call.request("stop", "idempotent", async (context) => {
        await this._stop({ id }, context);
      });
      return await this.#waiting.until(instance, ({ state }) => state === "stopped", call);
    });
  }

  /** Start a stopped instance. It is running afterwards; its addresses may be others. */
  async start(this: Iaas & With<"stop">, id: string, options: CallOptions = {}): Promise<Instance> {
    return await this.#power("start", id, options, async (instance, call) => {
      await this.#startAndWait(instance, call);
      return await this.#waiting.running(instance, call);
    });
  }

  /** Restart the guest. */
  async reboot(this: Iaas & With<"reboot">, id: string, options: CallOptions = {}): Promise<Instance> {
    return await this.#power("reboot", id, options, async (instance, call) => {
      await call.request("reboot", "create", async (context) => {
        await this._reboot({ id }, context);
      });
      return await this.#waiting.running(instance, call);
    });
  }

  /** What the instance wrote to its console: the last part of it, as much as the cloud keeps. */
  async consoleOutput(this: Iaas & With<"consoleOutput">, id: string, options: CallOptions = {}): Promise<string> {
    return await this.#caller.run("consoleOutput", { ...options, needs: "consoleOutput" }, async (call) => {
      checkText(id, "id", call.at);
      await this.#instances.mustGet(id, call);
      return await call.request("consoleOutput", "read", async (context) => await this._consoleOutput({ id }, context));
    });
  }

  /** End what is under way and let go of connections. What is at the cloud stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#caller.end();
    await this._dispose();
  }

  /** Ask the cloud who is asking, and what the capabilities left open. */
  protected abstract _probe(
    context: CallContext,
  ): Promise<{ readonly account: string | null; readonly findings: CapabilityFindings }>;

  /**
   * Make one instance that carries the ownership, at once or as soon as the cloud allows.
   *
   * @throws ConflictError `token-spent` when the token belongs to an instance that has ended.
   */
  protected abstract _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance>;

  /** The instance, whoever made it. @throws NotFoundError */
  protected abstract _get(input: { readonly id: string }, context: CallContext): Promise<FoundInstance>;

  /** One page of the owner's instances, the terminated ones among them where the cloud remembers them. */
  protected abstract _list(input: ListInput, context: CallContext): Promise<Page<FoundInstance>>;

  /** Begin to end the instance. @throws NotFoundError when it is gone. */
  protected abstract _terminate(input: { readonly id: string }, context: CallContext): Promise<void>;

  /** Begin to stop the instance. */
  protected async _stop(_input: { readonly id: string }, context: CallContext): Promise<void> {
    throw missingHook("stop", context);
  }

  /** Begin to start the instance. @throws ConflictError `wrong-state` while it is still stopping. */
  protected async _start(_input: { readonly id: string }, context: CallContext): Promise<void> {
    throw missingHook("start", context);
  }

  /** Begin to restart the guest. */
  protected async _reboot(_input: { readonly id: string }, context: CallContext): Promise<void> {
    throw missingHook("reboot", context);
  }

  /** The last part of what the guest wrote to its console; empty where there is nothing yet. */
  protected async _consoleOutput(_input: { readonly id: string }, context: CallContext): Promise<string> {
    throw missingHook("consoleOutput", context);
  }

  /** Let go of connections. */
  protected async _dispose(): Promise<void> {
    await Promise.resolve();
  }

  async #ofKey(key: string, options: CallOptions): Promise<readonly Instance[]> {
    return await this.#caller.run("list", options, async (call) => {
      checkIdentity(key, "key", call.at);
      return await this.#instances.findAll(key, call);
    });
  }

  /** What was made must be found and removed by every process: what depends on the installation is asked, once. */
  async #settle(call: Call): Promise<void> {
    this.#probing ??= this.probe().finally(() => (this.#probing = null));
    await call.race(this.#probing);
  }

  #facet<Name extends FacetName>(name: Name): FacetTypes[Name] {
    requireOn(this.#capabilities, name, { provider: this.provider, operation: name });
    return this.#facets[name] as FacetTypes[Name];
  }

  async #power(
    operation: "stop" | "start" | "reboot",
    id: string,
    options: CallOptions,
    body: (instance: Instance, call: Call) => Promise<Instance>,
  ): Promise<Instance> {
    const needs = operation === "reboot" ? "reboot" : "stop";
    return await this.#caller.run(operation, { timeoutMs: waitTimeoutMs, ...options, needs }, async (call) => {
      checkText(id, "id", call.at);
      return await body(await this.#instances.mustGet(id, call), call);
    });
  }

  async #startAndWait({ id, state }: Instance, call: Call): Promise<void> {
    if (state === "running" || state === "pending") return;
    call.need("stop");
    await call.whenReady(async () => {
      await call.request("start", "idempotent", async (context) => {
        await this._start({ id }, context);
      });
    });
  }
}

function missingHook(capability: string, context: CallContext): UnsupportedCapabilityError {
  return new UnsupportedCapabilityError(capability, "the provider declares it and lacks its hook", context);
}
