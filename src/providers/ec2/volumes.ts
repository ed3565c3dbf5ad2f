import type { CallContext, Caller } from "../../iaas/call.ts";
import { ConflictError, NotFoundError, QuotaExceededError } from "../../iaas/errors.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { launchToken } from "../../iaas/ownership.ts";
import { type Snapshot, type Volume, Volumes, type VolumeSource } from "../../iaas/volumes.ts";
import type { Ec2Client } from "./client.ts";
import { ownedBy, pageOf } from "./filters.ts";
import { tagged, toSnapshot, toVolume } from "./mappers.ts";

/**
 * Names that EC2 recommends for data volumes.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
 */
const devices = ["f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"].map((letter) => `/dev/sd${letter}`);

/** EBS volumes. */
export class Ec2Volumes extends Volumes {
  readonly #client: Ec2Client;

  constructor(caller: Caller, client: Ec2Client) {
    super(caller);
    this.#client = client;
  }

  protected override async _create(
    { sizeGiB, snapshotId, zone, ownership }: VolumeSource & { readonly ownership: Ownership },
    { signal }: CallContext,
  ): Promise<Volume> {
    const ec2 = await this.#client.connect();
    const created = await ec2.createVolume(
      {
        AvailabilityZone: zone ?? undefined,
        VolumeType: "gp3",
        ClientToken: launchToken(ownership, zone, `${sizeGiB} ${snapshotId}`),
        TagSpecifications: tagged("volume", ownership),
        ...(sizeGiB === null ? {} : { Size: sizeGiB }),
        ...(snapshotId === null ? {} : { SnapshotId: snapshotId }),
      },
      { abortSignal: signal },
    );
    return { ...toVolume(created), ownership };
  }

  protected override async _get({ volumeId }: { readonly volumeId: string }, context: CallContext): Promise<Volume> {
    const ec2 = await this.#client.connect();
    const { Volumes: found = [] } = await ec2.describeVolumes(
      { VolumeIds: [volumeId] },
      { abortSignal: context.signal },
    );
    if (found[0] === undefined) throw new NotFoundError(`there is no volume ${volumeId}`, context);
    return toVolume(found[0]);
  }

  protected override async _list(
    { owner, marker }: { readonly owner: string; readonly marker: string | null },
    { signal }: CallContext,
  ): Promise<Page<Volume>> {
    const ec2 = await this.#client.connect();
    const { Volumes: found = [], NextToken } = await ec2.describeVolumes(
      { Filters: ownedBy(owner), ...pageOf(marker, 500) },
      { abortSignal: signal },
    );
    return { items: found.map(toVolume), marker: NextToken ?? null };
  }

  protected override async _attach(
    input: { readonly volume: Volume; readonly instanceId: string; readonly device: string | null },
    context: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    const { volume, instanceId } = input;
    const device = input.device ?? (await this.#freeDevice(instanceId, context));
    try {
      await ec2.attachVolume(
        { VolumeId: volume.id, InstanceId: instanceId, Device: device },
        { abortSignal: context.signal },
      );
    } catch (error) {
      // Another name can be taken for one of ours; the caller's own does not become free by waiting.
      const isTaken = error instanceof Error && /already in use/.test(error.message);
      if (input.device !== null && isTaken)
        throw new ConflictError("in-use", error.message, { ...context, cause: error });
      throw error;
    }
  }

  protected override async _detach(
    input: { readonly volume: Volume; readonly attachment: NonNullable<Volume["attachment"]> },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    const { volume, attachment } = input;
    await ec2.detachVolume({ VolumeId: volume.id, InstanceId: attachment.instanceId }, { abortSignal: signal });
  }

  protected override async _delete({ volume }: { readonly volume: Volume }, { signal }: CallContext): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.deleteVolume({ VolumeId: volume.id }, { abortSignal: signal });
  }

  /**
   * On Nitro a guest sees NVMe devices in any order, and the volume's id in their serial number; on Xen `sdf` is `xvdf`.
   *
   * @see https://docs.aws.amazon.com/ebs/latest/userguide/nvme-ebs-volumes.html
   */
  protected override async _guestDeviceName(
    input: { readonly volume: Volume; readonly attachment: NonNullable<Volume["attachment"]> },
    { signal }: CallContext,
  ): Promise<string> {
    const ec2 = await this.#client.connect();
    const options = { abortSignal: signal };
    const { volume, attachment } = input;
    const { Reservations = [] } = await ec2.describeInstances({ InstanceIds: [attachment.instanceId] }, options);
    const type = Reservations[0]?.Instances?.[0]?.InstanceType;
    const { InstanceTypes = [] } = await ec2.describeInstanceTypes(
      { InstanceTypes: type === undefined ? [] : [type] },
      options,
    );
    if (InstanceTypes[0]?.Hypervisor === "xen") return attachment.device.replace(/^\/dev\/sd/, "/dev/xvd");
    return `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume.id.replace("-", "")}`;
  }

  protected override async _snapshot(
    { volume, ownership }: { readonly volume: Volume; readonly ownership: Ownership },
    { signal }: CallContext,
  ): Promise<Snapshot> {
    const ec2 = await this.#client.connect();
    const created = await ec2.createSnapshot(
      { VolumeId: volume.id, TagSpecifications: tagged("snapshot", ownership) },
      { abortSignal: signal },
    );
    return { ...toSnapshot(created), ownership };
  }

  protected override async _listSnapshots(
    { owner, marker }: { readonly owner: string; readonly marker: string | null },
    { signal }: CallContext,
  ): Promise<Page<Snapshot>> {
    const ec2 = await this.#client.connect();
    const { Snapshots = [], NextToken } = await ec2.describeSnapshots(
      { OwnerIds: ["self"], Filters: ownedBy(owner), ...pageOf(marker) },
      { abortSignal: signal },
    );
    return { items: Snapshots.map(toSnapshot), marker: NextToken ?? null };
  }

  protected override async _deleteSnapshot(
    { snapshot }: { readonly snapshot: Snapshot },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.deleteSnapshot({ SnapshotId: snapshot.id }, { abortSignal: signal });
  }

  async #freeDevice(instanceId: string, context: CallContext): Promise<string> {
    const ec2 = await this.#client.connect();
    const { Reservations = [] } = await ec2.describeInstances(
      { InstanceIds: [instanceId] },
      { abortSignal: context.signal },
    );
    const mappings = Reservations[0]?.Instances?.[0]?.BlockDeviceMappings ?? [];
    const used = new Set(mappings.map(({ DeviceName }) => DeviceName));
    const free = devices.find((device) => !used.has(device));
    if (free === undefined) throw new QuotaExceededError(`${instanceId} has no free device name`, context);
    return free;
  }
}
