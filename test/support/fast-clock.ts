import { type Clock, systemClock } from "iaaskit";

/** A clock on which ten seconds pass in one: what waits and repeats does so in a tenth of the time. */
export class FastClock implements Clock {
  static readonly #factor = 10;
  readonly #startMs = Date.now();

  now(): number {
    return this.#startMs + (Date.now() - this.#startMs) * FastClock.#factor;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await systemClock.sleep(Math.ceil(ms / FastClock.#factor), signal);
  }

  timeout(ms: number): AbortSignal {
    return systemClock.timeout(Math.ceil(ms / FastClock.#factor));
  }
}
