import assert from "node:assert/strict";

import { type AnyIaasError, type IaasErrorDetails, ThrottledError } from "../../iaas/errors.ts";
import type { Behaviour } from "../behaviour.ts";
import { rejection, within } from "../expectations.ts";
import { alwaysRefuse, refuseHook } from "../hook-faults.ts";

/**
 * A cloud that asks for patience. The rate that is learned from it holds for all that share the connection: these come
 * last, and use a request that nothing else needs.
 */
export const patience: readonly Behaviour[] = [
  {
    id: "errors.patience",
    name: "a request that the cloud wants later is not sent sooner",
    run: async ({ iaas }) => {
      const refusedAt: number[] = [];
      refuseHook(iaas, "_list", (context): AnyIaasError => {
        refusedAt.push(performance.now());
        return new ThrottledError("slow down", { ...context, retryAfterMs: 300 });
      });
      await iaas.sweep({ keep: [] });
      assert.ok(performance.now() - refusedAt[0]! >= 295, "it was sent again before its time");
    },
  },
  {
    id: "call.patience",
    name: "a cloud that asks for more patience than there is time is not waited for",
    run: async ({ iaas }) => {
      const retryAfterMs = 60_000;
      const slow = (context: IaasErrorDetails): AnyIaasError =>
        new ThrottledError("slow down", { ...context, retryAfterMs });
      const lists = alwaysRefuse(iaas, "_list", slow);
      const sweep = iaas.sweep({ keep: [], timeoutMs: 30_000 });
      const error = await within(10_000, rejection(sweep, "IAAS_THROTTLED"));
      assert.deepEqual([error.retryAfterMs, error.retry, lists.calls], [retryAfterMs, "later", 1]);
    },
  },
];
