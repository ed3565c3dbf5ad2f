import { setImmediate } from "node:timers/promises";

import type { Clock } from "../iaas/clock.ts";

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock that stands still until it is told to go on: a wait of half an hour takes no time. */
export class VirtualClock implements Clock {
  #now: number;
  #timers: Timer[] = [];

  /** @param startMs Milliseconds since 1970 at which it starts. */
  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#now = startMs;
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

  /** Let `ms` milliseconds pass, each timer firing at its own time. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#fire(next);
      await settled();
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
      await settled();
      if (done) return await promise;
      const next = this.#next();
      if (next !== undefined) this.#fire(next);
    }
  }

  #schedule(ms: number, fire: () => void): Timer {
    const timer = { at: this.#now + Math.max(0, ms), fire };
    const behind = this.#timers.findIndex((other) => other.at > timer.at);
    this.#timers.splice(behind === -1 ? this.#timers.length : behind, 0, timer);
    return timer;
  }

  #next(): Timer | undefined {
    return this.#timers[0];
  }

  #fire(timer: Timer): void {
    this.#timers.shift();
    this.#now = timer.at;
    timer.fire();
  }
}

/** How many turns of the event loop a chain of promises may take between two timers. */
const turns = 16;

/** Lets everything happen that needs no time. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await setImmediate();
}
