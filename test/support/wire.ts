import { subscribe } from "node:diagnostics_channel";
import { setImmediate } from "node:timers/promises";

import type { VirtualClock } from "iaaskit/testing";

const http = { begun: 0, ended: 0 };
const began = (): void => void (http.begun += 1);
const ended = (): void => void (http.ended += 1);
subscribe("http.client.request.start", began);
subscribe("http.client.request.error", ended);
subscribe("http.client.response.finish", ended);

/** A new test begins: what another one left under way does not count. */
export function noRequestYet(): void {
  Object.assign(http, { begun: 0, ended: 0 });
}

/** Milliseconds that a request may take before time passes on the virtual clock. */
const requestMs = 100;
/** Turns of the event loop in which nothing is under way, so that an answer can be read. */
const quietTurns = 20;

/** Lets virtual time pass until `promise` settles. HTTP takes real time: while a request is under way, none passes. */
export async function pass<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  const state = { done: false };
  const finish = (): void => {
    state.done = true;
  };
  promise.then(finish, finish);
  for (;;) {
    const patientUntil = performance.now() + requestMs;
    // The first request waits for the HTTP client to be loaded.
    const isBusy = (): boolean => http.begun === 0 || http.ended < http.begun;
    for (let quiet = 0; quiet < quietTurns; quiet = isBusy() && performance.now() < patientUntil ? 0 : quiet + 1) {
      await setImmediate();
      if (state.done) return await promise;
    }
    await clock.advance(1_000);
  }
}

/** Everything that a list gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}
