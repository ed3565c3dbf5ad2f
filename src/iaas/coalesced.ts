import { setImmediate } from "node:timers/promises";

/**
 * Lets calls that come together share one run of `task`.
 *
 * A caller gets a run that began after it asked, never an older one: what it has just done is in the answer.
 */
export class Coalesced<T> {
  readonly #task: () => Promise<T>;
  #next: Promise<T> | null = null;
  #running: Promise<unknown> = Promise.resolve();

  constructor(task: () => Promise<T>) {
    this.#task = task;
  }

  /** The result of the next run, shared with everybody who asks before it begins. */
  async next(): Promise<T> {
    this.#next ??= this.#start();
    return await this.#next;
  }

  async #start(): Promise<T> {
    const before = this.#running;
    const run = (async () => {
      await Promise.all([before, setImmediate()]); // one turn, so that calls of the same moment meet
      this.#next = null;
      return await this.#task();
    })();
    this.#running = run.catch(() => undefined);
    return await run;
  }
}
