import {
  type CallContext,
  type Caller,
  ConflictError,
  type Image,
  Images,
  NotFoundError,
  type Ownership,
  type Page,
  type Snapshot,
  type Volume,
  type VolumeSource,
  Volumes,
} from "iaaskit";

import type { FullMemoryCloud } from "./memory-full.ts";
import { pageOf } from "./memory-network.ts";

interface ListInput {
  readonly marker: string | null;
}

export class MemoryVolumes extends Volumes {
  readonly cloud: FullMemoryCloud;

  constructor(caller: Caller, cloud: FullMemoryCloud) {
    super(caller);
    this.cloud = cloud;
  }

  protected override async _create({
    sizeGiB,
    snapshotId,
    zone,
    ownership,
  }: VolumeSource & { readonly ownership: Ownership }): Promise<Volume> {
    const source = [...this.cloud.snapshots.values()].find(({ id }) => id === snapshotId);
    const volume: Volume = {
      id: `vol-${this.cloud.nextNumber()}`,
      sizeGiB: sizeGiB ?? this.cloud.sizes.get(source?.id ?? "") ?? 1,
      zone,
      state: "available",
      attachment: null,
      createdAt: new Date(),
      ownership,
    };
    this.cloud.volumes.set(volume.id, volume);
    return await Promise.resolve(volume);
  }

  protected override async _get({ volumeId }: { readonly volumeId: string }, context: CallContext): Promise<Volume> {
    const volume = this.cloud.volumes.get(volumeId);
    if (volume === undefined) throw new NotFoundError(`no ${volumeId}`, context);
    return await Promise.resolve(volume);
  }

  protected override async _list({ marker }: ListInput): Promise<Page<Volume>> {
    return await Promise.resolve(pageOf(this.cloud, this.cloud.volumes.values(), marker));
  }

  protected override async _attach(
    input: { readonly volume: Volume; readonly instanceId: string; readonly device: string | null },
    context: CallContext,
  ): Promise<void> {
    const volume = await this._get({ volumeId: input.volume.id }, context);
    if (volume.attachment !== null) throw new ConflictError("in-use", `${volume.id} is attached`, context);
    const attachment = { instanceId: input.instanceId, device: input.device ?? "/dev/sdf" };
    this.cloud.volumes.set(volume.id, { ...volume, state: "in-use", attachment });
  }

  protected override async _detach(
    { volume: { id } }: { readonly volume: Volume },
    context: CallContext,
  ): Promise<void> {
    const volume = await this._get({ volumeId: id }, context);
    if (volume.attachment === null) throw new ConflictError("wrong-state", `${id} is not attached`, context);
    this.cloud.volumes.set(id, { ...volume, state: "available", attachment: null });
  }

  protected override async _delete({ volume }: { readonly volume: Volume }): Promise<void> {
    this.cloud.volumes.delete(volume.id);
    await Promise.resolve();
  }

  protected override async _guestDeviceName({
    attachment,
  }: {
    readonly attachment: NonNullable<Volume["attachment"]>;
  }): Promise<string> {
    return await Promise.resolve(attachment.device.replace("/sd", "/xvd"));
  }

  protected override async _snapshot({
    volume,
    ownership,
  }: {
    readonly volume: Volume;
    readonly ownership: Ownership;
  }): Promise<Snapshot> {
    const id = `snap-${this.cloud.nextNumber()}`;
    const snapshot: Snapshot = { id, volumeId: volume.id, state: "available", createdAt: new Date(), ownership };
    this.cloud.sizes.set(id, volume.sizeGiB);
    this.cloud.snapshots.set(id, snapshot);
    return await Promise.resolve(snapshot);
  }

  protected override async _listSnapshots({ marker }: ListInput): Promise<Page<Snapshot>> {
    return await Promise.resolve(pageOf(this.cloud, this.cloud.snapshots.values(), marker));
  }

  protected override async _deleteSnapshot({ snapshot }: { readonly snapshot: Snapshot }): Promise<void> {
    this.cloud.snapshots.delete(snapshot.id);
    await Promise.resolve();
  }
}

export class MemoryImages extends Images {
  readonly cloud: FullMemoryCloud;

  constructor(caller: Caller, cloud: FullMemoryCloud) {
    super(caller);
    this.cloud = cloud;
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<Image> {
    const image = this.cloud.images.get(id);
    if (image === undefined) throw new NotFoundError(`no ${id}`, context);
    return await Promise.resolve(image);
  }

  protected override async _find({ marker }: ListInput): Promise<Page<Image>> {
    return await Promise.resolve(pageOf(this.cloud, this.cloud.images.values(), marker));
  }

  protected override async _list(input: ListInput): Promise<Page<Image>> {
    return await this._find(input);
  }

  protected override async _create({
    name,
    ownership,
  }: {
    readonly name: string;
    readonly ownership: Ownership;
  }): Promise<Image> {
    const id = `img-${this.cloud.nextNumber()}`;
    const image: Image = { id, name, state: "available", architecture: null, createdAt: new Date(), ownership };
    this.cloud.images.set(id, image);
    return await Promise.resolve(image);
  }

  protected override async _delete({ image }: { readonly image: Image }): Promise<void> {
    this.cloud.images.delete(image.id);
    await Promise.resolve();
  }

  protected override async _setVisibility(): Promise<void> {
    await Promise.resolve();
  }
}
