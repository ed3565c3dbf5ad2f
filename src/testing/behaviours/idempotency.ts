import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { rejection } from "../expectations.ts";

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
    id: "launch.other-spec",
    name: "the same key with another specification is a conflict, and changes nothing",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const { id } = await iaas.launch(options);
      const error = await rejection(iaas.launch({ ...options, tags: { other: "yes" } }), "IAAS_CONFLICT");
      assert.ok(error.code === "IAAS_CONFLICT" && error.reason === "spec-mismatch");
      assert.deepEqual(
        (await collect(iaas.list())).map((instance) => instance.id),
        [id],
      );
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
    run: async ({ iaas, launchOptions }) => {
      const [first, second] = await Promise.all([iaas.launch(launchOptions()), iaas.launch(launchOptions())]);
      assert.notEqual(first.id, second.id);
      assert.equal((await collect(iaas.list())).length, 2);
    },
  },
];
