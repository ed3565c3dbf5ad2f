import assert from "node:assert/strict";

import { facetNames } from "../../iaas/capabilities.ts";
import { Iaas } from "../../iaas/iaas.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { refusal, rejection } from "../expectations.ts";

/** What an Iaas promises as an object. */
export const contract: readonly Behaviour[] = [
  {
    id: "probe.answers",
    name: "a probe answers, and changes no capability that was settled",
    run: async ({ iaas }) => {
      const before = structuredClone(iaas.capabilities);
      const { capabilities } = await iaas.probe();
      assert.deepEqual(capabilities, iaas.capabilities);
      for (const [name, value] of Object.entries(before)) {
        if (value === "probe" || name === "payload" || name === "tags") continue;
        assert.deepEqual(capabilities[name as keyof typeof before], value, name);
      }
    },
  },
  {
    id: "capabilities.json",
    name: "the capabilities are frozen, and survive JSON",
    run: async ({ iaas }) => {
      const { capabilities } = iaas;
      assert.deepEqual(JSON.parse(JSON.stringify(capabilities)), capabilities);
      assert.ok(Object.isFrozen(capabilities) && Object.isFrozen(capabilities.payload));
      await Promise.resolve();
    },
  },
  {
    id: "surface.sealed",
    name: "no public method of the base class is redefined",
    run: async ({ iaas }) => {
      const names = Object.getOwnPropertyNames(Iaas.prototype).filter(
        (name) => name !== "constructor" && !name.startsWith("_"),
      );
      for (let type: object = iaas; type !== Iaas.prototype; type = Object.getPrototypeOf(type) as object) {
        const redefined = names.filter(
          (name) => Object.hasOwn(type, name) && !(type === iaas && ["provider", "owner"].includes(name)),
        );
        assert.deepEqual(redefined, []);
      }
      await Promise.resolve();
    },
  },
  {
    id: "facets.off",
    name: "a facet whose flag is off refuses, before any request",
    run: async ({ iaas }) => {
      for (const name of facetNames.filter((facet) => !iaas.can(facet))) {
        const use = async (): Promise<unknown> =>
          await Promise.resolve().then(() => Reflect.get(iaas, name) as unknown);
        await refusal(iaas, use, "IAAS_UNSUPPORTED_CAPABILITY");
      }
    },
  },
  {
    id: "calls.off",
    name: "a call whose flag is off refuses, before any request",
    run: async ({ iaas, key }) => {
      const calls = { stop: "stop", start: "stop", reboot: "reboot", consoleOutput: "consoleOutput" } as const;
      for (const [call, flag] of Object.entries(calls)) {
        if (iaas.can(flag)) continue;
        const method = Reflect.get(iaas, call) as (id: string) => Promise<unknown>;
        await refusal(iaas, async () => await method.call(iaas, key()), "IAAS_UNSUPPORTED_CAPABILITY");
      }
    },
  },
  {
    id: "wait.deadline",
    name: "a wait for what never comes ends at its deadline",
    run: async ({ iaas, launch }) => {
      const instance = await launch();
      const error = await rejection(
        iaas.waitUntil(instance, () => false, { timeoutMs: 300 }),
        "IAAS_TIMEOUT",
      );
      assert.equal(error.operation, "waitUntil");
    },
  },
  {
    id: "wait.abort",
    name: "a wait that is aborted rejects at once, with the caller's reason",
    run: async ({ iaas, launch }) => {
      const instance = await launch();
      const reason = new Error("changed my mind");
      const controller = new AbortController();
      const wait = iaas.waitUntil(instance, () => false, { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 20);
      await assert.rejects(wait, (error) => error === reason);
    },
  },
  {
    id: "call.aborted",
    name: "a call whose signal has aborted before asks the cloud nothing",
    run: async ({ iaas, launchOptions }) => {
      const reason = new Error("too late");
      const signal = AbortSignal.abort(reason);
      await assert.rejects(iaas.launch({ ...launchOptions(), signal }), (error) => error === reason);
      assert.deepEqual(await collect(iaas.list()), []);
    },
  },
  {
    id: "sweep.two-passes",
    name: "a sweep deletes in its second pass what nobody claims, and never what is kept",
    run: async ({ iaas, launch }) => {
      const kept = await launch();
      const unclaimed = await launch();
      const options = { keep: [kept.ownership.key], minAgeMs: 0, dryRun: false };
      const first = await iaas.sweep(options);
      assert.ok(first.marked.some(({ id }) => id === unclaimed.id));
      assert.deepEqual(first.deleted, []);
      const second = await iaas.sweep(options);
      assert.ok(
        second.deleted.some(({ id }) => id === unclaimed.id),
        JSON.stringify(second),
      );
      assert.deepEqual(
        (await collect(iaas.list())).map(({ id }) => id),
        [kept.id],
      );
    },
  },
  {
    id: "sweep.dry-run",
    name: "a dry run deletes nothing, however often it is done",
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      await iaas.sweep({ keep: [], minAgeMs: 0 });
      await iaas.sweep({ keep: [], minAgeMs: 0 });
      assert.equal((await iaas.get(id)).state, "running");
    },
  },
  {
    id: "dispose.refuses",
    name: "a disposed Iaas refuses every call",
    run: async ({ twin }) => {
      const other = await twin();
      await other[Symbol.asyncDispose]();
      await rejection(other.probe(), "IAAS_UNAVAILABLE");
    },
  },
];
