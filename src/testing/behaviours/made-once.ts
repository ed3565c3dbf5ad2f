import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { Behaviour, Trial } from "../behaviour.ts";
import { idsOf } from "../expectations.ts";
import { loseAnswer } from "../hook-faults.ts";
import { anyOn } from "../needs.ts";

type Listed = AsyncGenerator<{ readonly id: string }>;
type Made = Promise<{ readonly id: string }>;

/** Makes one thing of each kind that a facet makes for a key, with the hook that makes it and the list that shows it. */
async function makers(
  { iaas, key, zone }: Trial,
  timeoutMs: number,
): Promise<{ facet: object; hook: `_${string}`; make: () => Made; list: () => Listed }[]> {
  const found = [];
  if (iaas.can("floatingIps")) {
    const { floatingIps } = iaas;
    const wanted = { key: key("address"), timeoutMs };
    found.push({
      facet: floatingIps,
      hook: "_allocate" as const,
      list: (): Listed => floatingIps.list(),
      make: async () => await floatingIps.allocate(wanted),
    });
  }
  if (iaas.can("securityGroups")) {
    const { securityGroups } = iaas;
    const wanted = { name: key("group"), timeoutMs };
    found.push({
      facet: securityGroups,
      hook: "_create" as const,
      list: (): Listed => securityGroups.list(),
      make: async () => await securityGroups.ensure(wanted),
    });
  }
  if (iaas.can("volumes")) {
    const { volumes } = iaas;
    const wanted = { key: key("volume"), sizeGiB: 1, timeoutMs, ...(await zone()) };
    found.push({
      facet: volumes,
      hook: "_create" as const,
      list: (): Listed => volumes.list(),
      make: async () => await volumes.create(wanted),
    });
  }
  return found;
}

/** Addresses, groups and volumes: one for a key, whatever gets lost. */
export const madeOnce: readonly Behaviour[] = [
  {
    id: "facets.lost-answer",
    name: "an address, a group or a volume whose creation was not answered is made once",
    needs: anyOn("floatingIps", "securityGroups", "volumes"),
    run: async (trial) => {
      const { iaas } = trial;
      // Long enough to wait until the cloud would show what it may have made.
      const made = await makers(trial, iaas.capabilities.visibilityLagMs + 60_000);
      const each = async ({ facet, hook, make, list }: (typeof made)[number]): Promise<void> => {
        loseAnswer(facet, hook);
        const { id } = await make();
        assert.deepEqual(idsOf(await collect(list())), [id]);
      };
      await Promise.all(made.map(each));
    },
  },
  {
    id: "facets.parallel",
    name: "an address, a group or a volume that is asked for in parallel with one key is made once",
    needs: anyOn("floatingIps", "securityGroups", "volumes"),
    run: async (trial) => {
      for (const { make, list } of await makers(trial, 60_000)) {
        const ids = new Set(idsOf(await Promise.all([make(), make(), make()])));
        assert.equal(ids.size, 1);
        assert.deepEqual(idsOf(await collect(list())), [...ids]);
      }
    },
  },
];
