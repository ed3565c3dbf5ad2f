import assert from "node:assert/strict";

import { AuthenticationError, NotFoundError, ThrottledError } from "../../iaas/errors.ts";
import type { Iaas } from "../../iaas/iaas.ts";
import type { FoundInstance, Instance } from "../../iaas/model.ts";
import type { Behaviour } from "../behaviour.ts";
import { atOnceMs, reasonOf, refusedField, rejection, within } from "../expectations.ts";
import {
  alwaysRefuse,
  answerPages,
  changeHook,
  countHook,
  holdAnswer,
  imagined,
  refuseHook,
  unavailable,
} from "../hook-faults.ts";

/** An instance that only `_get` and `_list` know, in the states that they give one after the other. */
function appearing(iaas: Iaas, ...states: readonly Partial<FoundInstance>[]): Instance {
  const left = [...states];
  const shown = imagined(iaas, "imagined");
  changeHook<FoundInstance>(
    iaas,
    "_get",
    async () => await Promise.resolve({ ...shown, ...(left.length > 1 ? left.shift() : left[0]) }),
  );
  return shown as Instance;
}

/** Waiting for an instance. */
export const waiting: readonly Behaviour[] = [
  {
    id: "wait.deadline",
    name: "a wait for what never comes ends at its deadline",
    run: async ({ iaas }) => {
      const instance = appearing(iaas, {});
      const wait = iaas.waitUntil(instance, () => false, { timeoutMs: 300 });
      assert.equal((await within(atOnceMs, rejection(wait, "IAAS_TIMEOUT"))).operation, "waitUntil");
    },
  },
  {
    id: "wait.deadline-held",
    name: "a wait ends at its deadline although the cloud holds its answer",
    run: async ({ iaas }) => {
      holdAnswer(iaas, "_get");
      const wait = iaas.waitUntil(imagined(iaas, "held") as Instance, "running", { timeoutMs: 200 });
      await within(atOnceMs, rejection(wait, "IAAS_TIMEOUT"));
    },
  },
  {
    id: "wait.abort",
    name: "a wait that is aborted rejects at once, with the caller's reason",
    run: async ({ iaas }) => {
      const instance = appearing(iaas, {});
      const controller = new AbortController();
      const wait = reasonOf(iaas.waitUntil(instance, () => false, { signal: controller.signal }));
      setTimeout(() => controller.abort(new Error("changed my mind")), 20);
      assert.equal(await within(atOnceMs, wait), controller.signal.reason);
    },
  },
  {
    id: "wait.abort-held",
    name: "a wait that is aborted rejects at once although the cloud holds its answer",
    run: async ({ iaas }) => {
      holdAnswer(iaas, "_get");
      const controller = new AbortController();
      const instance = imagined(iaas, "held") as Instance;
      const wait = reasonOf(iaas.waitUntil(instance, "running", { signal: controller.signal }));
      setTimeout(() => controller.abort(new Error("changed my mind")), 20);
      assert.equal(await within(atOnceMs, wait), controller.signal.reason);
    },
  },
  {
    id: "wait.throttled",
    name: "a poll that the cloud throttles does not fail a wait",
    run: async ({ iaas }) => {
      const instance = appearing(iaas, {});
      const polls = refuseHook(iaas, "_get", (context) => new ThrottledError("slow down", context));
      assert.equal((await iaas.waitUntil(instance, "running")).state, "running");
      assert.equal(polls.calls, 2);
    },
  },
  {
    id: "wait.unavailable",
    name: "polls that get no answer do not fail a wait, however many they are",
    run: async ({ iaas }) => {
      const instance = appearing(iaas, {});
      refuseHook(iaas, "_get", unavailable, unavailable, unavailable, unavailable, unavailable);
      assert.equal((await iaas.waitUntil(instance, "running")).state, "running");
    },
  },
  {
    id: "wait.refused",
    name: "a poll that will always fail ends a wait with the cloud's reason",
    run: async ({ iaas }) => {
      const polls = alwaysRefuse(iaas, "_get", (context) => new AuthenticationError("expired", context));
      const wait = iaas.waitUntil(imagined(iaas, "any") as Instance, "running");
      await within(atOnceMs, rejection(wait, "IAAS_AUTHENTICATION"));
      assert.equal(polls.calls, 1);
    },
  },
  {
    id: "wait.many",
    name: "500 waits at a time cost one list call a tick, and no other",
    run: async ({ iaas }) => {
      const instances = Array.from({ length: 500 }, (_, index) => imagined(iaas, `i-${index}`) as Instance);
      const items = (state: FoundInstance["state"]): FoundInstance[] => instances.map((one) => ({ ...one, state }));
      const pending = { items: items("pending"), marker: null };
      const lists = answerPages(iaas, "_list", pending, { items: items("running"), marker: null });
      const gets = countHook(iaas, "_get");
      const waits = instances.map(async (one) => await iaas.waitUntil({ ...one, state: "pending" }, "running"));
      const states = new Set((await Promise.all(waits)).map(({ state }) => state));
      assert.deepEqual([...states], ["running"]);
      assert.deepEqual([lists.calls, gets.calls], [2, 0]);
    },
  },
  {
    id: "wait.one",
    name: "500 waits for one instance cost one request a tick",
    run: async ({ iaas }) => {
      const instance = appearing(iaas, { state: "pending" }, { state: "running" });
      const [gets, lists] = [countHook(iaas, "_get"), countHook(iaas, "_list")];
      await Promise.all(Array.from({ length: 500 }, async () => await iaas.waitUntil(instance, "running")));
      assert.equal(gets.calls + lists.calls, 2);
    },
  },
  {
    id: "wait.ends",
    name: "when nobody waits any more, nothing is asked",
    run: async ({ iaas }) => {
      const instance = appearing(iaas, {});
      await rejection(
        iaas.waitUntil(instance, () => false, { timeoutMs: 100 }),
        "IAAS_TIMEOUT",
      );
      const polls = countHook(iaas, "_get");
      await new Promise((resolve) => setTimeout(resolve, Math.min(400, iaas.capabilities.pollIntervalMs * 3)));
      assert.equal(polls.calls, 0);
    },
  },
  {
    id: "wait.failed",
    name: "a wait for an instance that the cloud gives up on rejects with the cloud's own code",
    run: async ({ iaas }) => {
      const failure = { vendorCode: "NoSuchCodeAnywhere", message: "the host caught fire" };
      const instance = appearing(iaas, { state: "pending" }, { state: "failed", failure });
      const error = await rejection(iaas.waitUntil(instance, "running"));
      // A provider may know by the form of a code that it is none of the cloud's; then it stands in the message.
      assert.ok(`${error.vendorCode} ${error.message}`.includes(failure.vendorCode), error.message);
      assert.match(error.message, /caught fire/);
    },
  },
  {
    id: "wait.gone",
    name: "a wait for what has ended is NotFound, and a wait for its end is success",
    run: async ({ iaas, launch }) => {
      const instance = await launch();
      await iaas.terminate(instance.id);
      await rejection(iaas.waitUntil(instance, "running"), "IAAS_NOT_FOUND");
      assert.deepEqual(await iaas.waitUntil(instance, "terminated"), instance);
    },
  },
  {
    id: "wait.never-was",
    name: "a wait for what the cloud does not know is NotFound",
    run: async ({ iaas }) => {
      alwaysRefuse(iaas, "_get", (context) => new NotFoundError("there is none", context));
      await rejection(iaas.waitUntil(imagined(iaas, "never") as Instance, "running"), "IAAS_NOT_FOUND");
    },
  },
  {
    id: "wait.condition",
    name: "a wait ends with the first state that satisfies its condition",
    run: async ({ iaas }) => {
      const seen = [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"]].map((address) => ({
        addresses: { private: address, public: [] },
      }));
      const instance = appearing(iaas, ...seen);
      const has = ({ addresses }: Instance): boolean => addresses.private.includes("10.0.0.2");
      assert.ok(has(await iaas.waitUntil(instance, has)));
    },
  },
  {
    id: "wait.throwing-condition",
    name: "a condition that throws ends its own wait, and no other",
    run: async ({ iaas }) => {
      const instance = appearing(iaas, { state: "pending" }, { state: "running" });
      const mistake = new TypeError("a mistake of the caller");
      const broken = reasonOf(
        iaas.waitUntil(instance, () => {
          throw mistake;
        }),
      );
      const sound = iaas.waitUntil(instance, "running");
      assert.equal(await broken, mistake);
      assert.equal((await sound).state, "running");
    },
  },
  {
    id: "wait.input",
    name: "a condition or a port that is none is refused before any request",
    run: async ({ iaas }) => {
      const instance = imagined(iaas, "any") as Instance;
      const condition = "sleeping" as "running";
      await refusedField(iaas, async () => await iaas.waitUntil(instance, condition), "condition");
      await refusedField(iaas, async () => await iaas.waitUntil(instance, "reachable"), "port");
    },
  },
];
