import type { Call, CallContext, Caller } from "./call.ts";
import { Coalesced } from "./coalesced.ts";
import { createOnce } from "./create-once.ts";
import { ConflictError, IaasError, InsufficientCapacityError, NotFoundError, PermissionDeniedError } from "./errors.ts";
import { collect } from "./iteration.ts";
import type { CallOptions, Ownership, Page } from "./model.ts";
import { checkIdentity, checkText } from "./validation.ts";

/** A public address that can be moved from one instance to another. */
export interface FloatingIp {
  readonly id: string;
  readonly address: string;
  /** The instance it leads to; `null` when it is free. */
  readonly instanceId: string | null;
  /** `null`: the user brought it; it is never released by this library. */
  readonly ownership: Ownership | null;
}

export interface AllocateFloatingIpOptions extends CallOptions {
  /** The intent: the same key gives the same address. */
  readonly key: string;
  /** Name of the pool or external network; the provider's default when left out. */
  readonly pool?: string | undefined;
}

export interface AssociateFloatingIpOptions extends CallOptions {
  readonly instanceId: string;
  /** A given address; left out, a free one of this owner is taken. */
  readonly address?: string | undefined;
  /** Take the given address from the instance that has it now. Default false. */
  readonly move?: boolean | undefined;
}

/** Public addresses of an Iaas: reserve, attach, move, give back. */
export abstract class FloatingIps {
  readonly #caller: Caller;
  readonly #owned: Coalesced<readonly FloatingIp[]>;
  /** Addresses that a call of this process is about to associate. */
  readonly #claimed = new Set<string>();

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#owned = new Coalesced(async () => await collect(this.list()));
  }

  /**
   * Reserve an address for this owner. It is billed until {@link FloatingIps.release} and leads nowhere until
   * {@link FloatingIps.associate}.
   *
   * @returns The address of this key: a new one, or the one that an earlier call with the key has reserved.
   * @throws QuotaExceededError when the account may not reserve more.
   */
  async allocate(options: AllocateFloatingIpOptions): Promise<FloatingIp> {
    return await this.#run("floatingIps.allocate", options, async (call) => {
      checkIdentity(options.key, "key", call.at);
      return await this.allocateFor(options.key, options.pool ?? null, call);
    });
  }

  /**
   * Lead an address to an instance: the given one, or a free one of this owner.
   *
   * Calls in parallel, of this or another process, never get the same free address.
   *
   * @returns The address, with the instance's id.
   * @throws InsufficientCapacityError when no address is given and none is free: {@link FloatingIps.allocate} one.
   * @throws ConflictError when the given address leads to another instance and `move` is not set.
   * @throws PermissionDeniedError when the given address belongs to another owner.
   */
  async associate(options: AssociateFloatingIpOptions): Promise<FloatingIp> {
    return await this.#run("floatingIps.associate", options, async (call) => {
      checkText(options.instanceId, "instanceId", call.at);
      if (options.address === undefined) return await this.#claimFree(options.instanceId, call);
      checkText(options.address, "address", call.at);
      return await this.#associateGiven(options.address, options.instanceId, options.move ?? false, call);
    });
  }

  /** Let the address lead nowhere; it stays reserved. Success when it already leads nowhere. */
  async disassociate(options: CallOptions & { readonly address: string }): Promise<void> {
    await this.#run("floatingIps.disassociate", options, async (call) => {
      checkText(options.address, "address", call.at);
      await this.#free(await this.#known(options.address, call), call);
    });
  }

  /**
   * Give an address of this owner back to the cloud, from whatever instance it leads to. Success when it is gone.
   *
   * @throws PermissionDeniedError when this owner did not allocate it.
   */
  async release(options: CallOptions & { readonly address: string }): Promise<void> {
    await this.#run("floatingIps.release", options, async (call) => {
      checkText(options.address, "address", call.at);
      const floatingIp = await this.#find(options.address, call);
      if (floatingIp === null) return;
      if (floatingIp.ownership?.owner !== this.#caller.owner) {
        throw new PermissionDeniedError(`${options.address} was not allocated by this owner`, call.at);
      }
      await this.releaseOwned(floatingIp, call);
    });
  }

  /** The addresses of this owner. */
  list(options: CallOptions = {}): AsyncGenerator<FloatingIp, void, undefined> {
    const { owner } = this.#caller;
    const run = { ...options, needs: "floatingIps" } as const;
    return this.#caller.listOwned(
      "floatingIps.list",
      run,
      async (marker, context) => await this._list({ owner, marker }, context),
    );
  }

  /** @internal Within a call of the base: the owner's addresses, read together with others who ask now. */
  async owned(call: Call): Promise<readonly FloatingIp[]> {
    return await call.race(this.#owned.next());
  }

  /** @internal Within a call of the base: the address of `key`, once. */
  async allocateFor(key: string, pool: string | null, call: Call): Promise<FloatingIp> {
    const ownership = this.#caller.ownershipOf(key);
    return await createOnce(call, {
      find: async () => (await this.owned(call)).find((ip) => ip.ownership?.key === key),
      create: async (context) => await this._allocate({ ownership, pool }, context),
      action: "floatingIps.allocate",
      key,
    });
  }

  /** @internal Within a call of the base: lead an address of this owner to an instance. */
  async associateOwned(floatingIp: FloatingIp, instanceId: string, call: Call): Promise<FloatingIp> {
    if (floatingIp.instanceId === instanceId) return floatingIp;
    await this.#attach(floatingIp, instanceId, true, call);
    return { ...floatingIp, instanceId };
  }

  /** @internal Within a call of the base: free it and give it back. */
  async releaseOwned(floatingIp: FloatingIp, call: Call): Promise<void> {
    await this.#free(floatingIp, call);
    await call.gone("floatingIps.release", async (context) => {
      await this._release({ floatingIp }, context);
    });
  }

  /** Reserve an address that carries `ownership`. */
  protected abstract _allocate(
    input: { readonly ownership: Ownership; readonly pool: string | null },
    context: CallContext,
  ): Promise<FloatingIp>;

  /** One page of the owner's addresses. One that cannot filter may give all. */
  protected abstract _list(
    input: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<FloatingIp>>;

  /** The address, whoever reserved it. @throws NotFoundError when the account has no such address. */
  protected abstract _get(input: { readonly address: string }, context: CallContext): Promise<FloatingIp>;

  /**
   * Lead it to the instance. Without `move`, the cloud itself must refuse an address that is in use.
   *
   * @throws ConflictError `in-use` when the address leads elsewhere, `wrong-state` while the instance cannot take it.
   */
  protected abstract _associate(
    input: { readonly floatingIp: FloatingIp; readonly instanceId: string; readonly move: boolean },
    context: CallContext,
  ): Promise<void>;

  /** Let it lead nowhere; that it does already is success. */
  protected abstract _disassociate(input: { readonly floatingIp: FloatingIp }, context: CallContext): Promise<void>;

  /** Give it back. @throws NotFoundError when it is gone. */
  protected abstract _release(input: { readonly floatingIp: FloatingIp }, context: CallContext): Promise<void>;

  async #run<T>(operation: string, options: CallOptions, body: (call: Call) => Promise<T>): Promise<T> {
    return await this.#caller.run(operation, { ...options, needs: "floatingIps" }, body);
  }

  async #claimFree(instanceId: string, call: Call): Promise<FloatingIp> {
    const refused = new Set<string>();
    for (;;) {
      const owned = await this.owned(call);
      const free = owned.find(
        (ip) => ip.instanceId === null && !refused.has(ip.address) && !this.#claimed.has(ip.address),
      );
      if (free === undefined) throw new InsufficientCapacityError("no address of this owner is free", call.at);
      this.#claimed.add(free.address);
      try {
        await this.#attach(free, instanceId, false, call);
        return { ...free, instanceId };
      } catch (error) {
        if (!isInUse(error)) throw error;
        refused.add(free.address); // another process was faster
      } finally {
        this.#claimed.delete(free.address);
      }
    }
  }

  async #associateGiven(address: string, instanceId: string, move: boolean, call: Call): Promise<FloatingIp> {
    const floatingIp = await this.#known(address, call);
    if (floatingIp.instanceId === instanceId) return floatingIp;
    if (floatingIp.instanceId !== null && !move) {
      throw new ConflictError("in-use", `${address} leads to ${floatingIp.instanceId}`, call.at);
    }
    await this.#attach(floatingIp, instanceId, move, call);
    return { ...floatingIp, instanceId };
  }

  async #attach(floatingIp: FloatingIp, instanceId: string, move: boolean, call: Call): Promise<void> {
    try {
      await call.whenReady(async () => {
        await call.request("floatingIps.associate", "idempotent", async (context) => {
          await this._associate({ floatingIp, instanceId, move }, context);
        });
      });
    } catch (error) {
      // A repeat after a lost answer may meet its own success.
      if (!isInUse(error) || (await this.#find(floatingIp.address, call))?.instanceId !== instanceId) throw error;
    }
  }

  async #free(floatingIp: FloatingIp, call: Call): Promise<void> {
    if (floatingIp.instanceId === null) return;
    await call.gone("floatingIps.disassociate", async (context) => {
      await this._disassociate({ floatingIp }, context);
    });
  }

  /** The address, if this owner may use it: its own, or one that nobody's iaaskit has allocated. */
  async #known(address: string, call: Call): Promise<FloatingIp> {
    const floatingIp = await this.#find(address, call);
    if (floatingIp === null) throw new NotFoundError(`this account has no address ${address}`, call.at);
    if (floatingIp.ownership !== null && floatingIp.ownership.owner !== this.#caller.owner) {
      throw new PermissionDeniedError(`${address} belongs to another owner`, call.at);
    }
    return floatingIp;
  }

  async #find(address: string, call: Call): Promise<FloatingIp | null> {
    return await call.found("floatingIps.get", async (context) => await this._get({ address }, context));
  }
}

function isInUse(error: unknown): boolean {
  return IaasError.is(error) && error.code === "IAAS_CONFLICT" && error.reason === "in-use";
}
