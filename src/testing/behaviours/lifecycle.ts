import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { Instance } from "../../iaas/model.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, rejection } from "../expectations.ts";
import { countHook, launchInputOf } from "../hook-faults.ts";
import { on } from "../needs.ts";
import { tracesOf } from "../traces.ts";

/** Launch, find, stop and start. */
export const lifecycle: readonly Behaviour[] = [
  {
    id: "launch.runs",
    name: "a launched instance runs, and says whose it is and for which key",
    run: async ({ iaas, launch, key }) => {
      const wanted = key();
      const instance = await launch({ key: wanted });
      assert.equal(instance.state, "running");
      assert.equal(instance.ownership.owner, iaas.owner);
      assert.equal(instance.ownership.key, wanted);
      assert.notEqual(instance.id, "");
    },
  },
  {
    id: "launch.found",
    name: "a launched instance is found by its id, and in the list",
    run: async ({ iaas, launch }) => {
      const instance = await launch();
      assert.equal((await iaas.get(instance.id)).id, instance.id);
      assert.deepEqual(idsOf(await collect(iaas.list())), [instance.id]);
      assert.deepEqual(idsOf(await collect(iaas.list({ key: instance.ownership.key }))), [instance.id]);
    },
  },
  {
    id: "launch.tells",
    name: "an instance tells its image, its caller's tags without the ownership's, and when it was made",
    run: async ({ iaas, clock, launch, launchOptions }) => {
      const before = clock.now();
      const tags = { purpose: "conformance", "a.b": "c=d, e:f/g@h+i_j-k" };
      const { id } = await launch({ tags });
      const { imageId, createdAt, failure, ...instance } = await iaas.get(id);
      assert.equal(imageId, launchOptions().image);
      assert.deepEqual(instance.tags, tags);
      assert.equal(failure, null);
      // Clouds count whole seconds, and their clocks are their own.
      assert.ok(createdAt === null || Math.abs(createdAt.getTime() - before) < 15 * 60_000, String(createdAt));
    },
  },
  {
    id: "launch.twin",
    name: "another process of the owner sees the same instance",
    run: async ({ iaas, twin, launch }) => {
      const { id } = await launch();
      const [here, there] = [await iaas.get(id), await (await twin()).get(id)];
      assert.deepEqual(there, here);
    },
  },
  {
    id: "launch.accepted",
    name: "a launch that need not wait does not poll",
    run: async ({ iaas, launchOptions }) => {
      let launched: Instance | undefined;
      const traces = await tracesOf(iaas, async () => {
        launched = await iaas.launch(launchOptions());
      });
      assert.ok(launched !== undefined && ["pending", "running"].includes(launched.state), launched?.state);
      assert.ok(!traces.some(({ operation }) => operation === "poll"));
      await iaas.waitUntil(launched, "running");
    },
  },
  {
    id: "launch.input",
    name: "the request to launch carries owner and key, and a token that fits every cloud",
    run: async ({ iaas, launchOptions, key }) => {
      const wanted = key();
      const input = await launchInputOf(iaas, launchOptions({ key: wanted, tags: { mine: "yes" } }));
      assert.ok(Object.isFrozen(input));
      assert.deepEqual(input.ownership, { ...input.ownership, owner: iaas.owner, key: wanted, generation: 0 });
      const values = Object.values(input.tags);
      for (const value of [iaas.owner, wanted, "yes"]) assert.ok(values.includes(value), value);
      assert.match(input.token, /^[A-Za-z0-9]{1,64}$/);
    },
  },
  {
    id: "launch.token",
    name: "the token of an intent is the same in each process, and another for another key",
    run: async ({ iaas, twin, launchOptions }) => {
      const options = launchOptions();
      const { token } = await launchInputOf(iaas, options);
      assert.equal((await launchInputOf(await twin(), options)).token, token);
      assert.notEqual((await launchInputOf(iaas, launchOptions())).token, token);
    },
  },
  {
    id: "get.missing",
    name: "getting what was terminated is NotFound, or shows that it has ended",
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      await iaas.terminate(id);
      const remembered = await iaas.get(id).catch(() => null);
      if (remembered === null) await rejection(iaas.get(id), "IAAS_NOT_FOUND");
      else assert.equal(remembered.state, "terminated");
    },
  },
  {
    id: "power.stop-start",
    name: "an instance stops and starts again, and stays the same one",
    needs: on("stop"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("stop"));
      const { id } = await launch();
      assert.equal((await iaas.stop(id)).state, "stopped");
      const started = await iaas.start(id);
      assert.equal(started.id, id);
      assert.equal(started.state, "running");
    },
  },
  {
    id: "power.twice",
    name: "stopping what is stopped and starting what runs is success, and asks for nothing",
    needs: on("stop"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("stop"));
      const { id } = await launch();
      const [stops, starts] = [countHook(iaas, "_stop"), countHook(iaas, "_start")];
      assert.equal((await iaas.start(id)).state, "running");
      await iaas.stop(id);
      assert.equal((await iaas.stop(id)).state, "stopped");
      assert.deepEqual([stops.calls, starts.calls], [1, 0]);
    },
  },
  {
    id: "power.launch-starts",
    name: "launching a key whose instance is stopped starts it again",
    needs: on("stop"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("stop"));
      const options = launchOptions({ until: "running" });
      const { id } = await iaas.launch(options);
      await iaas.stop(id);
      const again = await iaas.launch(options);
      assert.deepEqual([again.id, again.state], [id, "running"]);
    },
  },
  {
    id: "power.missing",
    name: "stopping and starting what does not exist is NotFound",
    needs: on("stop"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("stop"));
      await rejection(iaas.stop(key("i")), "IAAS_NOT_FOUND", "IAAS_INVALID_INPUT");
      await rejection(iaas.start(key("i")), "IAAS_NOT_FOUND", "IAAS_INVALID_INPUT");
    },
  },
  {
    id: "power.reboot",
    name: "a rebooted instance runs",
    needs: on("reboot"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("reboot"));
      const { id } = await launch();
      assert.equal((await iaas.reboot(id)).state, "running");
    },
  },
  {
    id: "console.text",
    name: "the console output is a text, and that of a missing instance is NotFound",
    needs: on("consoleOutput"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("consoleOutput"));
      const { id } = await launch();
      assert.equal(typeof (await iaas.consoleOutput(id)), "string");
      await rejection(iaas.consoleOutput(key("i")), "IAAS_NOT_FOUND", "IAAS_INVALID_INPUT");
    },
  },
];
