import type { Clock } from "../../iaas/clock.ts";

const addressesAtMost = 10_000;

interface Bucket {
  readonly tokens: number;
  readonly at: number;
}

/** Counts the refusals of each address: who has had too many of them is not looked up any more for a while. */
export class RefusalLimit {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute;
    this.#clock = clock;
  }

  isReached(address: string): boolean {
    return this.#tokensOf(address) < 1;
  }

  count(address: string): void {
    const tokens = Math.max(0, this.#tokensOf(address) - 1);
    this.#buckets.delete(address);
    this.#buckets.set(address, { tokens, at: this.#clock.now() });
    // The map keeps the order in which addresses were refused: the first is the one that has been quiet longest.
    const [quietest] = this.#buckets.keys();
    if (this.#buckets.size > addressesAtMost && quietest !== undefined) this.#buckets.delete(quietest);
  }

  #tokensOf(address: string): number {
    const bucket = this.#buckets.get(address);
    if (bucket === undefined) return this.#perMinute;
    const refilled = bucket.tokens + ((this.#clock.now() - bucket.at) / 60_000) * this.#perMinute;
    return Math.min(this.#perMinute, refilled);
  }
}
