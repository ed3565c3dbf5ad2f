import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { Behaviour, Trial } from "../behaviour.ts";
import { idsOf, reasonOf, rejection, within } from "../expectations.ts";
import { alwaysRefuse, changeHook, hide, loseAnswer, performUnheard, refuseHook, unavailable } from "../hook-faults.ts";
import { lagging } from "../needs.ts";

/** One key, one instance. */
export const idempotency: readonly Behaviour[] = [
  {
    id: "launch.twice",
    name: "launching twice with one key gives one instance",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const first = await iaas.launch(options);
      const second = await iaas.launch(options);
      assert.equal(second.id, first.id);
      assert.equal((await collect(iaas.list())).length, 1);
    },
  },
  {
    id: "launch.parallel",
    name: "launching in parallel with one key gives one instance",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const launched = await Promise.all([1, 2, 3, 4, 5].map(async () => await iaas.launch(options)));
      assert.equal(new Set(launched.map(({ id }) => id)).size, 1);
      assert.equal((await collect(iaas.list())).length, 1);
    },
  },
  {
    id: "launch.adopts",
    name: "another process adopts the instance of a key",
    run: async ({ iaas, twin, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const first = await iaas.launch(options);
      const second = await (await twin()).launch(options);
      assert.equal(second.id, first.id);
    },
  },
  {
    id: "launch.processes",
    name: "two processes that launch one key at once have one instance in the end",
    run: async (trial) => {
      const { iaas, twin, launchOptions } = trial;
      const options = launchOptions();
      const other = await twin();
      await Promise.all([iaas.launch(options), other.launch(options)]);
      await untilShown(trial);
      const { id } = await other.launch({ ...options, until: "running" });
      assert.deepEqual(idsOf(await collect(iaas.list())), [id]);
    },
  },
  {
    id: "launch.other-spec",
    name: "the same key with another specification is a conflict, and changes nothing",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const { id } = await iaas.launch(options);
      const error = await rejection(iaas.launch({ ...options, tags: { other: "yes" } }), "IAAS_CONFLICT");
      assert.ok(error.code === "IAAS_CONFLICT" && error.reason === "spec-mismatch");
      assert.deepEqual(idsOf(await collect(iaas.list())), [id]);
    },
  },
  {
    id: "launch.same-spec",
    name: "the same specification in another order, with another time and wait, is no conflict",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ tags: { a: "1", b: "2" } });
      const { id } = await iaas.launch(options);
      const reordered = Object.fromEntries(Object.entries(options).toReversed()) as typeof options;
      const again = { ...reordered, tags: { b: "2", a: "1" }, timeoutMs: 120_000, until: "running" } as const;
      assert.equal((await iaas.launch(again)).id, id);
    },
  },
  {
    id: "launch.again",
    name: "a key whose instance was terminated launches another one",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const first = await iaas.launch(options);
      await iaas.terminate(first.id);
      const second = await iaas.launch(options);
      assert.notEqual(second.id, first.id);
      assert.equal(second.state, "running");
    },
  },
  {
    id: "launch.two-keys",
    name: "two keys are two instances, also when they are launched at once",
    run: async ({ iaas, launch }) => {
      const [first, second] = await Promise.all([launch(), launch()]);
      assert.notEqual(first.id, second.id);
      assert.equal((await collect(iaas.list())).length, 2);
    },
  },
  {
    id: "launch.lost-answer",
    name: "a launch whose answer is lost has one instance",
    run: async ({ iaas, launchOptions }) => {
      loseAnswer(iaas, "_launch");
      const { id } = await iaas.launch(launchOptions({ until: "running" }));
      assert.deepEqual(idsOf(await collect(iaas.list())), [id]);
    },
  },
  {
    id: "launch.lost-request",
    name: "a launch whose request did not arrive has one instance",
    run: async ({ iaas, launchOptions }) => {
      const launches = refuseHook(iaas, "_launch", unavailable);
      const { id } = await iaas.launch(launchOptions({ until: "running" }));
      assert.equal(launches.calls, 2);
      assert.deepEqual(idsOf(await collect(iaas.list())), [id]);
    },
  },
  {
    id: "launch.killed",
    name: "after a process was killed between request and answer, another one gets its instance",
    run: async ({ iaas, twin, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const { done } = performUnheard(iaas, "_launch");
      const killed = reasonOf(iaas.launch(options));
      await done;
      const { id } = await (await twin()).launch(options);
      assert.deepEqual(idsOf(await collect(iaas.list())), [id]);
      await iaas[Symbol.asyncDispose]();
      await killed;
    },
  },
  {
    id: "launch.late",
    name: "a request that arrives after another process has launched leaves one instance in the end",
    run: async (trial) => {
      const { iaas, twin, launchOptions } = trial;
      const options = launchOptions({ until: "running" });
      let arrive = (): void => undefined;
      const late = new Promise<void>((resolve) => (arrive = resolve));
      let sent = (): void => undefined;
      const sending = new Promise<void>((resolve) => (sent = resolve));
      changeHook<unknown>(iaas, "_launch", async (perform) => {
        sent();
        await late;
        return await perform();
      });
      const first = iaas.launch(options);
      await sending;
      const other = await twin();
      await other.launch(options);
      arrive();
      await first;
      await untilShown(trial);
      const { id } = await other.launch(options);
      assert.deepEqual(idsOf(await collect(other.list())), [id]);
    },
  },
  {
    id: "launch.unknown",
    name: "a launch of which nobody knows the outcome says so, and the same launch finds out",
    run: async ({ iaas, twin, launchOptions }) => {
      const options = launchOptions();
      alwaysRefuse(iaas, "_launch", unavailable);
      const launch = iaas.launch({ ...options, timeoutMs: 2_000 });
      const error = await within(5_000, rejection(launch));
      assert.ok(["IAAS_OUTCOME_UNKNOWN", "IAAS_UNAVAILABLE", "IAAS_TIMEOUT"].includes(error.code), error.code);
      assert.deepEqual([error.outcome, error.retry], ["unknown", "same"]);
      const { id } = await (await twin()).launch({ ...options, until: "running" });
      assert.deepEqual(idsOf(await collect(iaas.list())), [id]);
    },
  },
  {
    id: "launch.abort-keeps",
    name: "an aborted launch leaves what the cloud has made of it, for the next try to adopt",
    run: async ({ iaas, twin, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const controller = new AbortController();
      const { done } = performUnheard(iaas, "_launch");
      const launch = reasonOf(iaas.launch({ ...options, signal: controller.signal }));
      await done;
      controller.abort(new Error("changed my mind"));
      assert.equal(await launch, controller.signal.reason);
      const other = await twin();
      const { id } = await other.launch(options);
      assert.deepEqual(idsOf(await collect(other.list())), [id]);
    },
  },
  {
    id: "launch.not-listed",
    name: "launching a key again whose instance no list shows yet gives that instance",
    needs: lagging,
    run: async ({ iaas, twin, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const { id } = await iaas.launch(options);
      hide(iaas, id, false);
      assert.equal((await iaas.launch(options)).id, id);
      assert.deepEqual(idsOf(await collect((await twin()).list())), [id]);
    },
  },
  {
    id: "launch.not-visible",
    name: "an instance that the cloud does not show yet is waited for, not taken for gone",
    needs: lagging,
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions();
      const { id } = await iaas.launch(options);
      hide(iaas, id, true, 2);
      assert.equal((await iaas.get(id)).id, id);
    },
  },
];

/** A cloud without tokens tells of a double only when its lists show it. */
async function untilShown({ iaas: { capabilities }, clock }: Trial): Promise<void> {
  if (capabilities.idempotency === "tag") await clock.sleep(capabilities.visibilityLagMs);
}
