import { randomBytes } from "node:crypto";
import { cp, mkdir, readlink, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";

import type { CallContext, Caller } from "../../iaas/call.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../../iaas/errors.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { type Snapshot, type Volume, Volumes, type VolumeSource } from "../../iaas/volumes.ts";
import type { LocalClient } from "./client.ts";
import { errorCode } from "./errors.ts";
import { toSnapshot, toVolume } from "./mappers.ts";
import type { SnapshotRecord, VolumeRecord } from "./model.ts";

/** Volumes as folders; an attached one is a link in the instance's folder. Their size is noted, not enforced. */
export class LocalVolumes extends Volumes {
  readonly #client: LocalClient;

  constructor(caller: Caller, client: LocalClient) {
    super(caller);
    this.#client = client;
  }

  protected override async _create(
    { sizeGiB, snapshotId, ownership }: VolumeSource & { readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Volume> {
    const snapshot = snapshotId === null ? null : await this.#snapshot(snapshotId, context);
    const id = `vol-${randomBytes(8).toString("hex")}`;
    const size = sizeGiB ?? snapshot?.sizeGiB ?? 1;
    const createdAt = new Date().toISOString();
    const record: VolumeRecord = { id, sizeGiB: size, createdAt, ownership, attachment: null };
    await this.#client.store.createFolder("volumes", id, record, async (folder) => {
      if (snapshot === null) await mkdir(join(folder, "data"));
      else await cp(this.#dataOf("snapshots", snapshot.id), join(folder, "data"), { recursive: true });
    });
    return toVolume(record);
  }

  protected override async _get({ volumeId }: { readonly volumeId: string }, context: CallContext): Promise<Volume> {
    return toVolume(await this.#record(volumeId, context));
  }

  protected override async _list(): Promise<Page<Volume>> {
    const records = await this.#client.store.list<VolumeRecord>("volumes");
    return {
      items: await Promise.all(records.map(async (record) => toVolume(await this.#current(record)))),
      marker: null,
    };
  }

  protected override async _attach(
    input: { readonly volume: Volume; readonly instanceId: string; readonly device: string | null },
    context: CallContext,
  ): Promise<void> {
    const { volume, instanceId } = input;
    await this.#client.get(instanceId, context);
    const record = await this.#record(volume.id, context);
    if (record.attachment !== null && record.attachment.instanceId !== instanceId) {
      throw new ConflictError("in-use", `${volume.id} is attached to ${record.attachment.instanceId}`, context);
    }
    const device = input.device ?? volume.id;
    const link = this.#linkOf(instanceId, device);
    await mkdir(join(this.#client.folderOf(instanceId), "volumes"), { recursive: true });
    await symlink(this.#dataOf("volumes", volume.id), link).catch(async (error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
      if ((await readlink(link)) === this.#dataOf("volumes", volume.id)) return;
      throw new InvalidInputError("device", `is ${device}, where another volume is`, context);
    });
    await this.#client.store.update("volumes", volume.id, { ...record, attachment: { instanceId, device } });
  }

  protected override async _detach(
    input: { readonly volume: Volume; readonly attachment: NonNullable<Volume["attachment"]> },
    context: CallContext,
  ): Promise<void> {
    const { volume, attachment } = input;
    await rm(this.#linkOf(attachment.instanceId, attachment.device), { force: true });
    const record = await this.#record(volume.id, context);
    await this.#client.store.update("volumes", volume.id, { ...record, attachment: null });
  }

  protected override async _delete({ volume }: { readonly volume: Volume }): Promise<void> {
    await this.#client.store.remove("volumes", volume.id);
  }

  protected override async _guestDeviceName(input: {
    readonly attachment: NonNullable<Volume["attachment"]>;
  }): Promise<string> {
    const { instanceId, device } = input.attachment;
    return await Promise.resolve(this.#linkOf(instanceId, device));
  }

  protected override async _snapshot({
    volume,
    ownership,
  }: {
    readonly volume: Volume;
    readonly ownership: Ownership;
  }): Promise<Snapshot> {
    const id = `snap-${randomBytes(8).toString("hex")}`;
    const createdAt = new Date().toISOString();
    const record: SnapshotRecord = { id, volumeId: volume.id, sizeGiB: volume.sizeGiB, createdAt, ownership };
    await this.#client.store.createFolder("snapshots", id, record, async (folder) => {
      await cp(this.#dataOf("volumes", volume.id), join(folder, "data"), { recursive: true });
    });
    return toSnapshot(record);
  }

  protected override async _listSnapshots(): Promise<Page<Snapshot>> {
    const records = await this.#client.store.list<SnapshotRecord>("snapshots");
    return { items: records.map(toSnapshot), marker: null };
  }

  protected override async _deleteSnapshot({ snapshot }: { readonly snapshot: Snapshot }): Promise<void> {
    await this.#client.store.remove("snapshots", snapshot.id);
  }

  #dataOf(kind: "volumes" | "snapshots", id: string): string {
    return this.#client.store.path(kind, id, "data");
  }

  /** The link by which the instance reaches the volume; of a device like `/dev/sdf` the last part counts. */
  #linkOf(instanceId: string, device: string): string {
    return join(this.#client.folderOf(instanceId), "volumes", basename(device));
  }

  async #record(id: string, context: CallContext): Promise<VolumeRecord> {
    const record = /^vol-[0-9a-f]{16}$/.test(id) ? await this.#client.store.read<VolumeRecord>("volumes", id) : null;
    if (record === null) throw new NotFoundError(`there is no volume ${id}`, context);
    return await this.#current(record);
  }

  /** An attachment ends with its instance. */
  async #current(record: VolumeRecord): Promise<VolumeRecord> {
    if (record.attachment === null) return record;
    const { instanceId } = record.attachment;
    const isThere = (await this.#client.list()).some(({ id }) => id === instanceId);
    return isThere ? record : { ...record, attachment: null };
  }

  async #snapshot(id: string, context: CallContext): Promise<SnapshotRecord> {
    const isId = /^snap-[0-9a-f]{16}$/.test(id);
    const record = isId ? await this.#client.store.read<SnapshotRecord>("snapshots", id) : null;
    if (record === null) throw new NotFoundError(`there is no snapshot ${id}`, context);
    return record;
  }
}
