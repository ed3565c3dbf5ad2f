import type { CallContext, Caller } from "../../iaas/call.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { ownerTag, tagsOf } from "../../iaas/ownership.ts";
import { Remembered } from "../../iaas/remembered.ts";
import { type Snapshot, type Volume, Volumes, type VolumeSource } from "../../iaas/volumes.ts";
import { pathOf } from "../../transport/paths.ts";
import type { OpenStackClient } from "./client.ts";
import { type CinderSnapshot, type CinderVolume, toSnapshot, toVolume } from "./mappers.ts";
import { pageOf } from "./pages.ts";

interface CinderZone {
  readonly zoneName: string;
}

/** QEMU gives a disk the beginning of the volume's id as its serial number. */
const serialLength = 20;

/** Cinder's volumes. */
export class OpenStackVolumes extends Volumes {
  readonly #client: OpenStackClient;
  readonly #zones: Remembered<readonly CinderZone[]>;

  constructor(caller: Caller, client: OpenStackClient) {
    super(caller);
    this.#client = client;
    this.#zones = new Remembered(caller.clock);
  }

  protected override async _create(
    { sizeGiB, snapshotId, zone, ownership }: VolumeSource & { readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Volume> {
    const isZone = zone !== null && (await this.#has(zone, context));
    const volume = {
      name: ownership.key,
      metadata: tagsOf(ownership),
      ...(sizeGiB === null ? {} : { size: sizeGiB }),
      ...(snapshotId === null ? {} : { snapshot_id: snapshotId }),
      ...(isZone ? { availability_zone: zone } : {}),
    };
    const request = { method: "POST", path: "/volumes", body: { volume } } as const;
    return { ...toVolume(await this.#client.field<CinderVolume>("volume", request, "volume", context)), ownership };
  }

  protected override async _get({ volumeId }: { readonly volumeId: string }, context: CallContext): Promise<Volume> {
    const request = { path: pathOf`/volumes/${volumeId}` };
    return toVolume(await this.#client.field<CinderVolume>("volume", request, "volume", context));
  }

  /** Without what is being deleted already. */
  protected override async _list(
    { owner, marker }: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Volume>> {
    const list = { service: "volume", path: "/volumes/detail", field: "volumes", marker } as const;
    const request = { ...list, query: { metadata: metadataFilter(owner) } };
    const page = await pageOf<CinderVolume>(this.#client, request, ({ id }) => id, context);
    return { ...page, items: page.items.map(toVolume).filter(({ state }) => state !== "deleting") };
  }

  /** @see https://docs.openstack.org/api-ref/compute/#attach-a-volume-to-an-instance */
  protected override async _attach(
    input: { readonly volume: Volume; readonly instanceId: string; readonly device: string | null },
    context: CallContext,
  ): Promise<void> {
    const { volume, instanceId, device } = input;
    const path = pathOf`/servers/${instanceId}/os-volume_attachments`;
    const place = device === null ? {} : { device };
    const body = { volumeAttachment: { volumeId: volume.id, ...place } };
    await this.#client.request("compute", { method: "POST", path, body }, context);
  }

  protected override async _detach(
    input: { readonly volume: Volume; readonly attachment: NonNullable<Volume["attachment"]> },
    context: CallContext,
  ): Promise<void> {
    const { volume, attachment } = input;
    const path = pathOf`/servers/${attachment.instanceId}/os-volume_attachments/${volume.id}`;
    await this.#client.request("compute", { method: "DELETE", path }, context);
  }

  protected override async _delete({ volume }: { readonly volume: Volume }, context: CallContext): Promise<void> {
    await this.#client.request("volume", { method: "DELETE", path: pathOf`/volumes/${volume.id}` }, context);
  }

  /** A guest names virtio disks in any order; the serial number is the volume's. Others are named as Nova says. */
  protected override async _guestDeviceName(input: {
    readonly volume: Volume;
    readonly attachment: NonNullable<Volume["attachment"]>;
  }): Promise<string> {
    const { volume, attachment } = input;
    const isVirtio = attachment.device.startsWith("/dev/vd");
    const name = isVirtio ? `/dev/disk/by-id/virtio-${volume.id.slice(0, serialLength)}` : attachment.device;
    return await Promise.resolve(name);
  }

  /** Of an attached volume too: what the guest has not yet written is not in it. */
  protected override async _snapshot(
    { volume, ownership }: { readonly volume: Volume; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Snapshot> {
    const snapshot = { volume_id: volume.id, name: ownership.key, force: true, metadata: tagsOf(ownership) };
    const request = { method: "POST", path: "/snapshots", body: { snapshot } } as const;
    const created = await this.#client.field<CinderSnapshot>("volume", request, "snapshot", context);
    return { ...toSnapshot(created), ownership };
  }

  protected override async _listSnapshots(
    { marker }: { readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Snapshot>> {
    const request = { service: "volume", path: "/snapshots/detail", field: "snapshots", marker } as const;
    const page = await pageOf<CinderSnapshot>(this.#client, request, ({ id }) => id, context);
    const kept = page.items.filter(({ status }) => status !== "deleting");
    return { ...page, items: kept.map(toSnapshot) };
  }

  protected override async _deleteSnapshot(
    { snapshot }: { readonly snapshot: Snapshot },
    context: CallContext,
  ): Promise<void> {
    await this.#client.request("volume", { method: "DELETE", path: pathOf`/snapshots/${snapshot.id}` }, context);
  }

  /** Cinder has zones of its own, and refuses one of Nova's that it has not. */
  async #has(zone: string, context: CallContext): Promise<boolean> {
    const zones = await this.#zones.get("all", async () => {
      const request = { path: "/os-availability-zone" };
      return await this.#client.field<CinderZone[]>("volume", request, "availabilityZoneInfo", context);
    });
    return zones.some(({ zoneName }) => zoneName === zone);
  }
}

/** Cinder reads a filter by metadata as a dictionary of Python's. */
function metadataFilter(owner: string): string {
  return `{'${ownerTag}': '${owner}'}`;
}
