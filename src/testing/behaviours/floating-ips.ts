import assert from "node:assert/strict";

import type { FloatingIp } from "../../iaas/floating-ips.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { refusedField, rejection } from "../expectations.ts";
import { changeHook, countHook, loseAnswer } from "../hook-faults.ts";
import { on } from "../needs.ts";

/** An address of a block that is kept for documents. */
const unknownAddress = "192.0.2.77";

/** Public addresses that can be moved. */
export const floatingIps: readonly Behaviour[] = [
  {
    id: "floating-ips.life",
    name: "a floating IP is allocated once for a key, leads to an instance, and is given back",
    needs: on("floatingIps"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("floatingIps"));
      const { floatingIps: ips } = iaas;
      const wanted = key();
      const [first, again] = [await ips.allocate({ key: wanted }), await ips.allocate({ key: wanted })];
      assert.equal(again.address, first.address);
      const { id } = await launch();
      await ips.associate({ instanceId: id, address: first.address });
      assert.ok((await iaas.get(id)).addresses.public.includes(first.address));
      await ips.disassociate({ address: first.address });
      await ips.disassociate({ address: first.address });
      assert.equal((await collect(ips.list()))[0]?.instanceId, null);
      await ips.release({ address: first.address });
      await ips.release({ address: first.address });
      assert.deepEqual(await collect(ips.list()), []);
    },
  },
  {
    id: "floating-ips.foreign",
    name: "a floating IP of another owner is neither used nor released",
    needs: on("floatingIps"),
    run: async ({ iaas, stranger, key }) => {
      assert.ok(iaas.can("floatingIps"));
      const other = await stranger();
      assert.ok(other.can("floatingIps"));
      const { address } = await other.floatingIps.allocate({ key: key() });
      await rejection(iaas.floatingIps.release({ address }), "IAAS_PERMISSION_DENIED");
      await rejection(iaas.floatingIps.disassociate({ address }), "IAAS_PERMISSION_DENIED");
      await rejection(iaas.floatingIps.associate({ instanceId: "i-0", address }), "IAAS_PERMISSION_DENIED");
      assert.deepEqual(await collect(iaas.floatingIps.list()), []);
      assert.equal((await collect(other.floatingIps.list())).length, 1);
    },
  },
  {
    id: "floating-ips.brought",
    name: "an address that no iaaskit has reserved is never released",
    needs: on("floatingIps"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("floatingIps"));
      const brought: FloatingIp = { id: "theirs", address: unknownAddress, instanceId: null, ownership: null };
      changeHook<FloatingIp>(iaas.floatingIps, "_get", async () => await Promise.resolve(brought));
      const released = countHook(iaas.floatingIps, "_release");
      await rejection(iaas.floatingIps.release({ address: unknownAddress }), "IAAS_PERMISSION_DENIED");
      assert.equal(released.calls, 0);
    },
  },
  {
    id: "floating-ips.launch",
    name: "a launch with a floating IP has it, and terminating gives it back",
    needs: on("floatingIps"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("floatingIps"));
      const instance = await launch({ floatingIp: true });
      const [floatingIp] = await collect(iaas.floatingIps.list());
      assert.equal(floatingIp?.instanceId, instance.id);
      assert.ok(instance.addresses.public.includes(floatingIp.address));
      await iaas.terminate(instance.id);
      assert.deepEqual(await collect(iaas.floatingIps.list()), []);
    },
  },
  {
    id: "floating-ips.stays",
    name: "an address that a launch was given stays when its instance is terminated",
    needs: on("floatingIps"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("floatingIps"));
      const { address } = await iaas.floatingIps.allocate({ key: key("brought") });
      const { id, addresses } = await launch({ floatingIp: address });
      assert.ok(addresses.public.includes(address));
      await iaas.terminate(id);
      assert.deepEqual(
        (await collect(iaas.floatingIps.list())).map((ip) => ip.address),
        [address],
      );
    },
  },
  {
    id: "floating-ips.claims",
    name: "of two processes that claim the only free address at once one gets it, and the other is told that none is left",
    needs: on("floatingIps"),
    run: async ({ iaas, twin, launch, key }) => {
      const other = await twin();
      assert.ok(iaas.can("floatingIps") && other.can("floatingIps"));
      const { floatingIps: ips } = iaas;
      const processes = [ips, other.floatingIps];
      const instances = await Promise.all(processes.map(async () => await launch()));
      const { address } = await ips.allocate({ key: key() });
      meetBefore("_associate", processes);
      const claims = await Promise.allSettled(
        processes.map(async (one, index) => await one.associate({ instanceId: instances[index]?.id ?? "" })),
      );
      const [given] = claims.flatMap((claim) => (claim.status === "fulfilled" ? [claim.value] : []));
      const [refused] = claims.flatMap((claim) => (claim.status === "rejected" ? [claim.reason as Error] : []));
      assert.equal(given?.address, address);
      await rejection(Promise.reject(refused ?? new Error("both got it")), "IAAS_INSUFFICIENT_CAPACITY");

      const loser = instances.find(({ id }) => id !== given.instanceId);
      assert.ok(loser !== undefined);
      const taken = await rejection(ips.associate({ instanceId: loser.id, address }), "IAAS_CONFLICT");
      assert.ok(taken.code === "IAAS_CONFLICT" && taken.reason === "in-use");
      await ips.associate({ instanceId: loser.id, address, move: true });
      assert.equal((await collect(ips.list()))[0]?.instanceId, loser.id);
    },
  },
  {
    id: "floating-ips.lost-association",
    name: "an association whose answer is lost is no conflict with itself",
    needs: on("floatingIps"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("floatingIps"));
      const { id } = await launch();
      const { address } = await iaas.floatingIps.allocate({ key: key() });
      loseAnswer(iaas.floatingIps, "_associate");
      assert.equal((await iaas.floatingIps.associate({ instanceId: id, address })).instanceId, id);
      assert.ok((await iaas.get(id)).addresses.public.includes(address));
    },
  },
  {
    id: "floating-ips.unknown",
    name: "an address that the account has not is NotFound, and released already",
    needs: on("floatingIps"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("floatingIps"));
      const address = unknownAddress;
      await rejection(iaas.floatingIps.associate({ instanceId: "i-0", address }), "IAAS_NOT_FOUND");
      await rejection(iaas.floatingIps.disassociate({ address }), "IAAS_NOT_FOUND");
      await iaas.floatingIps.release({ address });
    },
  },
  {
    id: "floating-ips.input",
    name: "a key, an instance or an address that is none is refused before any request",
    needs: on("floatingIps"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("floatingIps"));
      const { floatingIps: ips } = iaas;
      await refusedField(iaas, async () => await ips.allocate({ key: "" }), "key");
      await refusedField(iaas, async () => await ips.associate({ instanceId: "" }), "instanceId");
      await refusedField(iaas, async () => await ips.release({ address: "" }), "address");
    },
  },
];

/** Lets the first call of a hook wait until each of the others has been called too. */
function meetBefore(hook: `_${string}`, targets: readonly object[]): void {
  let missing = targets.length;
  let go = (): void => undefined;
  const met = new Promise<void>((resolve) => (go = resolve));
  for (const target of targets) {
    changeHook<unknown>(target, hook, async (perform) => {
      missing -= 1;
      if (missing === 0) go();
      await met;
      return await perform();
    });
  }
}
