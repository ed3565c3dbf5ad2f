import { setImmediate } from "node:timers/promises";

import type { Clock } from "../iaas/clock.ts";

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

export interface VirtualClockOptions {
  /** Milliseconds since 1970 at which it starts. Default: the first moment of 2030. */
  readonly startMs?: number | undefined;
  /**
   * Real milliseconds for which it stands still, at the most, while a request is under way that does not wait for this
   * clock. Default: 0, for hooks that need no input or output; a simulated cloud's clock has 2,000.
   */
  readonly patienceMs?: number | undefined;
}

/** A clock that stands still until it is told to go on: a wait of half an hour takes no time. */
export class VirtualClock implements Clock {
  #now: number;
  readonly #patienceMs: number;
  #timers: Timer[] = [];
  /** Requests under way, less those that wait for this clock at a simulated cloud. */
  #working = 0;
  /** Counts whatever happens besides timers, so that one can see whether anything does. */
  #stirs = 0;
  #scheduled: (() => void) | null = null;

  constructor({ startMs = Date.UTC(2030, 0, 1), patienceMs = 0 }: VirtualClockOptions = {}) {
    this.#now = startMs;
    this.#patienceMs = patienceMs;
  }

  now(): number {
    return this.#now;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const timer = this.#schedule(ms, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      const abort = (): void => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  timeout(ms: number): AbortSignal {
    const controller = new AbortController();
    this.#schedule(ms, () => {
      controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    });
    return controller.signal;
  }

  during(work: Promise<unknown>): void {
    if (this.#patienceMs === 0) return;
    this.#count(1);
    let end = (): void => {
      clearTimeout(patience);
      this.#count(-1);
      end = () => undefined;
    };
    const patience = setTimeout(() => end(), this.#patienceMs);
    const settle = (): void => end();
    work.then(settle, settle);
  }

  /** Wait as a simulated cloud does before it answers: the request that waits for it holds time no longer. */
  async park<T>(wait: Promise<T>): Promise<T> {
    this.#count(-1);
    try {
      return await wait;
    } finally {
      this.#count(1);
    }
  }

  /** Let `ms` milliseconds pass, each timer firing at its own time. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.#settled();
    for (let next = this.#timers[0]; next !== undefined && next.at <= end; next = this.#timers[0]) {
      this.#fire(next);
      await this.#settled();
    }
    this.#now = end;
  }

  /** Let time pass from timer to timer until `promise` settles, and give what it gives. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const finish = (): void => {
      done = true;
    };
    promise.then(finish, finish);
    for (;;) {
      await this.#settled();
      if (done) return await promise;
      const [next] = this.#timers;
      if (next !== undefined) this.#fire(next);
    }
  }

  /** Let time pass by itself, from timer to timer, whenever nothing else happens; until the result is disposed. */
  flow(): Disposable {
    const end = new AbortController();
    void this.#flow(end.signal);
    return {
      [Symbol.dispose]: () => {
        end.abort();
        this.#scheduled?.();
      },
    };
  }

  async #flow(end: AbortSignal): Promise<void> {
    for (;;) {
      await this.#settled();
      if (end.aborted) return;
      const [next] = this.#timers;
      if (next !== undefined) this.#fire(next);
      else await new Promise<void>((resolve) => (this.#scheduled = resolve));
    }
  }

  #count(change: number): void {
    this.#working += change;
    this.#stirs += 1;
  }

  #schedule(ms: number, fire: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, ms), fire };
    const behind = this.#timers.findIndex((other) => other.at > timer.at);
    this.#timers.splice(behind === -1 ? this.#timers.length : behind, 0, timer);
    this.#scheduled?.();
    this.#scheduled = null;
    return timer;
  }

  #fire(timer: Timer): void {
    this.#timers.shift();
    this.#now = timer.at;
    timer.fire();
  }

  /** Lets everything happen that needs no time of this clock. */
  async #settled(): Promise<void> {
    for (let turn = 0; turn < turns; turn += 1) {
      const stirs = this.#stirs;
      await setImmediate();
      if (this.#working > 0 || stirs !== this.#stirs) turn = 0;
    }
  }
}

/** How many turns of the event loop a chain of promises may take between two timers. */
const turns = 16;
