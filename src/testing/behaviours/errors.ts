import assert from "node:assert/strict";

import {
  type AnyIaasError,
  AuthenticationError,
  ConflictError,
  type IaasErrorDetails,
  InsufficientCapacityError,
  NotFoundError,
  PermissionDeniedError,
  ProviderFailureError,
  QuotaExceededError,
  type RetryVerdict,
  ThrottledError,
} from "../../iaas/errors.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, rejection } from "../expectations.ts";
import { alwaysRefuse, refuseHook, unavailable } from "../hook-faults.ts";
import { tracesOf } from "../traces.ts";

type Maker = (details: IaasErrorDetails) => AnyIaasError;

/** What a hook may find, and what the caller may do about it. */
const findings: readonly (readonly [Maker, RetryVerdict])[] = [
  [(at) => new AuthenticationError("who are you?", at), "never"],
  [(at) => new PermissionDeniedError("you may not", at), "never"],
  [(at) => new QuotaExceededError("you have enough", at), "elsewhere"],
  [(at) => new InsufficientCapacityError("we have no room", at), "elsewhere"],
  [(at) => new ConflictError("wrong-state", "not now", at), "later"],
  [(at) => new NotFoundError("there is none", at), "never"],
  [(at) => new ProviderFailureError("it broke", at), "never"],
];

/** Errors: typed, with a verdict, and repeated only where that may help. */
export const errors: readonly Behaviour[] = [
  {
    id: "errors.typed",
    name: "what a hook finds reaches the caller with class, verdict, origin, and the cloud's own words",
    run: async ({ iaas }) => {
      for (const [make, retry] of findings) {
        const told = { vendorCode: "E42", requestId: "req-1", scope: { zone: "z-1" } };
        const probes = alwaysRefuse(iaas, "_probe", (context) => make({ ...context, ...told }));
        const error = await rejection(iaas.probe());
        const { code, provider, operation, outcome, vendorCode, requestId, scope } = error;
        assert.equal(code, make({ provider: "", operation: "" }).code);
        assert.deepEqual({ vendorCode, requestId, scope }, told);
        assert.deepEqual(
          { provider, operation, outcome, retry: error.retry },
          { provider: iaas.provider, operation: "probe", outcome: "not-applied", retry },
        );
        assert.equal(probes.calls, 1, `${code} was repeated`);
      }
    },
  },
  {
    id: "errors.json",
    name: "an error survives JSON with all that a caller decides by",
    run: async ({ iaas }) => {
      refuseHook(iaas, "_probe", (context) => new QuotaExceededError("enough", { ...context, vendorCode: "E42" }));
      const error = await rejection(iaas.probe());
      const { name, code, provider, operation, retry, outcome, message } = error;
      const known = { name, code, provider, operation, retry, outcome, message, created: [], vendorCode: "E42" };
      assert.deepEqual(JSON.parse(JSON.stringify(error)), known);
    },
  },
  {
    id: "errors.anything",
    name: "whatever a client throws becomes an error of the library",
    run: async ({ iaas }) => {
      const thrown = [new Error("boom"), new TypeError("x is not a function"), "text", 42, null, undefined, {}, []];
      for (const value of thrown) {
        alwaysRefuse(iaas, "_get", () => value);
        const error = await rejection(iaas.get("any", { timeoutMs: 20_000 }));
        assert.ok(["IAAS_PROVIDER_FAILURE", "IAAS_UNAVAILABLE"].includes(error.code), error.code);
      }
    },
  },
  {
    id: "errors.read-repeated",
    name: "a read whose answer is lost is repeated, and not for ever",
    run: async ({ iaas }) => {
      refuseHook(iaas, "_probe", unavailable);
      await iaas.probe();
      const probes = alwaysRefuse(iaas, "_probe", unavailable);
      await rejection(iaas.probe(), "IAAS_UNAVAILABLE");
      assert.ok(probes.calls > 1 && probes.calls <= 5, `${probes.calls} requests`);
    },
  },
  {
    id: "errors.throttled-launch",
    name: "a launch that came too soon is sent again, and the trace tells of it",
    run: async ({ iaas, launchOptions }) => {
      const launches = refuseHook(iaas, "_launch", (context) => new ThrottledError("slow down", context));
      const traces = await tracesOf(iaas, async () => await iaas.launch(launchOptions({ until: "running" })));
      assert.equal(launches.calls, 2);
      assert.equal(traces.find(({ operation }) => operation === "launch")?.throttled, 1);
      assert.equal((await collect(iaas.list())).length, 1);
    },
  },
  {
    id: "errors.certain",
    name: "a launch that the cloud refuses for certain is tried once, and leaves nothing",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions();
      const launches = alwaysRefuse(iaas, "_launch", (context) => new QuotaExceededError("enough", context));
      const error = await rejection(iaas.launch(options), "IAAS_QUOTA_EXCEEDED");
      assert.deepEqual([error.created, launches.calls], [[], 1]);
      assert.deepEqual(idsOf(await collect(iaas.list())), []);
      if (iaas.can("securityGroups")) assert.deepEqual(await collect(iaas.securityGroups.list()), []);
    },
  },
];
