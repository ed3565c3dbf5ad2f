import type { ResolvedCartridge } from "../cartridge/resolve.ts";
import type { Clock } from "../iaas/clock.ts";
import {
  type ErrorOrigin,
  IaasError,
  InsufficientCapacityError,
  QuotaExceededError,
  TimeoutError,
} from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import { collect } from "../iaas/iteration.ts";
import type { CallOptions, Instance } from "../iaas/model.ts";
import type { PlacedInstance } from "./controller.ts";

/** A place where a cartridge may run, and what it comes down to there. */
export interface Candidate {
  readonly on: string;
  readonly iaas: Iaas;
  readonly launch: ResolvedCartridge;
}

interface Attempt {
  readonly on: string;
  readonly error: IaasError;
}

const defaultTimeoutMs = 900_000;
const at: ErrorOrigin = { provider: "iaaskit", operation: "launch" };

/**
 * Launch in the first place that has room.
 *
 * Every candidate is asked for the key before anything is made: after a crash behind a failover the instance may be
 * on any of them. One that does not answer ends the launch, for it may be there.
 */
export async function failover(
  candidates: readonly Candidate[],
  options: CallOptions & { readonly key: string; readonly attemptsAtMost?: number | undefined },
  clock: Clock,
): Promise<PlacedInstance> {
  const { key, signal, timeoutMs = defaultTimeoutMs, attemptsAtMost = candidates.length } = options;
  const end = clock.now() + timeoutMs;
  const found = await Promise.all(
    candidates.map(async (candidate) => ({ candidate, live: await liveOf(candidate.iaas, key, signal) })),
  );
  const here = found.filter(({ live }) => live.length > 0).map(({ candidate }) => candidate);
  const attempts: Attempt[] = [];
  for (const { on, iaas, launch } of (here.length > 0 ? here : candidates).slice(0, attemptsAtMost)) {
    const remainingMs = end - clock.now();
    if (remainingMs <= 0)
      throw new TimeoutError(`no place was found within ${timeoutMs} ms`, { ...at, outcome: "not-applied" });
    try {
      return { on, instance: await iaas.launch({ ...launch, key, signal, timeoutMs: remainingMs }) };
    } catch (error) {
      if (!isFull(error) || here.length > 0) throw error;
      attempts.push({ on, error });
    }
  }
  throw nowhere(attempts);
}

async function liveOf(iaas: Iaas, key: string, signal: AbortSignal | undefined): Promise<Instance[]> {
  const found = await collect(iaas.list({ key, signal }));
  return found.filter(({ state }) => state !== "failed" && state !== "terminating");
}

function isFull(error: unknown): error is IaasError {
  if (!IaasError.is(error)) return false;
  return error.code === "IAAS_INSUFFICIENT_CAPACITY" || error.code === "IAAS_QUOTA_EXCEEDED";
}

function nowhere(attempts: readonly Attempt[]): IaasError {
  const message = `no place has room: ${attempts.map(({ on, error }) => `${on}: ${error.message}`).join("; ")}`;
  const cause = new AggregateError(
    attempts.map(({ error }) => error),
    message,
  );
  const isQuota = attempts.every(({ error }) => error instanceof QuotaExceededError);
  return isQuota
    ? new QuotaExceededError(message, { ...at, cause })
    : new InsufficientCapacityError(message, { ...at, cause });
}
