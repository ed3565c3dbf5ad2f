import type { Call, CallContext, Caller } from "./call.ts";
import { Coalesced } from "./coalesced.ts";
import { createOnce } from "./create-once.ts";
import { ConflictError, IaasError, NotFoundError, PermissionDeniedError, ProviderFailureError } from "./errors.ts";
import { collect } from "./iteration.ts";
import type { CallOptions, Ownership, Page } from "./model.ts";
import { check, checkIdentity, checkText, isIntegerIn } from "./validation.ts";

export type VolumeState = "creating" | "available" | "attaching" | "in-use" | "detaching" | "deleting" | "failed";

/** A disk that outlives, or may outlive, the instance that it is attached to. */
export interface Volume {
  readonly id: string;
  readonly sizeGiB: number;
  /** `null` where it can be attached in every zone. */
  readonly zone: string | null;
  readonly state: VolumeState;
  /** `device` is the name by which the cloud knows the attachment, as `/dev/sdf`. */
  readonly attachment: { readonly instanceId: string; readonly device: string } | null;
  readonly createdAt: Date | null;
  readonly ownership: Ownership | null;
}

/** A volume's content at one moment. */
export interface Snapshot {
  readonly id: string;
  readonly volumeId: string;
  readonly state: "creating" | "available" | "failed";
  readonly createdAt: Date | null;
  readonly ownership: Ownership | null;
}

export interface CreateVolumeOptions extends CallOptions {
  /** The intent: the same key gives the same volume. */
  readonly key: string;
  /** Whole GiB; may be left out with a snapshot, whose size it then has. */
  readonly sizeGiB?: number | undefined;
  readonly snapshotId?: string | undefined;
  /** Where the instance is that it is for; the provider's default when left out. */
  readonly zone?: string | undefined;
}

export interface AttachVolumeOptions extends CallOptions {
  readonly volumeId: string;
  readonly instanceId: string;
  /** The cloud's name for the place, as `/dev/sdf`; the provider's default when left out. */
  readonly device?: string | undefined;
}

/** What creating a volume comes down to: a size, a snapshot, or both. */
export interface VolumeSource {
  readonly sizeGiB: number | null;
  readonly snapshotId: string | null;
  readonly zone: string | null;
}

/** Disks of an Iaas. Each method resolves when the cloud has done it, not when it has begun. */
export abstract class Volumes {
  readonly #caller: Caller;
  readonly #owned: Coalesced<readonly Volume[]>;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#owned = new Coalesced(async () => await collect(this.list()));
  }

  /**
   * Create a volume; it is available afterwards and costs money until it is deleted.
   *
   * @returns The volume of this key: a new one, or the one that an earlier call with the key has made.
   */
  async create(options: CreateVolumeOptions): Promise<Volume> {
    return await this.#run("volumes.create", options, async (call) => {
      const { key, sizeGiB, snapshotId, zone } = options;
      checkIdentity(key, "key", call.at);
      check(
        sizeGiB === undefined || isIntegerIn(sizeGiB, 1, 65_536),
        "sizeGiB",
        "must be a whole number from 1",
        call.at,
      );
      check(
        sizeGiB !== undefined || snapshotId !== undefined,
        "sizeGiB",
        "is missing, and there is no snapshotId",
        call.at,
      );
      const { volumes: capability } = call.capabilities;
      const isZonal = typeof capability === "object" && capability.zonal;
      check(zone !== undefined || !isZonal, "zone", "is missing: a volume can only be used in its own zone", call.at);
      const source = { sizeGiB: sizeGiB ?? null, snapshotId: snapshotId ?? null, zone: zone ?? null };
      return await this.createFor(key, source, call);
    });
  }

  /** Attach a volume to an instance; the guest can use it afterwards. Success when it is attached there already. */
  async attach(options: AttachVolumeOptions): Promise<Volume> {
    return await this.#run("volumes.attach", options, async (call) => {
      checkText(options.volumeId, "volumeId", call.at);
      checkText(options.instanceId, "instanceId", call.at);
      const volume = await this.#known(options.volumeId, call);
      return await this.attachKnown(volume, options.instanceId, options.device ?? null, call);
    });
  }

  /** Detach a volume; it is available afterwards. Success when it is not attached. */
  async detach(options: CallOptions & { readonly volumeId: string }): Promise<Volume> {
    return await this.#run("volumes.detach", options, async (call) => {
      checkText(options.volumeId, "volumeId", call.at);
      return await this.detachKnown(await this.#known(options.volumeId, call), call);
    });
  }

  /**
   * Delete a volume of this owner and all that is on it. Success when it is gone.
   *
   * @throws ConflictError `in-use` while it is attached.
   * @throws PermissionDeniedError when this owner did not create it.
   */
  async delete(options: CallOptions & { readonly volumeId: string }): Promise<void> {
    await this.#run("volumes.delete", options, async (call) => {
      checkText(options.volumeId, "volumeId", call.at);
      const volume = await this.#find(options.volumeId, call);
      if (volume === null || volume.state === "deleting") return;
      if (volume.ownership?.owner !== this.#caller.owner) {
        throw new PermissionDeniedError(`${volume.id} was not created by this owner`, call.at);
      }
      if (volume.attachment !== null) {
        throw new ConflictError("in-use", `${volume.id} is attached to ${volume.attachment.instanceId}`, call.at);
      }
      await this.deleteOwned(volume, call);
    });
  }

  /** The name under which the guest sees an attached volume, as `/dev/xvdf`. */
  async guestDeviceName(options: CallOptions & { readonly volumeId: string }): Promise<string> {
    return await this.#run("volumes.guestDeviceName", options, async (call) => {
      checkText(options.volumeId, "volumeId", call.at);
      const volume = await this.#known(options.volumeId, call);
      const { attachment } = volume;
      if (attachment === null) throw new ConflictError("wrong-state", `${volume.id} is not attached`, call.at);
      return await call.request(
        "volumes.guestDeviceName",
        "read",
        async (context) => await this._guestDeviceName({ volume, attachment }, context),
      );
    });
  }

  /** Keep a volume's content; the snapshot is available afterwards. The same key gives the same snapshot. */
  async snapshot(options: CallOptions & { readonly volumeId: string; readonly key: string }): Promise<Snapshot> {
    return await this.#caller.run("volumes.snapshot", { ...options, needs: "volumes.snapshots" }, async (call) => {
      checkText(options.volumeId, "volumeId", call.at);
      checkIdentity(options.key, "key", call.at);
      const volume = await this.#known(options.volumeId, call);
      const ownership = this.#caller.ownershipOf(options.key);
      const begun = await createOnce(call, {
        action: "volumes.snapshot",
        key: options.key,
        find: async () => await this.#findSnapshot(options.key, call),
        create: async (context) => await this._snapshot({ volume, ownership }, context),
      });
      let snapshot = begun;
      while (snapshot.state === "creating") {
        await call.sleep(call.capabilities.pollIntervalMs);
        snapshot = (await this.#findSnapshot(options.key, call)) ?? snapshot;
      }
      if (snapshot.state === "available") return snapshot;
      throw new ProviderFailureError(`the snapshot ${snapshot.id} failed`, call.at);
    });
  }

  /** Delete a snapshot of this owner. Success when it is gone. */
  async deleteSnapshot(options: CallOptions & { readonly snapshotId: string }): Promise<void> {
    await this.#caller.run("volumes.deleteSnapshot", { ...options, needs: "volumes.snapshots" }, async (call) => {
      checkText(options.snapshotId, "snapshotId", call.at);
      const owned = await collect(this.listSnapshots({ signal: call.signal }));
      const snapshot = owned.find(({ id }) => id === options.snapshotId);
      if (snapshot === undefined) return;
      await call.gone("volumes.deleteSnapshot", async (context) => {
        await this._deleteSnapshot({ snapshot }, context);
      });
    });
  }

  /** The volumes of this owner. */
  list(options: CallOptions = {}): AsyncGenerator<Volume, void, undefined> {
    const { owner } = this.#caller;
    return this.#caller.listOwned(
      "volumes.list",
      { ...options, needs: "volumes" },
      async (marker, context) => await this._list({ owner, marker }, context),
    );
  }

  /** The snapshots of this owner. */
  listSnapshots(options: CallOptions = {}): AsyncGenerator<Snapshot, void, undefined> {
    const { owner } = this.#caller;
    const run = { ...options, needs: "volumes.snapshots" } as const;
    return this.#caller.listOwned(
      "volumes.listSnapshots",
      run,
      async (marker, context) => await this._listSnapshots({ owner, marker }, context),
    );
  }

  /** @internal Within a call of the base: the owner's volumes, read together with others who ask now. */
  async owned(call: Call): Promise<readonly Volume[]> {
    return await call.race(this.#owned.next());
  }

  /** @internal Within a call of the base: the volume of `key`, once, available or attached. */
  async createFor(key: string, source: VolumeSource, call: Call): Promise<Volume> {
    const volume = await createOnce(call, {
      action: "volumes.create",
      key,
      find: async () =>
        (await this.owned(call)).find(({ ownership, state }) => ownership?.key === key && state !== "deleting"),
      create: async (context) => await this._create({ ...source, ownership: this.#caller.ownershipOf(key) }, context),
    });
    return await this.#settled(volume, call);
  }

  /** @internal Within a call of the base. */
  async attachKnown(volume: Volume, instanceId: string, device: string | null, call: Call): Promise<Volume> {
    if (volume.attachment !== null && volume.attachment.instanceId !== instanceId) {
      throw new ConflictError("in-use", `${volume.id} is attached to ${volume.attachment.instanceId}`, call.at);
    }
    if (volume.attachment === null) {
      const attach = async (): Promise<void> => {
        await call.request("volumes.attach", "idempotent", async (context) => {
          await this._attach({ volume, instanceId, device }, context);
        });
      };
      const isDone = ({ attachment }: Volume): boolean => attachment?.instanceId === instanceId;
      await this.#doneBy(async () => await call.whenReady(attach), volume, isDone, call);
    }
    return await this.#until(volume, ({ state }) => state === "in-use", call);
  }

  /** @internal Within a call of the base. */
  async detachKnown(volume: Volume, call: Call): Promise<Volume> {
    const { attachment } = volume;
    if (attachment !== null && volume.state !== "detaching") {
      const detach = async (): Promise<void> => {
        await call.gone("volumes.detach", async (context) => {
          await this._detach({ volume, attachment }, context);
        });
      };
      await this.#doneBy(detach, volume, (latest) => latest.attachment === null, call);
    }
    return await this.#until(volume, ({ state }) => state === "available", call);
  }

  /** @internal Within a call of the base. */
  async deleteOwned(volume: Volume, call: Call): Promise<void> {
    await call.gone("volumes.delete", async (context) => {
      await this._delete({ volume }, context);
    });
  }

  /** Begin to make a volume that carries the ownership. */
  protected abstract _create(
    input: VolumeSource & { readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Volume>;

  /** The volume, whoever made it. @throws NotFoundError */
  protected abstract _get(input: { readonly volumeId: string }, context: CallContext): Promise<Volume>;

  /** One page of the owner's volumes. One that cannot filter may give all. */
  protected abstract _list(
    input: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Volume>>;

  /** Begin to attach. @throws ConflictError `wrong-state` while the instance or the volume cannot. */
  protected abstract _attach(
    input: { readonly volume: Volume; readonly instanceId: string; readonly device: string | null },
    context: CallContext,
  ): Promise<void>;

  /** Begin to detach. */
  protected abstract _detach(
    input: { readonly volume: Volume; readonly attachment: NonNullable<Volume["attachment"]> },
    context: CallContext,
  ): Promise<void>;

  /** Begin to delete it. @throws NotFoundError when it is gone. */
  protected abstract _delete(input: { readonly volume: Volume }, context: CallContext): Promise<void>;

  /** The name under which the guest sees an attached volume. */
  protected abstract _guestDeviceName(
    input: { readonly volume: Volume; readonly attachment: NonNullable<Volume["attachment"]> },
    context: CallContext,
  ): Promise<string>;

  /** Begin to make a snapshot that carries the ownership. */
  protected abstract _snapshot(
    input: { readonly volume: Volume; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Snapshot>;

  protected abstract _listSnapshots(
    input: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Snapshot>>;

  /** Begin to delete it. @throws NotFoundError when it is gone. */
  protected abstract _deleteSnapshot(input: { readonly snapshot: Snapshot }, context: CallContext): Promise<void>;

  async #run<T>(operation: string, options: CallOptions, body: (call: Call) => Promise<T>): Promise<T> {
    return await this.#caller.run(operation, { timeoutMs: 300_000, ...options, needs: "volumes" }, body);
  }

  async #settled(volume: Volume, call: Call): Promise<Volume> {
    return await this.#until(volume, ({ state }) => state === "available" || state === "in-use", call, true);
  }

  /** Polls until the cloud has done what it has begun. @param isNew It may not be visible yet. */
  async #until(volume: Volume, done: (volume: Volume) => boolean, call: Call, isNew = false): Promise<Volume> {
    let current = volume;
    while (!done(current)) {
      const latest = isNew ? await this.#find(volume.id, call) : await this.#known(volume.id, call);
      if (latest?.state === "failed") throw new ProviderFailureError(`the volume ${volume.id} failed`, call.at);
      current = latest ?? current;
      if (!done(current)) await call.sleep(call.capabilities.pollIntervalMs);
    }
    return current;
  }

  /** A repeat after a lost answer may meet its own success, and be refused for it. */
  async #doneBy(
    step: () => Promise<void>,
    { id }: Volume,
    isDone: (volume: Volume) => boolean,
    call: Call,
  ): Promise<void> {
    try {
      await step();
    } catch (error) {
      const isConflict = IaasError.is(error) && error.code === "IAAS_CONFLICT";
      const latest = isConflict ? await this.#find(id, call) : null;
      if (latest === null || !isDone(latest)) throw error;
    }
  }

  async #known(volumeId: string, call: Call): Promise<Volume> {
    const volume = await this.#find(volumeId, call);
    if (volume === null) throw new NotFoundError(`there is no volume ${volumeId}`, call.at);
    if (volume.ownership !== null && volume.ownership.owner !== this.#caller.owner) {
      throw new PermissionDeniedError(`${volumeId} belongs to another owner`, call.at);
    }
    return volume;
  }

  async #find(volumeId: string, call: Call): Promise<Volume | null> {
    return await call.found("volumes.get", async (context) => await this._get({ volumeId }, context));
  }

  async #findSnapshot(key: string, call: Call): Promise<Snapshot | undefined> {
    const owned = await collect(this.listSnapshots({ signal: call.signal }));
    return owned.find(({ ownership }) => ownership?.key === key);
  }
}
