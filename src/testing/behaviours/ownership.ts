import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { FoundInstance } from "../../iaas/model.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, rejection } from "../expectations.ts";
import { answerPages, changeHook, countHook, imagined } from "../hook-faults.ts";
import { on } from "../needs.ts";

/** Nothing of anybody else is seen, used or ended. */
export const ownership: readonly Behaviour[] = [
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
      const { id, ownership: made } = await launch();
      const other = await stranger();
      await rejection(other.get(id), "IAAS_PERMISSION_DENIED");
      await rejection(other.terminate(id), "IAAS_PERMISSION_DENIED");
      await other.terminate({ key: made.key });
      assert.equal((await iaas.get(id)).state, "running");
    },
  },
  {
    id: "ownership.same-key",
    name: "two owners may use the same key, each for an instance of its own",
    run: async ({ iaas, stranger, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      const other = await stranger();
      const [mine, theirs] = await Promise.all([iaas.launch(options), other.launch(options)]);
      assert.notEqual(mine.id, theirs.id);
      await other.terminate({ key: options.key });
      assert.equal((await iaas.get(mine.id)).state, "running");
    },
  },
  {
    id: "ownership.nobody",
    name: "an instance that no iaaskit made is neither got nor terminated",
    run: async ({ iaas }) => {
      const terminated = countHook(iaas, "_terminate");
      changeHook<FoundInstance>(
        iaas,
        "_get",
        async () => await Promise.resolve(imagined(iaas, "theirs", { ownership: null })),
      );
      await rejection(iaas.get("theirs"), "IAAS_PERMISSION_DENIED");
      await rejection(iaas.terminate("theirs"), "IAAS_PERMISSION_DENIED");
      assert.equal(terminated.calls, 0);
    },
  },
  {
    id: "ownership.unfiltered",
    name: "what a list gives of others is neither listed, nor adopted, nor terminated, nor swept",
    run: async ({ iaas, launchOptions }) => {
      const { key } = launchOptions();
      const others = [`${iaas.owner}-2`, `${iaas.owner}/2`, iaas.owner.toUpperCase()].map((owner) =>
        imagined(iaas, owner, { ownership: { owner, key, generation: 0, fingerprint: null } }),
      );
      answerPages(iaas, "_list", { items: [...others, imagined(iaas, "nobody", { ownership: null })], marker: null });
      const terminated = countHook(iaas, "_terminate");
      assert.deepEqual(await collect(iaas.list()), []);
      assert.deepEqual(await collect(iaas.list({ key })), []);
      await iaas.terminate({ key });
      for (let pass = 0; pass < 2; pass += 1) await iaas.sweep({ keep: [], minAgeMs: 0, dryRun: false });
      assert.equal(terminated.calls, 0);
    },
  },
  {
    id: "ownership.sweep",
    name: "another owner's sweep does not touch the instance",
    run: async ({ iaas, launch, stranger }) => {
      const { id } = await launch();
      const other = await stranger();
      for (let pass = 0; pass < 2; pass += 1) await other.sweep({ keep: [], minAgeMs: 0, dryRun: false });
      assert.deepEqual(idsOf(await collect(iaas.list())), [id]);
    },
  },
  {
    id: "ownership.power",
    name: "another owner can neither stop nor start the instance",
    needs: on("stop"),
    run: async ({ iaas, launch, stranger }) => {
      const { id } = await launch();
      const other = await stranger();
      assert.ok(other.can("stop"));
      await rejection(other.stop(id), "IAAS_PERMISSION_DENIED");
      await rejection(other.start(id), "IAAS_PERMISSION_DENIED");
      assert.equal((await iaas.get(id)).state, "running");
    },
  },
  {
    id: "ownership.console",
    name: "another owner cannot read the console",
    needs: on("consoleOutput"),
    run: async ({ launch, stranger }) => {
      const { id } = await launch();
      const other = await stranger();
      assert.ok(other.can("consoleOutput"));
      await rejection(other.consoleOutput(id), "IAAS_PERMISSION_DENIED");
    },
  },
];
