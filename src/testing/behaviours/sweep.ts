import assert from "node:assert/strict";

import { AuthenticationError, ConflictError } from "../../iaas/errors.ts";
import type { Iaas } from "../../iaas/iaas.ts";
import { collect } from "../../iaas/iteration.ts";
import type { SweepOptions } from "../../iaas/sweeper.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, refusedField, rejection } from "../expectations.ts";
import { alwaysRefuse, answerPages, countHook, imagined } from "../hook-faults.ts";
import { on } from "../needs.ts";

const now = { minAgeMs: 0, dryRun: false } as const;

/** Finding what nobody claims any more. */
export const sweep: readonly Behaviour[] = [
  {
    id: "sweep.two-passes",
    name: "a sweep deletes in its second pass what nobody claims, and never what is kept",
    run: async ({ iaas, launch }) => {
      const [kept, unclaimed] = await Promise.all([launch(), launch()]);
      const options = { keep: [kept.ownership.key], ...now };
      const first = await iaas.sweep(options);
      assert.ok(first.marked.some(({ id }) => id === unclaimed.id));
      assert.deepEqual(first.deleted, []);
      const second = await iaas.sweep(options);
      assert.ok(
        second.deleted.some(({ id }) => id === unclaimed.id),
        JSON.stringify(second),
      );
      assert.deepEqual(idsOf(await collect(iaas.list())), [kept.id]);
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
    id: "sweep.input",
    name: "a sweep that does not say what to keep, or from which age on, is refused before any request",
    run: async ({ iaas }) => {
      await refusedField(iaas, async () => await iaas.sweep({} as SweepOptions), "keep");
      await refusedField(iaas, async () => await iaas.sweep({ keep: [], minAgeMs: -1 }), "minAgeMs");
    },
  },
  {
    id: "sweep.failing-list",
    name: "a list that fails fails the sweep before it deletes anything",
    run: async ({ iaas }) => {
      const terminated = pretend(iaas, "a");
      await iaas.sweep({ keep: [], ...now });
      const fail = (): never => {
        throw new AuthenticationError("expired", { provider: iaas.provider, operation: "list" });
      };
      answerPages(iaas, "_list", { items: [imagined(iaas, "a")], marker: "1" }, fail);
      await rejection(iaas.sweep({ keep: [], ...now }), "IAAS_AUTHENTICATION");
      assert.equal(terminated.calls, 0);
    },
  },
  {
    id: "sweep.young",
    name: "what is younger than asked for is left alone",
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      for (let pass = 0; pass < 2; pass += 1) {
        assert.deepEqual((await iaas.sweep({ keep: [], minAgeMs: 3_600_000, dryRun: false })).deleted, []);
      }
      assert.equal((await iaas.get(id)).state, "running");
    },
  },
  {
    id: "sweep.claimed-again",
    name: "what is claimed again after it was marked is not deleted, and has to be marked anew",
    run: async ({ iaas }) => {
      const terminated = pretend(iaas, "a");
      await iaas.sweep({ keep: [], ...now });
      await iaas.sweep({ keep: ["a"], ...now });
      const { marked, deleted } = await iaas.sweep({ keep: [], ...now });
      assert.deepEqual([idsOf(marked), deleted, terminated.calls], [["a"], [], 0]);
    },
  },
  {
    id: "sweep.too-much",
    name: "a sweep that would delete so much that it looks like a mistake stops and deletes nothing",
    run: async ({ iaas }) => {
      const terminated = pretend(iaas, "a", "b", "c", "d", "e", "f");
      await iaas.sweep({ keep: [], ...now });
      const report = await iaas.sweep({ keep: [], ...now });
      assert.match(report.stopped ?? "", /6 of 6/);
      assert.deepEqual([report.deleted, terminated.calls], [[], 0]);
    },
  },
  {
    id: "sweep.failed",
    name: "what cannot be deleted now is reported with its reason",
    run: async ({ iaas, launch }) => {
      const { id } = await launch();
      await iaas.sweep({ keep: [], ...now });
      alwaysRefuse(iaas, "_terminate", (context) => new ConflictError("in-use", "somebody needs it", context));
      const { deleted, failed } = await iaas.sweep({ keep: [], ...now });
      assert.ok(!deleted.some((one) => one.id === id));
      assert.match(failed.find((one) => one.id === id)?.reason ?? "", /somebody needs it/);
    },
  },
  {
    id: "sweep.addresses",
    name: "a floating IP that nobody claims is swept, and one that is kept stays",
    needs: on("floatingIps"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("floatingIps"));
      const { floatingIps } = iaas;
      const [kept, unclaimed] = [
        await floatingIps.allocate({ key: key() }),
        await floatingIps.allocate({ key: key() }),
      ];
      for (let pass = 0; pass < 2; pass += 1) await iaas.sweep({ keep: [kept.ownership?.key ?? ""], ...now });
      assert.notEqual(unclaimed.id, kept.id);
      assert.deepEqual(idsOf(await collect(floatingIps.list())), [kept.id]);
    },
  },
  {
    id: "sweep.volumes",
    name: "a volume that nobody claims is swept",
    needs: on("volumes"),
    run: async ({ iaas, key, zone }) => {
      assert.ok(iaas.can("volumes"));
      await iaas.volumes.create({ key: key("volume"), sizeGiB: 1, ...(await zone()) });
      for (let pass = 0; pass < 2; pass += 1) await iaas.sweep({ keep: [], ...now });
      assert.deepEqual(await collect(iaas.volumes.list()), []);
    },
  },
];

/** Instances that only the list knows. */
function pretend(iaas: Iaas, ...ids: readonly string[]): { readonly calls: number } {
  answerPages(iaas, "_list", { items: ids.map((id) => imagined(iaas, id)), marker: null });
  return countHook(iaas, "_terminate");
}
