import type { Call, CallContext, Caller } from "./call.ts";
import type { FacetTypes } from "./capabilities.ts";
import { IaasError, PartialFailureError } from "./errors.ts";
import type { Instances } from "./instances.ts";
import type { KeyedLock } from "./keyed-lock.ts";
import type { Instance, ResourceRef } from "./model.ts";
import { goesWith } from "./parts.ts";
import type { Waiting } from "./waiting.ts";

export interface TerminatorParts {
  readonly caller: Caller;
  readonly instances: Instances;
  readonly waiting: Waiting;
  readonly facets: Partial<FacetTypes>;
  /** Keeps launching and terminating of one key apart. */
  readonly lock: KeyedLock;
  readonly terminate: (input: { readonly id: string }, context: CallContext) => Promise<void>;
}

/** One thing that is to go, and how. */
interface Removal {
  readonly resource: ResourceRef;
  readonly remove: () => Promise<void>;
}

/** Time for undoing what a failed launch has made: the caller's own may be over. */
const undoTimeoutMs = 300_000;

/** Ends instances and what was made for them. */
export class Terminator {
  readonly #parts: TerminatorParts;

  constructor(parts: TerminatorParts) {
    this.#parts = parts;
  }

  /** Ends the instance, or the key's, and what was made for it. Success when there is none. */
  async terminate(target: string | { readonly key: string }, call: Call): Promise<void> {
    const { lock, instances } = this.#parts;
    if (typeof target !== "string") {
      await lock.run(target.key, async () => await this.terminateKey(target.key, call), call.signal);
      return;
    }
    const instance = await instances.get(target, call);
    if (instance === null) return;
    const { key } = instance.ownership;
    const end = async (): Promise<void> => {
      const isLast = (await instances.find(key, call)).every(
        ({ id, state }) => id === target || state === "terminated" || state === "terminating",
      );
      // Another instance of the key may be using what was made for it.
      await this.#endAll([instance], isLast ? key : null, call);
    };
    await lock.run(key, end, call.signal);
  }

  /** Ends every instance of the key, and what was made for it. */
  async terminateKey(key: string, call: Call): Promise<void> {
    const found = await this.#parts.instances.findAll(key, call);
    await this.#endAll(found, key, call);
  }

  /** As {@link Terminator.terminateKey}, as a call of its own with its own time. */
  async endKey(key: string): Promise<void> {
    await this.#parts.caller.run("undo", { timeoutMs: undoTimeoutMs }, async (call) => {
      await this.terminateKey(key, call);
    });
  }

  /** Ends one instance, and nothing else; resolves when the cloud has accepted that. */
  async end({ id, state }: Instance, call: Call): Promise<void> {
    if (state === "terminated" || state === "terminating") return;
    for (;;) {
      try {
        await call.request("terminate", "idempotent", async (context) => {
          await this.#parts.terminate({ id }, context);
        });
        return;
      } catch (error) {
        if (!IaasError.is(error) || error.code !== "IAAS_NOT_FOUND") throw error;
        if (!this.#parts.instances.isYoung(id)) return;
        await call.sleep(call.capabilities.pollIntervalMs); // not visible yet: gone it is not
      }
    }
  }

  async #endAll(found: readonly Instance[], key: string | null, call: Call): Promise<void> {
    const instances = found.filter(({ state }) => state !== "terminated");
    await removeAll(
      instances.map((instance) => ({
        resource: { kind: "instance", id: instance.id },
        remove: async () => {
          await this.end(instance, call);
          await this.#parts.waiting.terminated(instance, call);
          this.#parts.instances.noteEnded(instance.id);
        },
      })),
      call,
    );
    if (key !== null) await removeAll(await this.#partsOf(key, call), call);
  }

  async #partsOf(key: string, call: Call): Promise<Removal[]> {
    const { floatingIps, volumes, securityGroups } = this.#parts.facets;
    const [ips, disks, groups] = await Promise.all([
      floatingIps?.owned(call) ?? [],
      volumes?.owned(call) ?? [],
      securityGroups?.owned(call) ?? [],
    ]);
    return [
      ...ips
        .filter(({ ownership }) => goesWith(ownership?.key, key))
        .map((ip): Removal => ({
          resource: { kind: "floating-ip", id: ip.id },
          remove: async () => await floatingIps?.releaseOwned(ip, call),
        })),
      ...disks
        .filter(({ ownership }) => goesWith(ownership?.key, key))
        .map((volume): Removal => ({
          resource: { kind: "volume", id: volume.id },
          remove: async () => {
            if (volumes !== undefined) await volumes.deleteOwned(await volumes.detachKnown(volume, call), call);
          },
        })),
      ...groups
        .filter(({ ownership }) => goesWith(ownership?.key, key))
        .map((group): Removal => ({
          resource: { kind: "security-group", id: group.id },
          // A cloud may count a group as used for a minute after its last member has ended.
          remove: async () =>
            await call.whenReady(async () => await securityGroups?.deleteOwned(group, call), ["in-use", "wrong-state"]),
        })),
    ];
  }
}

/** Removes one after the other; what fails does not keep the others from going. */
async function removeAll(removals: readonly Removal[], call: Call): Promise<void> {
  const left: ResourceRef[] = [];
  let first: unknown;
  for (const { resource, remove } of removals) {
    try {
      await remove();
    } catch (error) {
      call.signal.throwIfAborted();
      if (IaasError.is(error) && error.code === "IAAS_NOT_FOUND") continue;
      if (removals.length === 1) throw error;
      first ??= error;
      left.push(resource);
    }
  }
  if (left.length === 0) return;
  const names = left.map(({ kind, id }) => `${kind} ${id}`).join(", ");
  throw new PartialFailureError(`could not remove ${names}`, { ...call.at, created: left, cause: first });
}
