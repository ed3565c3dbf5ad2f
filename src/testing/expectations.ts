import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";

import { type AnyIaasError, IaasError, type IaasErrorCode } from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import { requestsOf } from "./traces.ts";

/** What `promise` rejects with, whatever it is. */
export async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => assert.fail(`resolved with ${inspect(value)}`),
    (reason: unknown) => reason,
  );
}

/** The error of the library with which `promise` rejects: of one of `codes`, where any is given. */
export async function rejection(promise: Promise<unknown>, ...codes: readonly IaasErrorCode[]): Promise<AnyIaasError> {
  const error = await reasonOf(promise);
  assert.ok(IaasError.is(error), `rejected with ${inspect(error)}, which is no IaasError`);
  assert.ok(
    codes.length === 0 || codes.includes(error.code),
    `${error.code}, not ${codes.join(" or ")}: ${error.message}`,
  );
  assert.notEqual(error.operation, "");
  return error;
}

/** The same, and that nothing was asked of the cloud for it. */
export async function refusal(iaas: Iaas, call: () => Promise<unknown>, code: IaasErrorCode): Promise<AnyIaasError> {
  let error: AnyIaasError | undefined;
  const requests = await requestsOf(iaas, async () => {
    error = await rejection(call(), code);
  });
  assert.equal(requests, 0, "the cloud was asked although the input was refused");
  assert.ok(error !== undefined);
  return error;
}

/** That input is refused before any request, and for which field. */
export async function refusedField(iaas: Iaas, call: () => Promise<unknown>, field: string): Promise<void> {
  const error = await refusal(iaas, call, "IAAS_INVALID_INPUT");
  assert.ok(error.code === "IAAS_INVALID_INPUT" && "field" in error);
  assert.equal(error.field, field);
}

/** That a text stands nowhere in an error: message, stack, JSON, inspect and causes. */
export function withoutText(error: unknown, text: string): void {
  const shown = [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error)].join("\n");
  assert.ok(!shown.includes(text), `the error shows ${text}: ${shown}`);
}

/** In real milliseconds: what ends "at once" may take this long on a busy machine, and no longer. */
export const atOnceMs = 3_500;

/** What `promise` gives, which has to come within `ms`. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const settled = new AbortController();
  const late = delay(ms, undefined, { signal: settled.signal }).then(
    () => assert.fail(`not settled after ${ms} ms`),
    async () => await promise,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    settled.abort();
  }
}

/** The ids of things, in an order that can be compared. */
export function idsOf(items: readonly { readonly id: string }[]): string[] {
  return items.map(({ id }) => id).toSorted();
}
