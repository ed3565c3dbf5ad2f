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
    candidates.map(async (candidate) => ({
      candidate,
      live: await liveOf(candidate.iaas, { key, signal, timeoutMs }),
    })),
  );
  const here = await withoutDoubles(found, { signal, timeoutMs });
  const attempts: Attempt[] = [];
  for (const { on, iaas, launch } of here.length > 0 ? here : candidates.slice(0, attemptsAtMost)) {
    const remainingMs = end - clock.now();
    if (remainingMs <= 0)
      throw new TimeoutError(`no place was found within ${timeoutMs} ms`, { ...at, outcome: "not-applied" });
    try {
      return { on, instance: await iaas.launch({ ...launch, key, signal, timeoutMs: remainingMs }) };
    } catch (error) {
      const mayGoOn = here.length > 0 ? isAnothers : isFull;
      if (!mayGoOn(error)) throw error;
      attempts.push({ on, error });
    }
  }
  throw here.length > 0 ? attempts[0]?.error : nowhere(attempts);
}

/**
 * The candidates whose Iaas has the key's instance. When two controllers have launched it on two Iaases, the older
 * one stays, as it does on one Iaas.
 */
async function withoutDoubles(
  found: readonly { readonly candidate: Candidate; readonly live: readonly Instance[] }[],
  options: CallOptions,
): Promise<Candidate[]> {
  const ageOf = ({ live }: { readonly live: readonly Instance[] }): number =>
    Math.min(...live.map(({ createdAt }) => createdAt?.getTime() ?? 0));
  const [oldest, ...others] = found.filter(({ live }) => live.length > 0).toSorted((a, b) => ageOf(a) - ageOf(b));
  if (oldest === undefined) return [];
  const { iaas } = oldest.candidate;
  for (const { candidate, live } of others.filter((other) => other.candidate.iaas !== iaas)) {
    for (const { id } of live) await candidate.iaas.terminate(id, options);
  }
  return found.filter(({ candidate }) => candidate.iaas === iaas).map(({ candidate }) => candidate);
}

async function liveOf(iaas: Iaas, options: CallOptions & { readonly key: string }): Promise<Instance[]> {
  const found = await collect(iaas.list(options));
  return found.filter(({ state }) => state !== "failed" && state !== "terminating");
}

function isFull(error: unknown): error is IaasError {
  if (!IaasError.is(error)) return false;
  return error.code === "IAAS_INSUFFICIENT_CAPACITY" || error.code === "IAAS_QUOTA_EXCEEDED";
}

/** Of two partitions of one Iaas, the instance may have been launched in the other one. */
function isAnothers(error: unknown): error is IaasError {
  return IaasError.is(error) && error.code === "IAAS_CONFLICT" && error.reason === "spec-mismatch";
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
