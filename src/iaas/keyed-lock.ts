/** Lets tasks of the same key run one after the other, and tasks of different keys side by side. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs `task` when the tasks of `key` before it have ended, however they did.
   *
   * @param signal Ends the waiting at once; a task that has begun has to heed it itself.
   */
  async run<T>(key: string, task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    let release = (): void => undefined;
    const own = new Promise<void>((resolve) => (release = resolve));
    const tail = before.then(async () => await own);
    this.#tails.set(key, tail);
    try {
      await unlessAborted(before, signal);
      return await task();
    } finally {
      release();
      void this.#forget(key, tail);
    }
  }

  async #forget(key: string, tail: Promise<void>): Promise<void> {
    await tail;
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
  }
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    await promise;
    return;
  }
  signal.throwIfAborted();
  const settled = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true, signal: settled.signal });
  });
  try {
    await Promise.race([promise, aborted]);
    signal.throwIfAborted();
  } finally {
    settled.abort();
  }
}
