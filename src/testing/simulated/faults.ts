import { InvalidInputError } from "../../iaas/errors.ts";

/** Which requests a fault meets: of one action, or of all; not the first `skip` ones; `times` of them, at first one. */
export interface FaultMeeting {
  /** The cloud's own name of an action, as `RunInstances`. Default: all. */
  readonly on?: string | undefined;
  /** Default: 1. */
  readonly times?: number | undefined;
  /** Default: 0. */
  readonly skip?: number | undefined;
}

/**
 * Something that goes wrong at a simulated cloud.
 *
 * - `throttle`: refuses for too many requests.
 * - `unavailable`: answers 503, without an effect.
 * - `refuse`: answers with an error code of the cloud's own.
 * - `expire-credentials`: says that the credentials have expired.
 * - `lose-request`: cuts the connection before there is an effect.
 * - `lose-answer`: cuts the connection after the effect.
 * - `late-effect`: cuts the connection, and does what was asked `delayMs` later.
 * - `delay`: answers `delayMs` later.
 * - `hold`: does what was asked and never answers.
 * - `hide-new`: reads do not show what the request makes for `forMs`.
 * - `fail-after-accept`: what was launched ends `afterMs` later, with the cloud's own `code` as its reason.
 * - `partial-fill`: a launch of several makes `count`, where its minimum allows that.
 * - `slow-detach`: a volume takes `forMs` to come off.
 * - `short-pages`: a list gives `size` items at a time.
 */
export type Fault = FaultMeeting &
  (
    | { readonly kind: "throttle"; readonly retryAfterMs?: number | undefined }
    | { readonly kind: "unavailable" | "expire-credentials" | "lose-request" | "lose-answer" | "hold" }
    | { readonly kind: "refuse"; readonly code: string; readonly message?: string | undefined }
    | { readonly kind: "late-effect" | "delay"; readonly delayMs: number }
    | { readonly kind: "hide-new" | "slow-detach"; readonly forMs: number }
    | { readonly kind: "fail-after-accept"; readonly code: string; readonly afterMs?: number | undefined }
    | { readonly kind: "partial-fill"; readonly count: number }
    | { readonly kind: "short-pages"; readonly size: number }
  );

export type FaultKind = Fault["kind"];

const kinds: Readonly<Record<FaultKind, readonly string[]>> = {
  throttle: [],
  unavailable: [],
  refuse: ["code"],
  "expire-credentials": [],
  "lose-request": [],
  "lose-answer": [],
  "late-effect": ["delayMs"],
  delay: ["delayMs"],
  hold: [],
  "hide-new": ["forMs"],
  "fail-after-accept": ["code"],
  "partial-fill": ["count"],
  "slow-detach": ["forMs"],
  "short-pages": ["size"],
};

/** The script of what goes wrong: each fault is used up as requests meet it. */
export class FaultScript {
  readonly #active: { readonly fault: Fault; skip: number; times: number }[] = [];

  constructor(faults: readonly Fault[]) {
    for (const fault of faults) this.add(fault);
  }

  /** @throws InvalidInputError for a fault that is not known, or lacks a figure. */
  add(fault: Fault): void {
    const needed = Object.hasOwn(kinds, fault.kind) ? kinds[fault.kind] : undefined;
    const known = Object.keys(kinds).join(", ");
    const at = { provider: "simulation", operation: "simulate" };
    if (needed === undefined) {
      throw new InvalidInputError(
        "faults",
        `have the kind ${JSON.stringify(fault.kind)}, which is none of: ${known}`,
        at,
      );
    }
    const missing = needed.find((field) => !Object.hasOwn(fault, field));
    if (missing !== undefined) throw new InvalidInputError("faults", `of the kind ${fault.kind} need ${missing}`, at);
    this.#active.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  }

  /** What goes wrong with a request of this action. */
  meet(action: string): MetFaults {
    return new MetFaults((kind) => this.#take(action, kind));
  }

  #take(action: string, kind: FaultKind): Fault | undefined {
    const met = this.#active.filter(({ fault }) => fault.kind === kind && (fault.on ?? action) === action);
    const active = met.find(({ times }) => times > 0);
    if (active === undefined) return undefined;
    if (active.skip > 0) {
      active.skip -= 1;
      return undefined;
    }
    active.times -= 1;
    return active.fault;
  }
}

/** What goes wrong with one request: a fault is used up when it is asked for, and stays the same for the request. */
export class MetFaults {
  readonly #take: (kind: FaultKind) => Fault | undefined;
  readonly #taken = new Map<FaultKind, Fault | undefined>();

  constructor(take: (kind: FaultKind) => Fault | undefined) {
    this.#take = take;
  }

  get<K extends FaultKind>(kind: K): (Fault & { readonly kind: K }) | undefined {
    if (!this.#taken.has(kind)) this.#taken.set(kind, this.#take(kind));
    return this.#taken.get(kind) as (Fault & { readonly kind: K }) | undefined;
  }

  has(kind: FaultKind): boolean {
    return this.get(kind) !== undefined;
  }
}
