import assert from "node:assert/strict";

import type { Catalog } from "../../iaas/catalog.ts";
import type { InvalidInputError } from "../../iaas/errors.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { refusal, rejection } from "../expectations.ts";
import { countHook } from "../hook-faults.ts";
import { both, on, where } from "../needs.ts";

const zones = both(
  on("catalog"),
  where("placement.zone on", ({ placement }) => placement.zone),
);
const hosts = both(
  on("catalog"),
  where("placement.host on", ({ placement }) => placement.host),
);
const catalogOf = (iaas: object): Catalog => Reflect.get(iaas, "catalog") as Catalog;

/** Where instances may run. */
export const partitions: readonly Behaviour[] = [
  {
    id: "partition.region",
    name: "a partition of another region is refused, naming the region",
    run: async ({ iaas }) => {
      const validate = async (): Promise<void> => await iaas.validatePartition({ region: "no-such-region" });
      const error = await refusal(iaas, validate, "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "partition.region");
    },
  },
  {
    id: "partition.zone",
    name: "a zone that does not exist is refused, naming the zone",
    run: async ({ iaas }) => {
      const error = await rejection(iaas.validatePartition({ zone: "no-such-zone" }), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "partition.zone");
    },
  },
  {
    id: "partition.host",
    name: "a host that does not exist is refused, naming the host",
    needs: hosts,
    run: async ({ iaas }) => {
      const error = await rejection(iaas.validatePartition({ host: "no-such-host" }), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "partition.host");
    },
  },
  {
    id: "partition.launch",
    name: "a launch in a zone that does not exist is refused, and no request to launch is sent",
    needs: zones,
    run: async ({ iaas, launchOptions }) => {
      const launches = countHook(iaas, "_launch");
      const partition = { zone: ["no-such-zone"] };
      const error = await rejection(iaas.launch(launchOptions({ partition })), "IAAS_INVALID_INPUT");
      assert.deepEqual([(error as InvalidInputError).field, launches.calls], ["partition.zone", 0]);
    },
  },
  {
    id: "partition.placed",
    name: "an instance is in the zone that was asked for",
    needs: zones,
    run: async ({ iaas, launch }) => {
      const zone = (await collect(catalogOf(iaas).zones())).at(-1)?.id ?? "";
      assert.equal((await launch({ partition: { zone } })).placement.zone, zone);
    },
  },
  {
    id: "partition.remembered",
    name: "zones are asked for once in a while, not for each launch",
    needs: zones,
    run: async ({ iaas }) => {
      const zone = (await collect(catalogOf(iaas).zones()))[0]?.id ?? "";
      const asked = countHook(catalogOf(iaas), "_zones");
      await Promise.all([1, 2, 3].map(async () => await iaas.validatePartition({ zone })));
      const { calls } = asked;
      await iaas.validatePartition({ zone });
      assert.equal(asked.calls, calls);
    },
  },
  {
    id: "partition.anywhere",
    name: "a partition that names nothing is valid",
    run: async ({ iaas }) => {
      await iaas.validatePartition({});
    },
  },
];
