import type { Clock } from "./clock.ts";

/** Answers of the cloud that stay true for a while: asked for once, by however many at a time. Failures are not kept. */
export class Remembered<T> {
  readonly #clock: Clock;
  readonly #forMs: number;
  readonly #known = new Map<string, { readonly until: number; readonly value: Promise<T> }>();

  constructor(clock: Clock, forMs = 10 * 60_000) {
    this.#clock = clock;
    this.#forMs = forMs;
  }

  async get(name: string, load: () => Promise<T>): Promise<T> {
    const now = this.#clock.now();
    for (const [old, { until }] of this.#known) if (until <= now) this.#known.delete(old);
    const known = this.#known.get(name);
    if (known !== undefined) return await known.value;
    const value = load();
    this.#known.set(name, { until: now + this.#forMs, value });
    value.catch(() => this.#known.delete(name));
    return await value;
  }

  forget(name: string): void {
    this.#known.delete(name);
  }
}
