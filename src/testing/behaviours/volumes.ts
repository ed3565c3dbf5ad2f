import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { Volume } from "../../iaas/volumes.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, refusedField, rejection } from "../expectations.ts";
import { changeHook, countHook, loseAnswer } from "../hook-faults.ts";
import { both, on, where } from "../needs.ts";

/** Disks. */
export const volumes: readonly Behaviour[] = [
  {
    id: "volumes.life",
    name: "a volume is created once for a key, attached, detached and deleted",
    needs: on("volumes"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      const instance = await launch();
      const place = instance.placement.zone === null ? {} : { zone: instance.placement.zone };
      const wanted = { key: key("volume"), sizeGiB: 1, ...place };
      const volume = await disks.create(wanted);
      const { id: volumeId } = volume;
      assert.deepEqual([volume.state, volume.sizeGiB, volume.attachment], ["available", 1, null]);
      assert.equal((await disks.create(wanted)).id, volumeId);
      for (let again = 0; again < 2; again += 1) {
        const attached = await disks.attach({ volumeId, instanceId: instance.id });
        assert.equal(attached.attachment?.instanceId, instance.id);
      }
      assert.notEqual(await disks.guestDeviceName({ volumeId }), "");
      const refused = await rejection(disks.delete({ volumeId }), "IAAS_CONFLICT");
      assert.ok(refused.code === "IAAS_CONFLICT" && refused.reason === "in-use");
      for (let again = 0; again < 2; again += 1) assert.equal((await disks.detach({ volumeId })).state, "available");
      await rejection(disks.guestDeviceName({ volumeId }), "IAAS_CONFLICT");
      await disks.delete({ volumeId });
      await disks.delete({ volumeId });
    },
  },
  {
    id: "volumes.launch",
    name: "a launch with a volume has it, and terminating deletes it",
    needs: on("volumes"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("volumes"));
      const { id } = await launch({ volumes: [{ sizeGiB: 1 }] });
      const own = async (): Promise<Volume[]> =>
        (await collect(iaas.volumes.list())).filter(({ ownership }) => ownership?.key.includes("//volume"));
      assert.deepEqual(
        (await own()).map(({ attachment }) => attachment?.instanceId),
        [id],
      );
      await iaas.terminate(id);
      assert.deepEqual(await own(), []);
    },
  },
  {
    id: "volumes.kept",
    name: "a volume that shall stay outlives its instance, and the next launch of the key gets it again",
    needs: on("volumes"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      const options = launchOptions({ volumes: [{ sizeGiB: 1, deleteOnTermination: false }] });
      const own = async (): Promise<Volume[]> =>
        (await collect(disks.list())).filter(({ ownership }) => ownership?.key.includes("//kept-volume"));
      const first = await iaas.launch(options);
      const [kept] = await own();
      await iaas.terminate(first.id);
      assert.deepEqual(idsOf(await own()), [kept?.id]);
      const second = await iaas.launch(options);
      const [again] = await own();
      assert.deepEqual([again?.id, again?.attachment?.instanceId], [kept?.id, second.id]);
    },
  },
  {
    id: "volumes.foreign",
    name: "a volume of another owner is neither listed, nor attached, nor deleted",
    needs: on("volumes"),
    run: async ({ iaas, stranger, key, zone }) => {
      assert.ok(iaas.can("volumes"));
      const other = await stranger();
      assert.ok(other.can("volumes"));
      const { id: volumeId } = await other.volumes.create({ key: key("volume"), sizeGiB: 1, ...(await zone()) });
      const { volumes: disks } = iaas;
      await rejection(disks.delete({ volumeId }), "IAAS_PERMISSION_DENIED");
      await rejection(disks.attach({ volumeId, instanceId: "i-0" }), "IAAS_PERMISSION_DENIED");
      await rejection(disks.detach({ volumeId }), "IAAS_PERMISSION_DENIED");
      assert.deepEqual(await collect(disks.list()), []);
      assert.deepEqual(idsOf(await collect(other.volumes.list())), [volumeId]);
    },
  },
  {
    id: "volumes.brought",
    name: "a volume that no iaaskit has made is never deleted",
    needs: on("volumes"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      const place = { zone: null, attachment: null, createdAt: null, ownership: null } as const;
      const brought: Volume = { id: "theirs", sizeGiB: 1, state: "available", ...place };
      changeHook<Volume>(disks, "_get", async () => await Promise.resolve(brought));
      const deleted = countHook(disks, "_delete");
      await rejection(disks.delete({ volumeId: "theirs" }), "IAAS_PERMISSION_DENIED");
      assert.equal(deleted.calls, 0);
    },
  },
  {
    id: "volumes.slow",
    name: "creating resolves when the volume is available, not when the cloud has begun",
    needs: on("volumes"),
    run: async ({ iaas, key, zone }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      const begin = async (perform: () => Promise<Volume>): Promise<Volume> => ({
        ...(await perform()),
        state: "creating",
      });
      changeHook<Volume>(disks, "_create", begin);
      let asked = 0;
      changeHook<Volume>(disks, "_get", async (perform) => {
        asked += 1;
        return asked < 2 ? await begin(perform) : await perform();
      });
      const volume = await disks.create({ key: key("volume"), sizeGiB: 1, ...(await zone()) });
      assert.deepEqual([volume.state, asked >= 2], ["available", true]);
    },
  },
  {
    id: "volumes.failed",
    name: "a volume that the cloud gives up on rejects",
    needs: on("volumes"),
    run: async ({ iaas, key, zone }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      for (const hook of ["_create", "_get"] as const) {
        changeHook<Volume>(disks, hook, async (perform) => ({ ...(await perform()), state: "failed" }));
      }
      const place = await zone();
      await rejection(disks.create({ key: key("volume"), sizeGiB: 1, ...place }), "IAAS_PROVIDER_FAILURE");
    },
  },
  {
    id: "volumes.lost-attachment",
    name: "attaching and detaching whose answers are lost are no conflicts with themselves",
    needs: on("volumes"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      const { id: instanceId, placement } = await launch();
      const place = placement.zone === null ? {} : { zone: placement.zone };
      const { id: volumeId } = await disks.create({ key: key("volume"), sizeGiB: 1, ...place });
      loseAnswer(disks, "_attach");
      loseAnswer(disks, "_detach");
      assert.equal((await disks.attach({ volumeId, instanceId })).attachment?.instanceId, instanceId);
      assert.equal((await disks.detach({ volumeId })).attachment, null);
    },
  },
  {
    id: "volumes.unknown",
    name: "a volume that does not exist is NotFound, and deleted already",
    needs: on("volumes"),
    run: async ({ iaas, launch, key, zone }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      const { id: volumeId } = await disks.create({ key: key("volume"), sizeGiB: 1, ...(await zone()) });
      await disks.delete({ volumeId });
      await rejection(disks.attach({ volumeId, instanceId: (await launch()).id }), "IAAS_NOT_FOUND");
      await disks.delete({ volumeId });
    },
  },
  {
    id: "volumes.input",
    name: "a volume without a size, or with one that is none, is refused before any request",
    needs: on("volumes"),
    run: async ({ iaas, launchOptions, key }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes: disks } = iaas;
      for (const sizeGiB of [0, 1.5, 65_537, Number.NaN]) {
        await refusedField(iaas, async () => await disks.create({ key: key(), sizeGiB }), "sizeGiB");
        const launch = async (): Promise<unknown> => await iaas.launch(launchOptions({ volumes: [{ sizeGiB }] }));
        await refusedField(iaas, launch, "volumes[0].sizeGiB");
      }
      await refusedField(iaas, async () => await disks.create({ key: key() }), "sizeGiB");
    },
  },
  {
    id: "volumes.zone",
    name: "a volume without a zone is refused before any request where it could be attached nowhere else",
    needs: both(
      on("volumes"),
      where("volumes.zonal", (capabilities) => typeof capabilities.volumes === "object" && capabilities.volumes.zonal),
    ),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("volumes"));
      await refusedField(iaas, async () => await iaas.volumes.create({ key: key(), sizeGiB: 1 }), "zone");
    },
  },
  {
    id: "volumes.snapshot",
    name: "a snapshot keeps a volume once for a key, makes another one, and is deleted",
    needs: on("volumes.snapshots"),
    run: async ({ iaas, key, zone }) => {
      assert.ok(iaas.can("volumes.snapshots"));
      const { volumes: disks } = iaas;
      const place = await zone();
      const volume = await disks.create({ key: key("volume"), sizeGiB: 1, ...place });
      const wanted = { volumeId: volume.id, key: key("snapshot") };
      const snapshot = await disks.snapshot(wanted);
      assert.equal(snapshot.state, "available");
      assert.equal((await disks.snapshot(wanted)).id, snapshot.id);
      const copy = await disks.create({ key: key("copy"), snapshotId: snapshot.id, ...place });
      assert.equal(copy.sizeGiB, 1);
      await disks.delete({ volumeId: copy.id });
      await disks.deleteSnapshot({ snapshotId: snapshot.id });
      await disks.deleteSnapshot({ snapshotId: snapshot.id });
      await disks.delete({ volumeId: volume.id }); // some clouds keep a volume for as long as it has snapshots
      assert.deepEqual(await collect(disks.listSnapshots()), []);
    },
  },
  {
    id: "volumes.foreign-snapshot",
    name: "a snapshot of another owner is neither listed nor deleted",
    needs: on("volumes.snapshots"),
    run: async ({ iaas, stranger, key, zone }) => {
      assert.ok(iaas.can("volumes.snapshots"));
      const other = await stranger();
      assert.ok(other.can("volumes.snapshots"));
      const volume = await other.volumes.create({ key: key("volume"), sizeGiB: 1, ...(await zone()) });
      const { id } = await other.volumes.snapshot({ volumeId: volume.id, key: key("snapshot") });
      await iaas.volumes.deleteSnapshot({ snapshotId: id });
      assert.deepEqual(await collect(iaas.volumes.listSnapshots()), []);
      assert.deepEqual(idsOf(await collect(other.volumes.listSnapshots())), [id]);
    },
  },
];
