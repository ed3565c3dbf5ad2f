import { tracingChannel } from "node:diagnostics_channel";

import type { Iaas } from "../iaas/iaas.ts";
import type { CallTrace } from "../iaas/tracing.ts";

const channel = tracingChannel<CallTrace, CallTrace>("iaaskit:call");

/** Tells `see` of every public operation that ends from now on, until the function that it gives is called. */
export function watchCalls(see: (trace: CallTrace) => void): () => void {
  const ended = (message: unknown): void => see(message as CallTrace);
  channel.asyncEnd.subscribe(ended);
  return () => channel.asyncEnd.unsubscribe(ended);
}

/** The public operations of an owner that end while `body` runs. */
export async function tracesOf(iaas: Iaas, body: () => Promise<unknown>): Promise<CallTrace[]> {
  const traces: CallTrace[] = [];
  const stop = watchCalls((trace) => {
    if (trace.owner === iaas.owner) traces.push(trace);
  });
  try {
    await body();
  } finally {
    stop();
  }
  return traces;
}

/** How many requests the calls of an owner send to the cloud while `body` runs. */
export async function requestsOf(iaas: Iaas, body: () => Promise<unknown>): Promise<number> {
  const traces = await tracesOf(iaas, body);
  return traces.reduce((sum, { requests }) => sum + requests, 0);
}
