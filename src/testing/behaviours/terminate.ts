import assert from "node:assert/strict";

import { NotFoundError } from "../../iaas/errors.ts";
import { collect } from "../../iaas/iteration.ts";
import type { FoundInstance } from "../../iaas/model.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, rejection } from "../expectations.ts";
import {
  answerPages,
  changeHook,
  countHook,
  hide,
  imagined,
  loseAnswer,
  refuseHook,
  unavailable,
} from "../hook-faults.ts";
import { lagging } from "../needs.ts";

/** Ending. */
export const terminate: readonly Behaviour[] = [
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
    id: "terminate.at-once",
    name: "terminating twice at the same time, in two processes, is success",
    run: async ({ iaas, twin, launch }) => {
      const { id } = await launch();
      const other = await twin();
      await Promise.all([iaas.terminate(id), iaas.terminate(id), other.terminate(id)]);
      assert.deepEqual(await collect(iaas.list()), []);
    },
  },
  {
    id: "terminate.lost-answer",
    name: "a lost answer to a request to terminate does not fail it",
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      loseAnswer(iaas, "_terminate");
      await iaas.terminate(id);
      assert.deepEqual(await collect(iaas.list()), []);
    },
  },
  {
    id: "terminate.lost-request",
    name: "a request to terminate that did not arrive is sent again",
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      const terminated = refuseHook(iaas, "_terminate", unavailable);
      await iaas.terminate(id);
      assert.equal(terminated.calls, 2);
      assert.deepEqual(await collect(iaas.list()), []);
    },
  },
  {
    id: "terminate.waits",
    name: "terminating resolves when the instance has ended, not when the cloud has begun to end it",
    run: async ({ iaas, launch }) => {
      const instance = await launch();
      let ending = 0;
      countHook(iaas, "_terminate");
      const polls = changeHook<FoundInstance>(iaas, "_get", async (perform) => {
        ending += 1;
        if (ending === 1) return await perform();
        if (ending < 4) return { ...instance, state: "terminating" };
        return await perform();
      });
      await iaas.terminate(instance.id);
      assert.ok(polls.calls >= 4, `asked ${polls.calls} times`);
    },
  },
  {
    id: "terminate.others",
    name: "terminating one key leaves another's instance running",
    run: async ({ iaas, launch }) => {
      const [one, other] = await Promise.all([launch(), launch()]);
      await iaas.terminate({ key: one.ownership.key });
      assert.deepEqual(idsOf(await collect(iaas.list())), [other.id]);
      assert.equal((await iaas.get(other.id)).state, "running");
    },
  },
  {
    id: "terminate.similar-keys",
    name: "terminating a key does not touch the instance of a key that begins with it",
    run: async ({ iaas }) => {
      const items = ["a", "a1", "a/b", "A", "a-2"].map((key) => imagined(iaas, key));
      answerPages(iaas, "_list", { items, marker: null });
      const ended: string[] = [];
      changeHook<void, { readonly id: string }>(iaas, "_terminate", async (_perform, { id }) => {
        ended.push(id);
        await Promise.resolve();
      });
      changeHook<FoundInstance, { readonly id: string }>(
        iaas,
        "_get",
        async (_perform, { id }) => await Promise.resolve(imagined(iaas, id, { state: "terminated" })),
      );
      await iaas.terminate({ key: "a" });
      assert.deepEqual(ended, ["a"]);
    },
  },
  {
    id: "terminate.not-visible",
    name: "what the cloud does not know yet is not taken for gone",
    needs: lagging,
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      refuseHook(iaas, "_terminate", (context) => new NotFoundError("not there yet", context));
      await iaas.terminate(id);
      await gone(iaas, id);
    },
  },
  {
    id: "terminate.not-listed",
    name: "a key whose instance no list shows yet is terminated all the same",
    needs: lagging,
    run: async ({ iaas, launch }) => {
      const { id, ownership } = await launch();
      hide(iaas, id, false);
      await iaas.terminate({ key: ownership.key });
      await gone(iaas, id);
    },
  },
];

async function gone(iaas: Parameters<typeof hide>[0], id: string): Promise<void> {
  const remembered = await iaas.get(id).catch(() => null);
  if (remembered === null) await rejection(iaas.get(id), "IAAS_NOT_FOUND");
  else assert.equal(remembered.state, "terminated");
}
