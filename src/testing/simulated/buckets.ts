import type { Clock } from "../../iaas/clock.ts";

/** Holds at most `size` tokens, and gets `perSecond` more each second. */
export interface BucketLimit {
  readonly size: number;
  readonly perSecond: number;
}

/** How fast a cloud lets itself be asked: by the name of an action; `*` for each of the others. */
export type RateLimits = Readonly<Record<string, BucketLimit>>;

/** A bucket of tokens for each action. */
export class TokenBuckets {
  readonly #limits: RateLimits;
  readonly #clock: Clock;
  readonly #levels = new Map<string, { tokens: number; atMs: number }>();

  constructor(limits: RateLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Whether there are `tokens` for an action; they are gone then. */
  take(action: string, tokens = 1): boolean {
    const limit = this.#limits[action] ?? this.#limits["*"];
    if (limit === undefined) return true;
    const now = this.#clock.now();
    const level = this.#levels.get(action) ?? { tokens: limit.size, atMs: now };
    level.tokens = Math.min(limit.size, level.tokens + ((now - level.atMs) / 1_000) * limit.perSecond);
    level.atMs = now;
    this.#levels.set(action, level);
    if (level.tokens < tokens) return false;
    level.tokens -= tokens;
    return true;
  }
}
