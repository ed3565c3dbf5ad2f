import type { Call, CallContext } from "./call.ts";
import { IaasError } from "./errors.ts";

/** How often a creation whose outcome nobody knows is looked for and tried again. */
const triesAtMost = 3;

export interface CreateOnce<T> {
  /** What the rate limit counts. */
  readonly action: string;
  /** What must be there once only: creations of the same key wait for each other. */
  readonly key: string;
  /** What an earlier try has made, if it has. */
  readonly find: () => Promise<T | undefined>;
  readonly create: (context: CallContext) => Promise<T>;
}

/**
 * Create something that carries its key, at most once: look for it first, and look again, after the time
 * in which the cloud may still hide it, when a request went unanswered.
 */
export async function createOnce<T>(call: Call, wanted: CreateOnce<T>): Promise<T> {
  return await call.once(`${wanted.action} ${wanted.key}`, async () => await findOrCreate(call, wanted));
}

async function findOrCreate<T>(call: Call, { action, find, create }: CreateOnce<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const existing = await find();
    if (existing !== undefined) return existing;
    try {
      return await call.request(action, "create", create);
    } catch (error) {
      if (IaasError.is(error) && error.code === "IAAS_CONFLICT" && error.reason === "name-taken") {
        const made = await find(); // by another process, a moment ago
        if (made !== undefined) return made;
      }
      const unknown = IaasError.is(error) && error.code === "IAAS_OUTCOME_UNKNOWN";
      if (!unknown || attempt >= triesAtMost) throw error;
      await call.settle();
    }
  }
}
