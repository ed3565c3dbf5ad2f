import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { rejection } from "../expectations.ts";

/** Launch, find, end. */
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
      const listed = await collect(iaas.list());
      assert.deepEqual(
        listed.map(({ id }) => id),
        [instance.id],
      );
      const ofKey = await collect(iaas.list({ key: instance.ownership.key }));
      assert.deepEqual(
        ofKey.map(({ id }) => id),
        [instance.id],
      );
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
    id: "terminate.ends",
    name: "a terminated instance is not in the list",
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      await iaas.terminate(id);
      assert.deepEqual(await collect(iaas.list()), []);
    },
  },
  {
    id: "terminate.by-key",
    name: "an instance can be terminated by its key",
    run: async ({ iaas, launch }) => {
      const { ownership } = await launch();
      await iaas.terminate({ key: ownership.key });
      assert.deepEqual(await collect(iaas.list()), []);
    },
  },
  {
    id: "terminate.gone",
    name: "terminating what is gone, or never was, is success",
    run: async ({ iaas, launch, key }) => {
      const { id, ownership } = await launch();
      await iaas.terminate(id);
      await iaas.terminate(id);
      await iaas.terminate({ key: ownership.key });
      await iaas.terminate({ key: key("never") });
    },
  },
  {
    id: "ownership.hidden",
    name: "another owner does not see the instance in its list",
    run: async ({ launch, stranger }) => {
      await launch();
      assert.deepEqual(await collect((await stranger()).list()), []);
    },
  },
  {
    id: "ownership.kept",
    name: "another owner can neither get nor terminate the instance",
    run: async ({ iaas, launch, stranger }) => {
      const { id, ownership } = await launch();
      const other = await stranger();
      await rejection(other.get(id), "IAAS_PERMISSION_DENIED");
      await rejection(other.terminate(id), "IAAS_PERMISSION_DENIED");
      await other.terminate({ key: ownership.key });
      assert.equal((await iaas.get(id)).state, "running");
    },
  },
  {
    id: "power.stop-start",
    name: "an instance stops and starts again, and stays the same one",
    needs: "stop",
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
    id: "power.reboot",
    name: "a rebooted instance runs",
    needs: "reboot",
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("reboot"));
      const { id } = await launch();
      assert.equal((await iaas.reboot(id)).state, "running");
    },
  },
  {
    id: "console.text",
    name: "the console output is a text",
    needs: "consoleOutput",
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("consoleOutput"));
      const { id } = await launch();
      assert.equal(typeof (await iaas.consoleOutput(id)), "string");
    },
  },
];
