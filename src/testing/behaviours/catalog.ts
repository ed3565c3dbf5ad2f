import assert from "node:assert/strict";

import { AuthenticationError } from "../../iaas/errors.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, refusedField, rejection } from "../expectations.ts";
import { answerPages, launchInputOf } from "../hook-faults.ts";
import { on } from "../needs.ts";

/** What the cloud offers, and where. */
export const catalog: readonly Behaviour[] = [
  {
    id: "catalog.sizes",
    name: "the smallest size that meets a requirement does, and none is NotFound",
    needs: on("catalog"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("catalog"));
      const { catalog: offered } = iaas;
      const all = await collect(offered.sizes());
      const architecture = all[0]?.architectures[0];
      const size = await offered.findSize({ minCpus: 1, minMemoryMiB: 512, architecture });
      const fitting = all.filter(
        (one) => one.cpus >= 1 && one.memoryMiB >= 512 && one.architectures.some((a) => a === architecture),
      );
      assert.ok(fitting.every(({ cpus }) => cpus >= size.cpus));
      assert.ok(idsOf(fitting).includes(size.id));
      await rejection(offered.findSize({ minCpus: 1e6, minMemoryMiB: 1 }), "IAAS_NOT_FOUND");
      await rejection(offered.findSize({ minCpus: 0, minMemoryMiB: 1 }), "IAAS_INVALID_INPUT");
    },
  },
  {
    id: "catalog.size-facts",
    name: "every size has an id of its own, processors, memory and an architecture",
    needs: on("catalog"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("catalog"));
      const sizes = await collect(iaas.catalog.sizes());
      assert.ok(sizes.length > 0);
      assert.equal(new Set(idsOf(sizes)).size, sizes.length);
      const odd = sizes.filter(
        ({ id, cpus, memoryMiB, architectures }) =>
          id === "" || !(cpus > 0) || !(memoryMiB > 0) || architectures.length === 0,
      );
      assert.deepEqual(odd, []);
    },
  },
  {
    id: "catalog.requirement",
    name: "a launch that names a requirement is sent with a size of the catalog that meets it",
    needs: on("catalog"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("catalog"));
      const { value: offered } = await iaas.catalog.sizes().next();
      const size = { minCpus: 1, minMemoryMiB: 256, architecture: offered?.architectures[0] };
      const { size: sent } = await launchInputOf(iaas, launchOptions({ size }));
      assert.equal(sent, (await iaas.catalog.findSize(size)).id);
      const none = { minCpus: 0, minMemoryMiB: 1 };
      await refusedField(iaas, async () => await iaas.launch(launchOptions({ size: none })), "size.minCpus");
    },
  },
  {
    id: "catalog.places",
    name: "there are regions, and zones in them",
    needs: on("catalog"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("catalog"));
      const regions = new Set((await collect(iaas.catalog.regions())).map(({ id }) => id));
      const zones = await collect(iaas.catalog.zones());
      assert.ok(zones.length > 0);
      assert.ok(zones.every(({ region }) => regions.has(region)));
    },
  },
  {
    id: "catalog.hosts",
    name: "hosts, where the cloud tells of any, are in its zones",
    needs: on("catalog"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("catalog"));
      const zones = new Set((await collect(iaas.catalog.zones())).map(({ id }) => id));
      const hosts = await collect(iaas.catalog.hosts());
      assert.ok(hosts.every(({ zone }) => zones.has(zone)));
    },
  },
  {
    id: "catalog.lists",
    name: "the lists of the catalog are lazy and complete, and fail with a page",
    needs: on("catalog"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("catalog"));
      const { catalog: offered } = iaas;
      const fail = (): never => {
        throw new AuthenticationError("expired", { provider: iaas.provider, operation: "catalog" });
      };
      const [first, last] = [
        { items: [{ id: "a" }], marker: "1" },
        { items: [{ id: "b" }], marker: null },
      ];
      const lazy = answerPages(offered, "_regions", first, last);
      await offered.regions().next();
      assert.equal(lazy.calls, 1);
      answerPages(offered, "_regions", first, last);
      assert.deepEqual(idsOf(await collect(offered.regions())), ["a", "b"]);
      answerPages(offered, "_zones", first, fail);
      await rejection(collect(offered.zones()), "IAAS_AUTHENTICATION");
      answerPages(offered, "_hosts", first);
      await rejection(collect(offered.hosts()), "IAAS_UNAVAILABLE");
    },
  },
];
