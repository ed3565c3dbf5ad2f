import assert from "node:assert/strict";
import { inspect } from "node:util";

import { type AnyIaasError, IaasError, type IaasErrorCode } from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import { requestsOf } from "./behaviour.ts";

/** The error of the library with which `promise` rejects. */
export async function rejection(promise: Promise<unknown>, code: IaasErrorCode): Promise<AnyIaasError> {
  const error: unknown = await promise.then(
    (value) => assert.fail(`resolved with ${inspect(value)}, expected ${code}`),
    (reason: unknown) => reason,
  );
  assert.ok(IaasError.is(error), `rejected with ${inspect(error)}, which is no IaasError`);
  assert.equal(error.code, code, error.message);
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

/** That a text stands nowhere in an error: message, stack, JSON, inspect and causes. */
export function withoutText(error: unknown, text: string): void {
  const shown = [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error)].join("\n");
  assert.ok(!shown.includes(text), `the error shows ${text}: ${shown}`);
}
