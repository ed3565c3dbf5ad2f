import type { MetFaults } from "./faults.ts";
import type { CloudModel } from "./model/cloud-model.ts";
import type { Refusal } from "./model/refusal.ts";
import type { Offer } from "./model/settings.ts";
import type { RateLimits } from "./buckets.ts";

/** A request as it came. */
export interface ReceivedRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a request that cannot be served is told. */
export type Failure = "throttled" | "unavailable" | "expired-credentials" | "unknown-action";

/** How one cloud speaks HTTP: reads a request, lets the model do it, and words the answer. Nothing else. */
export interface Dialect {
  readonly offer: Offer;
  /** What this cloud allows when nobody says otherwise. */
  readonly rateLimits: RateLimits;
  /** The cloud's own name for what a request asks for; `null` when it is none of its actions. */
  actionOf(request: ReceivedRequest): string | null;
  /** @throws Refusal when the model does not do it. */
  perform(action: string, request: ReceivedRequest, model: CloudModel, met: MetFaults): Answer;
  refused(refusal: Refusal, action: string): Answer;
  failed(failure: Failure, retryAfterMs?: number): Answer;
  /** An error of the cloud's own code. */
  coded(code: string, message: string): Answer;
}
