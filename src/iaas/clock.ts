import { setTimeout as delay } from "node:timers/promises";

/**
 * Where an Iaas takes its time from: every wait, deadline and token bucket.
 *
 * Give another one to run on virtual time, in a test for instance.
 */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** A signal that aborts after `ms` milliseconds. It does not keep the process alive. */
  timeout(ms: number): AbortSignal;
  /** Told of each request under way: its time is the network's, and a virtual clock stands still meanwhile. */
  during?(work: Promise<unknown>): void;
}

/** Node timers hold at most 31 bits; a longer wait would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The time of this machine. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    try {
      await delay(Math.min(ms, longestTimerMs), undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted(); // the caller's own reason, not Node's AbortError around it
      throw error;
    }
  },
  timeout: (ms: number) => AbortSignal.timeout(Math.min(ms, longestTimerMs)),
});
