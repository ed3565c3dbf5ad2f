import type { Call, CallContext, Caller } from "./call.ts";
import { Coalesced } from "./coalesced.ts";
import { NotFoundError, PermissionDeniedError } from "./errors.ts";
import { collect } from "./iteration.ts";
import type { CallOptions, FoundInstance, Instance, Page } from "./model.ts";

/** The reading hooks of a provider. */
export interface InstanceReads {
  get(input: { readonly id: string }, context: CallContext): Promise<FoundInstance>;
  list(input: ListInput, context: CallContext): Promise<Page<FoundInstance>>;
}

/** Which instances a page is of. */
export interface ListInput {
  readonly owner: string;
  /** Only these keys matter; `null`: all. A provider that cannot filter may give more. */
  readonly keys: readonly string[] | null;
  readonly marker: string | null;
}

/** The instances of one owner, read in as few requests as may be. */
export class Instances {
  readonly #caller: Caller;
  readonly #reads: InstanceReads;
  readonly #wanted = new Set<string>();
  readonly #finds: Coalesced<readonly Instance[]>;
  /** What this process has made, and when: until the cloud shows it everywhere, "not found" means "not yet". */
  readonly #made = new Map<string, { readonly key: string; readonly atMs: number }>();

  constructor(caller: Caller, reads: InstanceReads) {
    this.#caller = caller;
    this.#reads = reads;
    this.#finds = new Coalesced(async () => {
      const keys = [...this.#wanted];
      this.#wanted.clear();
      return await collect(this.list("find", keys));
    });
  }

  /** All instances of the owner that the cloud remembers, the terminated ones too. */
  list(operation: string, keys: readonly string[] | null, options: CallOptions = {}): AsyncGenerator<Instance> {
    const { owner } = this.#caller;
    // Only an owner's instances are left, so each has an ownership.
    return this.#caller.listOwned<FoundInstance>(
      operation,
      options,
      async (marker, context) => await this.#reads.list({ owner, keys, marker }, context),
    ) as AsyncGenerator<Instance>;
  }

  /** The instances of a key; calls of the same moment share one list. */
  async find(key: string, call: Call): Promise<readonly Instance[]> {
    this.#wanted.add(key);
    return (await call.race(this.#finds.next())).filter(({ ownership }) => ownership.key === key);
  }

  /** As {@link Instances.find}, with what this process has just made and no list shows yet. */
  async findAll(key: string, call: Call): Promise<readonly Instance[]> {
    const listed = await this.find(key, call);
    const hidden = [...this.#made].filter(
      ([id, made]) => made.key === key && this.isYoung(id) && listed.every((instance) => instance.id !== id),
    );
    const shown = await Promise.all(hidden.map(async ([id]) => await this.get(id, call)));
    return [...listed, ...shown.filter((instance) => instance !== null)];
  }

  /**
   * The instance, or `null` when there is none.
   *
   * @throws PermissionDeniedError when it belongs to somebody else.
   */
  async get(id: string, call: Call): Promise<Instance | null> {
    for (;;) {
      const instance = await this.peek(id, call);
      if (instance !== null || !this.isYoung(id)) return instance;
      await call.sleep(call.capabilities.pollIntervalMs);
    }
  }

  /** As {@link Instances.get}, without waiting for one that is not visible yet. */
  async peek(id: string, call: Call): Promise<Instance | null> {
    const instance = await call.found("get", async (context) => await this.#reads.get({ id }, context));
    return instance === null ? null : this.#requireOwned(instance, call);
  }

  /** @throws NotFoundError when there is none, or it belongs to somebody else. */
  async mustGet(id: string, call: Call): Promise<Instance> {
    const instance = await this.get(id, call);
    if (instance === null) throw new NotFoundError(`there is no instance ${id}`, call.at);
    return instance;
  }

  /** Remember that this process has just made an instance. */
  noteMade(id: string, key: string): void {
    for (const known of this.#made.keys()) if (!this.isYoung(known)) this.#made.delete(known);
    this.#made.set(id, { key, atMs: this.#caller.clock.now() });
  }

  /** Forget it: it has ended, so that "not found" is what it says. */
  noteEnded(id: string): void {
    this.#made.delete(id);
  }

  /** Whether the cloud may still not show an instance that this process has made. */
  isYoung(id: string): boolean {
    const made = this.#made.get(id);
    return made !== undefined && this.#caller.clock.now() - made.atMs < this.#caller.capabilities.visibilityLagMs;
  }

  #requireOwned(instance: FoundInstance, call: Call): Instance {
    if (instance.ownership?.owner !== this.#caller.owner) {
      throw new PermissionDeniedError(`${instance.id} does not belong to ${this.#caller.owner}`, call.at);
    }
    return instance as Instance;
  }
}
