import { tracingChannel } from "node:diagnostics_channel";

/** What subscribers of the tracing channel `iaaskit:call` get, once a public operation or page of a list. */
export interface CallTrace {
  readonly provider: string;
  readonly owner: string;
  readonly operation: string;
  /** Requests sent to the cloud so far, repeated ones included. */
  requests: number;
  /** Of these, how many the cloud refused because there were too many. */
  throttled: number;
}

const channel = tracingChannel<CallTrace, CallTrace>("iaaskit:call");

/** Run `body` as one span of `iaaskit:call`; see `node:diagnostics_channel`. */
export async function traced<T>(trace: CallTrace, body: () => Promise<T>): Promise<T> {
  return await channel.tracePromise(body, trace);
}
