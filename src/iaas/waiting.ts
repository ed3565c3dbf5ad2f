import { createConnection } from "node:net";
import { setImmediate } from "node:timers/promises";

import type { Call, Caller } from "./call.ts";
import { IaasError, NotFoundError } from "./errors.ts";
import type { Instances } from "./instances.ts";
import { collect } from "./iteration.ts";
import { endpointOf, type Instance } from "./model.ts";

/** What a wait looks for; `null` is an instance that is gone. */
type Condition = (instance: Instance | null) => boolean;

interface Watcher {
  readonly id: string;
  readonly key: string;
  readonly tell: (instance: Instance | null) => void;
  readonly fail: (error: unknown) => void;
}

/** Slower than this a wait that is throttled does not get. */
const slowestPollMs = 30_000;
const connectTimeoutMs = 2_000;
const staysMs = 50;

/** Waits for states of instances: however many wait, one list call a tick serves all. */
export class Waiting {
  readonly #caller: Caller;
  readonly #instances: Instances;
  readonly #watchers = new Set<Watcher>();
  #idle = new AbortController();
  #polling = false;

  constructor(caller: Caller, instances: Instances) {
    this.#caller = caller;
    this.#instances = instances;
  }

  /** Resolves when the instance runs; rejects with the cloud's reason when it never will. */
  async running(instance: Instance, call: Call): Promise<Instance> {
    return await this.until(instance, ({ state }) => state === "running", call);
  }

  /** Resolves when a TCP connection to the port of the running instance is accepted. */
  async reachable(instance: Instance, port: number, call: Call): Promise<Instance> {
    for (;;) {
      const current = await this.until(
        instance,
        (seen) => seen.state === "running" && endpointOf(seen, port) !== null,
        call,
      );
      const endpoint = endpointOf(current, port);
      if (endpoint !== null && (await call.race(accepts(endpoint.host, endpoint.port)))) return current;
      await call.sleep(Math.min(1_000, call.capabilities.pollIntervalMs));
    }
  }

  /** Resolves when the cloud has ended the instance, or does not know it any more. */
  async terminated(instance: Instance, call: Call): Promise<void> {
    await this.#watch(instance, (seen) => seen === null || seen.state === "terminated", call);
  }

  /** Resolves with the first state that satisfies the condition; rejects when the instance has failed or gone. */
  async until(instance: Instance, condition: (instance: Instance) => boolean, call: Call): Promise<Instance> {
    const seen = await this.#watch(
      instance,
      (current) => current === null || condition(current) || isOver(current),
      call,
    );
    if (seen === null) throw new NotFoundError(`${instance.id} is gone`, call.at);
    if (condition(seen)) return seen;
    if (seen.failure !== null) throw call.failed(seen.failure);
    throw new NotFoundError(`${seen.id} has ended: it is ${seen.state}`, call.at);
  }

  async #watch(instance: Instance, condition: Condition, call: Call): Promise<Instance | null> {
    const { id, ownership } = instance;
    let watcher: Watcher | undefined;
    const seen = new Promise<Instance | null>((resolve, reject) => {
      const tell = (current: Instance | null): void => {
        if (current === null && this.#instances.isYoung(id)) return; // not visible yet
        try {
          if (condition(current)) resolve(current);
        } catch (error) {
          reject(error); // a caller's condition that throws ends its own wait only
        }
      };
      watcher = { id, key: ownership.key, tell, fail: reject };
      this.#watchers.add(watcher);
    });
    void this.#poll();
    try {
      return await call.race(seen);
    } finally {
      if (watcher !== undefined) this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#idle.abort();
    }
  }

  /** One loop for all who wait; it ends when nobody does. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    let intervalMs = this.#caller.capabilities.pollIntervalMs;
    await setImmediate(); // one turn, so that waits of the same moment meet
    while (this.#watchers.size > 0) {
      const easy = await this.#tick([...this.#watchers]);
      intervalMs = easy ? this.#caller.capabilities.pollIntervalMs : Math.min(slowestPollMs, intervalMs * 2);
      if (this.#watchers.size > 0) await this.#nap(intervalMs);
    }
    this.#polling = false;
  }

  /** Asks the cloud once and tells everybody. @returns False when the cloud asked for patience, or did not answer. */
  async #tick(watchers: readonly Watcher[]): Promise<boolean> {
    try {
      const seen = await this.#look(watchers);
      for (const watcher of watchers) watcher.tell(seen.get(watcher.id) ?? null);
      return true;
    } catch (error) {
      // A poll that fails says nothing about the instance; one that will always fail ends the wait.
      if (IaasError.is(error) && error.retry !== "never") return false;
      for (const watcher of watchers) watcher.fail(error);
      return true;
    }
  }

  async #look(watchers: readonly Watcher[]): Promise<Map<string, Instance>> {
    const [first, ...others] = new Set(watchers.map(({ id }) => id));
    if (first !== undefined && others.length === 0) {
      const instance = await this.#caller.run("poll", {}, async (call) => await this.#instances.peek(first, call));
      return new Map(instance === null ? [] : [[first, instance]]);
    }
    const keys = [...new Set(watchers.map(({ key }) => key))];
    const all = await collect(this.#instances.list("poll", keys));
    return new Map(all.map((instance) => [instance.id, instance]));
  }

  async #nap(ms: number): Promise<void> {
    if (this.#idle.signal.aborted) this.#idle = new AbortController();
    const { signal } = this.#idle;
    await this.#caller.clock.sleep(ms, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** An instance that will not run again by itself. */
function isOver({ state }: Instance): boolean {
  return state === "failed" || state === "terminating" || state === "terminated";
}

/** True when a connection is accepted and stays: a forwarder whose target does not answer closes it at once. */
async function accepts(host: string, port: number): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const socket = createConnection({ host, port, timeout: connectTimeoutMs });
    let stays: NodeJS.Timeout | undefined;
    const end = (accepted: boolean) => (): void => {
      clearTimeout(stays);
      socket.destroy();
      resolve(accepted);
    };
    socket.once("connect", () => {
      stays = setTimeout(end(true), staysMs);
    });
    socket.once("timeout", end(false)).once("error", end(false)).once("end", end(false)).resume();
  });
}
