import assert from "node:assert/strict";

import {
  ConflictError,
  InsufficientCapacityError,
  ProviderFailureError,
  QuotaExceededError,
} from "../../iaas/errors.ts";
import { collect } from "../../iaas/iteration.ts";
import type { FoundInstance } from "../../iaas/model.ts";
import type { LaunchInput } from "../../iaas/launcher.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, rejection } from "../expectations.ts";
import { alwaysRefuse, changeHook, countHook, refuseHook } from "../hook-faults.ts";
import { both, on, where } from "../needs.ts";

/** What happens to the rest when a part of a launch or an end fails. */
export const partial: readonly Behaviour[] = [
  {
    id: "launch.next-zone",
    name: "a launch goes on to the next zone when the first one is full, with another token",
    needs: both(
      on("catalog"),
      where("placement.zone on", ({ placement }) => placement.zone),
    ),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("catalog"));
      const zones = (await collect(iaas.catalog.zones())).map(({ id }) => id);
      const [first = "", second = first] = zones;
      const inputs: LaunchInput[] = [];
      changeHook<FoundInstance, LaunchInput>(iaas, "_launch", async (perform, input, context) => {
        inputs.push(input);
        if (inputs.length === 1) throw new InsufficientCapacityError("no room", context);
        return await perform();
      });
      const instance = await iaas.launch(launchOptions({ partition: { zone: [first, second] }, until: "running" }));
      assert.equal(instance.placement.zone, second);
      assert.equal(new Set(inputs.map(({ token }) => token)).size, 2);
      assert.equal((await collect(iaas.list())).length, 1);
    },
  },
  {
    id: "launch.undone",
    name: "a launch whose address cannot be had leaves neither instance nor address",
    needs: on("floatingIps"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("floatingIps"));
      alwaysRefuse(iaas.floatingIps, "_associate", (context) => new ProviderFailureError("it broke", context));
      await rejection(iaas.launch(launchOptions({ floatingIp: true })), "IAAS_PROVIDER_FAILURE");
      assert.deepEqual(await collect(iaas.list()), []);
      assert.deepEqual(await collect(iaas.floatingIps.list()), []);
    },
  },
  {
    id: "launch.undone-volume",
    name: "a launch whose volume cannot be attached leaves neither instance nor volume",
    needs: on("volumes"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("volumes"));
      alwaysRefuse(iaas.volumes, "_attach", (context) => new QuotaExceededError("enough disks", context));
      await rejection(iaas.launch(launchOptions({ volumes: [{ sizeGiB: 1 }] })), "IAAS_QUOTA_EXCEEDED");
      assert.deepEqual(await collect(iaas.list()), []);
      const live = (await collect(iaas.volumes.list())).filter(({ state }) => state !== "deleting");
      assert.deepEqual(live, []);
    },
  },
  {
    id: "launch.not-undone",
    name: "a launch that cannot be undone names what exists, and ending its key removes that",
    needs: on("floatingIps"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("floatingIps"));
      const options = launchOptions({ floatingIp: true });
      alwaysRefuse(iaas.floatingIps, "_associate", (context) => new ProviderFailureError("it broke", context));
      refuseHook(iaas.floatingIps, "_release", (context) => new ProviderFailureError("it broke too", context));
      const error = await rejection(iaas.launch(options), "IAAS_PARTIAL_FAILURE", "IAAS_PROVIDER_FAILURE");
      const left = await collect(iaas.floatingIps.list());
      assert.equal(left.length, 1);
      assert.ok(
        error.created.some(({ kind, id }) => kind === "floating-ip" && id === left[0]?.id),
        JSON.stringify(error.created),
      );
      await iaas.terminate({ key: options.key });
      assert.deepEqual(await collect(iaas.floatingIps.list()), []);
    },
  },
  {
    id: "launch.adopted-stays",
    name: "an instance that was there before is not ended because its address cannot be had",
    needs: on("floatingIps"),
    run: async ({ iaas, twin, launchOptions }) => {
      assert.ok(iaas.can("floatingIps"));
      const options = launchOptions({ floatingIp: true });
      const { id } = await iaas.launch(options);
      const [{ address } = { address: "" }] = await collect(iaas.floatingIps.list());
      await iaas.floatingIps.disassociate({ address });
      const other = await twin();
      assert.ok(other.can("floatingIps"));
      alwaysRefuse(other.floatingIps, "_associate", (context) => new ProviderFailureError("it broke", context));
      await rejection(other.launch(options));
      assert.equal((await iaas.get(id)).state, "running");
      assert.deepEqual((await iaas.launch(options)).addresses.public.includes(address), true);
    },
  },
  {
    id: "terminate.partly",
    name: "a part that cannot be removed does not keep the others, and the error names it",
    needs: on("floatingIps", "volumes"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("floatingIps") && iaas.can("volumes"));
      const { id } = await launch({ floatingIp: true, volumes: [{ sizeGiB: 1 }] });
      const refused = (context: ConstructorParameters<typeof ConflictError>[2]): unknown =>
        new ProviderFailureError("it broke", context);
      refuseHook(iaas.floatingIps, "_release", refused);
      const error = await rejection(iaas.terminate(id), "IAAS_PARTIAL_FAILURE");
      const left = await collect(iaas.floatingIps.list());
      assert.deepEqual(idsOf(error.created), idsOf(left));
      const live = (await collect(iaas.volumes.list())).filter(({ state }) => state !== "deleting");
      assert.deepEqual([await collect(iaas.list()), live], [[], []]);
      await iaas.terminate({ key: left[0]?.ownership?.key.split("//")[0] ?? "" });
      assert.deepEqual(await collect(iaas.floatingIps.list()), []);
    },
  },
  {
    id: "terminate.group-in-use",
    name: "a security group that still counts as used is asked for again until it goes",
    needs: on("securityGroups"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("securityGroups"));
      const { id } = await launch({ ports: [{ port: 8080 }] });
      const inUse = (context: ConstructorParameters<typeof ConflictError>[2]): unknown =>
        new ConflictError("in-use", "it has members", context);
      const deletes = refuseHook(iaas.securityGroups, "_delete", inUse, inUse);
      await iaas.terminate(id);
      assert.ok(deletes.calls >= 3);
      assert.deepEqual(await collect(iaas.securityGroups.list()), []);
    },
  },
  {
    id: "launch.stays-found",
    name: "a launch whose instance is there asks the cloud for no other",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ until: "running" });
      await iaas.launch(options);
      const launches = countHook(iaas, "_launch");
      await iaas.launch(options);
      assert.equal(launches.calls, 0);
    },
  },
];
