import type { CloudModel } from "./cloud-model.ts";
import { Refusal } from "./refusal.ts";
import type { SnapshotResource, VolumeResource } from "./resources.ts";
import { Timeline } from "./timeline.ts";

export interface VolumeSpec {
  readonly zone: string;
  readonly sizeGiB: number | null;
  readonly snapshotId: string | null;
  readonly tags: ReadonlyMap<string, string>;
  /** Creating twice with one token creates once. */
  readonly token?: string | null;
}

/** The volumes of a cloud, and their snapshots. */
export class Volumes {
  readonly #model: CloudModel;
  readonly #all = new Map<string, VolumeResource>();
  readonly #snapshots = new Map<string, SnapshotResource>();
  readonly #tokens = new Map<string, string>();
  /** How long a volume takes to come off an instance. */
  detachMs: number;

  constructor(model: CloudModel) {
    this.#model = model;
    this.detachMs = model.settings.timing.detachMs;
  }

  all(): VolumeResource[] {
    const gone = [...this.#all.values()].filter((volume) => this.#isGone(volume));
    for (const { id } of gone) this.#all.delete(id);
    return [...this.#all.values()];
  }

  /** @throws Refusal when there is none, or reads do not show it yet. */
  get(id: string): VolumeResource {
    const found = this.#model.visible(this.all()).find((volume) => volume.id === id);
    if (found === undefined) throw new Refusal("not-found", "volume", `The volume '${id}' does not exist.`);
    return found;
  }

  create({ zone, sizeGiB, snapshotId, tags, token = null }: VolumeSpec): VolumeResource {
    const known = token === null ? undefined : this.#all.get(this.#tokens.get(token) ?? "");
    if (known !== undefined) return known;
    const { offer, timing } = this.#model.settings;
    if (!offer.zones.includes(zone)) throw new Refusal("not-found", "zone", `Invalid availability zone: [${zone}]`);
    const source = snapshotId === null ? null : this.getSnapshot(snapshotId);
    const size = sizeGiB ?? source?.sizeGiB;
    if (size === undefined) throw new Refusal("invalid", "volume", "The request must contain the parameter size");
    if (source !== null && size < source.sizeGiB) {
      throw new Refusal("invalid", "volume", "The volume must be at least as big as its snapshot");
    }
    this.#model.checkQuota("volume", "volumes", this.#all.size + 1);
    const made: VolumeResource = {
      ...this.#model.born("vol", tags),
      zone,
      sizeGiB: size,
      snapshotId,
      status: new Timeline(this.#model.now, "creating", ["available", timing.volumeMs]),
      attachment: null,
    };
    this.#all.set(made.id, made);
    if (token !== null) this.#tokens.set(token, made.id);
    return made;
  }

  attach(id: string, instanceId: string, device: string): VolumeResource {
    const volume = this.get(id);
    const instance = this.#model.instances.get(instanceId);
    if (this.isAttached(volume)) throw new Refusal("in-use", "volume", `${id} is already attached to an instance`);
    if (volume.status.state !== "available") {
      throw new Refusal("wrong-state", "volume", `Volume '${id}' is in the state ${volume.status.state}`);
    }
    if (volume.zone !== instance.zone) {
      throw new Refusal("invalid", "volume", `The volume '${id}' is not in the zone of '${instanceId}'`);
    }
    const { state } = instance.status;
    if (state !== "running" && state !== "stopped") {
      throw new Refusal("wrong-state", "instance", `Instance '${instanceId}' is not 'running'.`);
    }
    if (this.of(instanceId).some(({ attachment }) => attachment?.device === device)) {
      throw new Refusal(
        "invalid",
        "volume",
        `Invalid value '${device}' for unixDevice. Attachment point ${device} is already in use`,
      );
    }
    const { attachMs } = this.#model.settings.timing;
    volume.attachment = {
      instanceId,
      device,
      atMs: this.#model.now(),
      endsWithInstance: false,
      status: new Timeline(this.#model.now, "attaching", ["attached", attachMs]),
    };
    return volume;
  }

  attachRoot(volume: VolumeResource, instanceId: string): void {
    const status = new Timeline<"attached" | "detaching" | "detached" | "attaching">(this.#model.now, "attached");
    const atMs = this.#model.now();
    volume.attachment = { instanceId, device: "/dev/xvda", atMs, endsWithInstance: true, status };
  }

  detach(id: string): VolumeResource {
    const volume = this.get(id);
    if (volume.attachment === null || !this.isAttached(volume)) {
      throw new Refusal("wrong-state", "volume", `Volume '${id}' is in the 'available' state.`);
    }
    volume.attachment.status.become("detaching", ["detached", this.detachMs]);
    this.detachMs = this.#model.settings.timing.detachMs;
    return volume;
  }

  delete(id: string): void {
    const volume = this.get(id);
    if (this.isAttached(volume)) throw new Refusal("in-use", "volume", `Volume ${id} is currently attached`);
    this.#all.delete(id);
  }

  isAttached({ attachment }: VolumeResource): boolean {
    return attachment !== null && attachment.status.state !== "detached";
  }

  /** Those of an instance. */
  of(instanceId: string): VolumeResource[] {
    return this.all().filter((volume) => this.isAttached(volume) && volume.attachment?.instanceId === instanceId);
  }

  /** An instance ends: its volumes come off, and those that belong to it go. */
  endWith(instanceId: string): void {
    const { terminateMs } = this.#model.settings.timing;
    for (const { attachment, status } of this.of(instanceId)) {
      attachment?.status.become("detaching", ["detached", terminateMs]);
      if (attachment?.endsWithInstance === true) status.become("available", ["deleted", terminateMs]);
    }
  }

  allSnapshots(): SnapshotResource[] {
    return [...this.#snapshots.values()];
  }

  /** @throws Refusal when there is none. */
  getSnapshot(id: string): SnapshotResource {
    const found = this.#snapshots.get(id);
    if (found === undefined) throw new Refusal("not-found", "snapshot", `The snapshot '${id}' does not exist.`);
    return found;
  }

  snapshot(volumeId: string, tags: ReadonlyMap<string, string>): SnapshotResource {
    const { sizeGiB } = this.get(volumeId);
    this.#model.checkQuota("snapshot", "snapshots", this.#snapshots.size + 1);
    const { snapshotMs } = this.#model.settings.timing;
    const status = new Timeline<"creating" | "available">(this.#model.now, "creating", ["available", snapshotMs]);
    const made = { ...this.#model.born("snap", tags), volumeId, sizeGiB, status };
    this.#snapshots.set(made.id, made);
    return made;
  }

  deleteSnapshot(id: string): void {
    this.getSnapshot(id);
    if (this.#model.images.all().some(({ snapshotIds }) => snapshotIds.includes(id))) {
      throw new Refusal("in-use", "snapshot", `The snapshot ${id} is currently in use by an image`);
    }
    this.#snapshots.delete(id);
  }

  #isGone({ status }: VolumeResource): boolean {
    return status.state === "deleted";
  }
}
