import { createConnection } from "node:net";
import { setImmediate } from "node:timers/promises";

import type { Call, Caller } from "./call.ts";
import { ConflictError, IaasError, NotFoundError } from "./errors.ts";
import type { Instances } from "./instances.ts";
import { collect } from "./iteration.ts";
import { endpointOf, type Instance } from "./model.ts";

/** What a wait looks for; `null` is an instance that is gone. */
type Condition = (instance: Instance | null) => boolean;

interface Watcher {
  readonly id: string;
  readonly key: string;
  /** When it began to wait. */
  readonly sinceMs: number;
  readonly tell: (instance: Instance | null) => void;
  readonly fail: (error: unknown) => void;
}

/** Slower than this no wait gets, however long it takes and however often it is throttled. */
const slowestPollMs = 30_000;
/** A wait may take longer than it must by this share of its time. */
const share = 0.1;
const connectTimeoutMs = 2_000;
const staysMs = 50;

/** Waits for states of instances: however many wait, one list call a tick serves all. */
export class Waiting {
  readonly #caller: Caller;
  readonly #instances: Instances;
  readonly #watchers = new Set<Watcher>();
  /** Aborts when somebody comes, or nobody is left. */
  #change = new AbortController();
  #polling = false;

  constructor(caller: Caller, instances: Instances) {
    this.#caller = caller;
    this.#instances = instances;
  }

  /** Resolves when the instance runs; rejects with the cloud's reason when it never will. */
  async running(instance: Instance, call: Call): Promise<Instance> {
    // Where nothing lags behind, one that is seen stopped has run and ended: nobody will start it again.
    const isCurrent = call.capabilities.visibilityLagMs === 0;
    const isDecided = ({ state }: Instance): boolean => state === "running" || (isCurrent && state === "stopped");
    const seen = await this.until(instance, isDecided, call);
    if (seen.state === "running") return seen;
    throw new ConflictError("wrong-state", `${seen.id} has stopped by itself`, call.at);
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
      watcher = { id, key: ownership.key, sinceMs: this.#caller.clock.now(), tell, fail: reject };
      this.#watchers.add(watcher);
    });
    this.#change.abort();
    void this.#poll();
    try {
      return await call.race(seen);
    } finally {
      if (watcher !== undefined) this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#change.abort();
    }
  }

  /** One loop for all who wait; it ends when nobody does. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    let patienceMs = 0;
    await setImmediate(); // one turn, so that waits of the same moment meet
    while (this.#watchers.size > 0) {
      const easy = await this.#tick([...this.#watchers]);
      patienceMs = easy ? 0 : Math.min(slowestPollMs, 2 * Math.max(patienceMs, this.#intervalMs()));
      await this.#nap(patienceMs);
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

  /** The time between two polls: it grows with the shortest wait. */
  #intervalMs(): number {
    const { clock, capabilities } = this.#caller;
    const youngestMs = Math.max(...[...this.#watchers].map(({ sinceMs }) => sinceMs));
    return Math.min(slowestPollMs, Math.max(capabilities.pollIntervalMs, share * (clock.now() - youngestMs)));
  }

  /** Ends when it is time to poll, as those see it who wait by then, or when nobody does. */
  async #nap(atLeastMs: number): Promise<void> {
    const { clock } = this.#caller;
    const sinceMs = clock.now();
    while (this.#watchers.size > 0) {
      const restMs = sinceMs + Math.max(atLeastMs, this.#intervalMs()) - clock.now();
      if (restMs <= 0) return;
      this.#change = new AbortController();
      const { signal } = this.#change;
      await clock.sleep(restMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
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
