/** A state that changes by itself as time goes on: looked up when it is asked for, so that it needs no timer. */
export class Timeline<S extends string> {
  readonly #now: () => number;
  #first: Step<S>;
  #later: readonly Step<S>[] = [];

  constructor(now: () => number, first: S, ...later: readonly Change<S>[]) {
    this.#now = now;
    this.#first = { state: first, fromMs: now() };
    this.become(first, ...later);
  }

  /** The state now. */
  get state(): S {
    return this.#current().state;
  }

  /** Since when it has been so. */
  get sinceMs(): number {
    return this.#current().fromMs;
  }

  /** From now on another state, and later ones after that. */
  become(state: S, ...later: readonly Change<S>[]): void {
    const now = this.#now();
    this.#first = { state, fromMs: now };
    this.#later = later.map(([next, afterMs]) => ({ state: next, fromMs: now + afterMs }));
  }

  #current(): Step<S> {
    const now = this.#now();
    return this.#later.findLast(({ fromMs }) => fromMs <= now) ?? this.#first;
  }
}

/** What it becomes, and so many milliseconds after the change. */
type Change<S> = readonly [state: S, afterMs: number];

interface Step<S> {
  readonly state: S;
  readonly fromMs: number;
}
