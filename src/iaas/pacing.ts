import type { Clock } from "./clock.ts";

/** Nobody knows the limit at first; from here on the first answers tell. Requests a second. */
const firstGuess = 50;
const slowest = 0.2;
/** After so long without a refusal the limit is forgotten: the cloud's bucket is full again. */
const forgetAfterMs = 60_000;
/** A cloud that asks for years has its clock wrong: so long it may hold back everybody, and no longer. */
const longestBlockMs = 10 * 60_000;

interface Waiter {
  readonly ticket: number;
  readonly release: () => void;
}

/**
 * The rate at which one action of one account may be called, learned from the cloud's refusals.
 *
 * Nothing is held back until the cloud refuses. From then on requests queue in the order in which they
 * first came, and go out a little faster than the cloud has lately accepted them: so its own bucket is
 * never left unused, and few requests are wasted.
 */
class LearnedBucket {
  readonly #clock: Clock;
  readonly #queue: Waiter[] = [];
  #ratePerSecond = Number.POSITIVE_INFINITY;
  #tokens = 0;
  #filledAt = 0;
  #blockedUntil = 0;
  #refusedAt = 0;
  #window = { startedAt: 0, accepted: 0, refused: 0 };
  #pumping = false;
  /** Ends the pump's sleep when nobody is waiting any more. */
  #idle = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async acquire(ticket: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#closeWindow();
    if (this.#ratePerSecond === Number.POSITIVE_INFINITY && this.#queue.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        if (this.#queue.length === 0) this.#idle.abort();
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        ticket,
        release: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      signal.addEventListener("abort", leave, { once: true });
      const behind = this.#queue.findIndex((other) => other.ticket > ticket);
      this.#queue.splice(behind === -1 ? this.#queue.length : behind, 0, waiter);
      void this.#pump();
    });
  }

  accepted(): void {
    this.#window.accepted += 1;
    this.#closeWindow();
  }

  refused(retryAfterMs: number | undefined): void {
    const now = this.#clock.now();
    this.#refusedAt = now;
    this.#window.refused += 1;
    if (retryAfterMs !== undefined) {
      const jitterMs = Math.random() * Math.min(retryAfterMs, 1_000);
      this.#blockedUntil = Math.max(this.#blockedUntil, now + Math.min(retryAfterMs, longestBlockMs) + jitterMs);
    }
    if (this.#ratePerSecond === Number.POSITIVE_INFINITY) {
      this.#ratePerSecond = firstGuess;
      this.#tokens = 0;
      this.#filledAt = now;
      this.#window = { startedAt: now, accepted: 0, refused: 0 };
    } else {
      this.#closeWindow();
    }
  }

  /** Takes the rate of the last window as the cloud's own, once it has been long enough to tell. */
  #closeWindow(): void {
    if (this.#ratePerSecond === Number.POSITIVE_INFINITY) return;
    const now = this.#clock.now();
    if (this.#queue.length === 0 && now - this.#refusedAt > forgetAfterMs) {
      this.#ratePerSecond = Number.POSITIVE_INFINITY;
      return;
    }
    const elapsedMs = now - this.#window.startedAt;
    if (elapsedMs < Math.max(1_000, 3_000 / this.#ratePerSecond)) return;
    this.#fill(now);
    if (this.#window.refused > 0) {
      this.#ratePerSecond = Math.max(slowest, (this.#window.accepted / elapsedMs) * 1_000 * 1.1);
    } else if (this.#queue.length > 0) {
      this.#ratePerSecond *= 1.5;
    }
    this.#window = { startedAt: now, accepted: 0, refused: 0 };
  }

  /** Tokens saved up while nobody asked: at most one second's worth. */
  #fill(now: number): void {
    const earned = ((now - this.#filledAt) / 1_000) * this.#ratePerSecond;
    this.#tokens = Math.min(Math.max(1, this.#ratePerSecond), this.#tokens + earned);
    this.#filledAt = now;
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#queue.length > 0) {
      const now = this.#clock.now();
      this.#closeWindow();
      this.#fill(now);
      if (now >= this.#blockedUntil && this.#tokens >= 1) {
        this.#tokens -= 1;
        this.#queue.shift()?.release();
      } else {
        const untilTokenMs = ((1 - this.#tokens) / this.#ratePerSecond) * 1_000;
        await this.#nap(Math.max(1, Math.ceil(untilTokenMs), this.#blockedUntil - now));
      }
    }
    this.#pumping = false;
  }

  async #nap(ms: number): Promise<void> {
    if (this.#idle.signal.aborted) this.#idle = new AbortController();
    const { signal } = this.#idle;
    await this.#clock.sleep(ms, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** Repeats of failed requests that one connection may make beyond a tenth of its successes. */
const retryReserve = 50;

/**
 * How fast one account at one endpoint may be called: shared by every Iaas of the process that speaks
 * to it. Its buckets are learned, one an action.
 */
export class Pacing {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, LearnedBucket>();
  #retries = retryReserve;
  #tickets = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A place in the order of requests; a repeated request keeps its place. */
  ticket(): number {
    this.#tickets += 1;
    return this.#tickets;
  }

  async acquire(action: string, ticket: number, signal: AbortSignal): Promise<void> {
    await this.#bucket(action).acquire(ticket, signal);
  }

  accepted(action: string): void {
    this.#retries = Math.min(retryReserve, this.#retries + 0.1);
    this.#bucket(action).accepted();
  }

  refused(action: string, retryAfterMs: number | undefined): void {
    this.#bucket(action).refused(retryAfterMs);
  }

  /** Whether a failed request may be sent again: an endpoint that is down is not asked three times by everybody. */
  mayRetry(): boolean {
    if (this.#retries < 1) return false;
    this.#retries -= 1;
    return true;
  }

  #bucket(action: string): LearnedBucket {
    let bucket = this.#buckets.get(action);
    if (bucket === undefined) this.#buckets.set(action, (bucket = new LearnedBucket(this.#clock)));
    return bucket;
  }
}

const shared = new WeakMap<Clock, Map<string, WeakRef<Pacing>>>();

/** The pacing of `connection` (endpoint and account, no secret in it) on `clock`, made at first use. */
export function pacingOf(connection: string, clock: Clock): Pacing {
  let known = shared.get(clock);
  if (known === undefined) shared.set(clock, (known = new Map()));
  for (const [name, reference] of known) if (reference.deref() === undefined) known.delete(name);
  let pacing = known.get(connection)?.deref();
  if (pacing === undefined) known.set(connection, new WeakRef((pacing = new Pacing(clock))));
  return pacing;
}
