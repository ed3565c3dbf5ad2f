import assert from "node:assert/strict";

import { type AnyIaasError, type IaasErrorDetails, ThrottledError } from "../../iaas/errors.ts";
import type { Behaviour } from "../behaviour.ts";
import { rejection } from "../expectations.ts";
import { alwaysRefuse, refuseHook } from "../hook-faults.ts";

/** A cloud that asks for patience. What is learned from it holds for all that share the connection: these come last. */
export const patience: readonly Behaviour[] = [
  {
    id: "errors.patience",
    name: "a request that the cloud wants later is not sent sooner",
    run: async ({ iaas, clock }) => {
      let refusedAt = Number.POSITIVE_INFINITY;
      refuseHook(iaas, "_probe", (context): AnyIaasError => {
        refusedAt = clock.now();
        return new ThrottledError("slow down", { ...context, retryAfterMs: 300 });
      });
      await iaas.probe();
      assert.ok(clock.now() - refusedAt >= 295, "it was sent again before its time");
    },
  },
  {
    id: "call.patience",
    name: "a cloud that asks for more patience than there is time is not waited for",
    run: async ({ iaas }) => {
      const retryAfterMs = 1_500;
      const slow = (context: IaasErrorDetails): AnyIaasError =>
        new ThrottledError("slow down", { ...context, retryAfterMs });
      const probes = alwaysRefuse(iaas, "_probe", slow);
      const error = await rejection(iaas.probe({ timeoutMs: 1_400 }), "IAAS_THROTTLED");
      assert.deepEqual([error.retryAfterMs, error.retry, probes.calls], [retryAfterMs, "later", 1]);
    },
  },
];
