import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";

import type { Instance } from "../../iaas/model.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { atOnceMs, refusal, rejection, within } from "../expectations.ts";
import { holdAnswer, imagined } from "../hook-faults.ts";

/** What keeps the process alive, by kind. */
function handles(): Map<string, number> {
  const counted = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counted.set(kind, (counted.get(kind) ?? 0) + 1);
  return counted;
}

function more(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): string[] {
  return [...now].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(String);
}

/** Letting go. */
export const dispose: readonly Behaviour[] = [
  {
    id: "dispose.refuses",
    name: "a disposed Iaas refuses every call, and asks the cloud nothing",
    run: async ({ iaas, launchOptions }) => {
      await iaas[Symbol.asyncDispose]();
      const calls = [
        async () => await iaas.probe(),
        async () => await iaas.get("any"),
        async () => await collect(iaas.list()),
        async () => await iaas.launch(launchOptions()),
        async () => await iaas.terminate("any"),
        async () => await iaas.waitUntil(imagined(iaas, "any") as Instance, "running"),
        async () => await iaas.sweep({ keep: [] }),
      ];
      for (const call of calls) await refusal(iaas, call, "IAAS_UNAVAILABLE");
    },
  },
  {
    id: "dispose.pending",
    name: "disposing ends what is under way, also where the cloud holds its answer",
    run: async ({ iaas }) => {
      holdAnswer(iaas, "_probe");
      holdAnswer(iaas, "_get");
      holdAnswer(iaas, "_list");
      const instance = imagined(iaas, "any") as Instance;
      const calls = [iaas.probe(), iaas.get("any"), collect(iaas.list()), iaas.waitUntil(instance, "running")];
      const ended = Promise.all(calls.map(async (call) => await rejection(call, "IAAS_UNAVAILABLE")));
      await delay(20);
      await within(atOnceMs, iaas[Symbol.asyncDispose]());
      await within(atOnceMs, ended);
    },
  },
  {
    id: "dispose.twice",
    name: "disposing twice is success",
    run: async ({ iaas }) => {
      await iaas.probe();
      await iaas[Symbol.asyncDispose]();
      await iaas[Symbol.asyncDispose]();
    },
  },
  {
    id: "dispose.unused",
    name: "disposing what was never used is success",
    run: async ({ unprobed }) => {
      await within(atOnceMs, (await unprobed())[Symbol.asyncDispose]());
    },
  },
  {
    id: "dispose.handles",
    name: "a disposed Iaas leaves nothing that keeps the process alive",
    run: async ({ twin }) => {
      const before = handles();
      const other = await twin();
      await other.probe();
      await Promise.all([collect(other.list()), collect(other.list()), other.probe()]);
      await other[Symbol.asyncDispose]();
      for (let tries = 0; tries < 400 && more(handles(), before).length > 0; tries += 1) await delay(20);
      assert.deepEqual(more(handles(), before), []);
    },
  },
  {
    id: "dispose.stays",
    name: "disposing leaves the instances, and other Iaases of the owner, as they are",
    run: async ({ iaas, twin, launch }) => {
      const { id } = await launch();
      const other = await twin();
      await other.probe();
      await iaas[Symbol.asyncDispose]();
      assert.equal((await other.get(id)).state, "running");
    },
  },
];
