import assert from "node:assert/strict";

import type { Iaas } from "../../iaas/iaas.ts";
import { collect } from "../../iaas/iteration.ts";
import type { CallOptions } from "../../iaas/model.ts";
import type { CallContext } from "../../iaas/call.ts";
import type { Behaviour, Trial } from "../behaviour.ts";
import { atOnceMs, reasonOf, rejection, within } from "../expectations.ts";
import { changeHook, countHook, holdAnswer, imagined } from "../hook-faults.ts";

type Call = (iaas: Iaas, options: CallOptions, trial: Trial) => Promise<unknown>;

const calls: Readonly<Record<string, readonly [`_${string}`, Call]>> = {
  probe: ["_probe", async (iaas, options) => await iaas.probe(options)],
  get: ["_get", async (iaas, options) => await iaas.get("held", options)],
  list: ["_list", async (iaas, options) => await collect(iaas.list(options))],
  launch: [
    "_launch",
    async (iaas, options, { launchOptions }) => await iaas.launch(launchOptions({ ...options, ports: [] })),
  ],
  terminate: ["_terminate", async (iaas, options) => await iaas.terminate("held", options)],
};

/** The instance that a call is for is there; the hook in question does not answer. */
function held(iaas: Iaas, hook: `_${string}`): void {
  if (hook === "_terminate")
    changeHook<unknown>(iaas, "_get", async () => await Promise.resolve(imagined(iaas, "held")));
  holdAnswer(iaas, hook);
}

const deadlines = Object.entries(calls).map(([name, [hook, call]]): Behaviour => ({
  id: `deadline.${name}`,
  name: `a ${name} that the cloud does not answer ends at its deadline`,
  run: async (trial) => {
    const { iaas } = trial;
    held(iaas, hook);
    const timeoutMs = name === "launch" ? 3_000 : 200; // a launch asks other things before
    const expected = ["launch", "terminate"].includes(name) ? "IAAS_OUTCOME_UNKNOWN" : "IAAS_TIMEOUT";
    const error = await within(timeoutMs + atOnceMs, rejection(call(iaas, { timeoutMs }, trial), expected));
    assert.deepEqual([error.outcome, error.retry, error.operation], ["unknown", "same", name]);
  },
}));

const aborts = Object.entries(calls).map(([name, [hook, call]]): Behaviour => ({
  id: `abort.${name}`,
  name: `a ${name} that is aborted rejects at once, with the caller's reason, while the cloud holds its answer`,
  run: async (trial) => {
    const { iaas } = trial;
    held(iaas, hook);
    const controller = new AbortController();
    const { signal } = controller;
    const reached = new Promise<void>((resolve) => {
      changeHook<unknown>(iaas, hook, async (perform) => {
        resolve();
        return await perform();
      });
    });
    const reason = reasonOf(call(iaas, { signal }, trial));
    await reached;
    controller.abort(new Error("changed my mind"));
    assert.equal(await within(atOnceMs, reason), signal.reason);
  },
}));

/** No call hangs, whatever the cloud does. */
export const limitsInTime: readonly Behaviour[] = [
  ...deadlines,
  ...aborts,
  {
    id: "call.aborted",
    name: "a call whose signal has aborted before asks the cloud nothing",
    run: async (trial) => {
      const { iaas } = trial;
      const signal = AbortSignal.abort(new Error("too late"));
      for (const [hook, call] of Object.values(calls)) {
        const asked = countHook(iaas, hook);
        assert.equal(await reasonOf(call(iaas, { signal }, trial)), signal.reason);
        assert.equal(asked.calls, 0);
      }
    },
  },
  {
    id: "call.signal",
    name: "the signal that a hook gets aborts with the caller's, and at the deadline",
    run: async ({ iaas }) => {
      const signals: AbortSignal[] = [];
      changeHook<unknown>(iaas, "_get", async (_perform, _input, { signal }: CallContext) => {
        signals.push(signal);
        return await new Promise<never>(() => undefined);
      });
      const controller = new AbortController();
      const aborted = reasonOf(iaas.get("held", { signal: controller.signal }));
      const late = reasonOf(iaas.get("held", { timeoutMs: 100 }));
      controller.abort(new Error("changed my mind"));
      await Promise.all([aborted, late]);
      assert.deepEqual(
        signals.map((signal) => signal.aborted),
        [true, true],
      );
    },
  },
];
