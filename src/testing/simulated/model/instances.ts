import type { CloudModel } from "./cloud-model.ts";
import { Refusal } from "./refusal.ts";
import type { InstanceResource } from "./resources.ts";
import { Timeline } from "./timeline.ts";

export interface LaunchSpec {
  readonly imageId: string;
  readonly sizeId: string;
  readonly zone: string | null;
  readonly atLeast: number;
  readonly atMost: number;
  readonly keyPair: string | null;
  readonly groupIds: readonly string[];
  readonly userData: Uint8Array | null;
  readonly tags: ReadonlyMap<string, string>;
  readonly volumeTags: ReadonlyMap<string, string>;
  /** Launching twice with one token launches once. */
  readonly token: string | null;
  /** What the token stands for: the whole request. */
  readonly request: string;
  /** Why it shall end by itself after it was accepted. */
  readonly failure: { readonly code: string; readonly afterMs: number } | null;
}

const rootVolumeGiB = 8;

/** The instances of a cloud. */
export class Instances {
  readonly #model: CloudModel;
  readonly #all = new Map<string, InstanceResource>();
  readonly #launches = new Map<string, { readonly request: string; readonly ids: readonly string[] }>();

  constructor(model: CloudModel) {
    this.#model = model;
  }

  /** All that the cloud remembers, the ended ones too. */
  all(): InstanceResource[] {
    const forgotten = this.#model.now() - this.#model.settings.timing.forgetMs;
    return [...this.#all.values()].filter(({ status }) => status.state !== "terminated" || status.sinceMs > forgotten);
  }

  /** @throws Refusal when there is none, or reads do not show it yet. */
  get(id: string): InstanceResource {
    const found = this.#model.visible(this.all()).find((instance) => instance.id === id);
    if (found === undefined) throw new Refusal("not-found", "instance", `The instance ID '${id}' does not exist`);
    return found;
  }

  launch(spec: LaunchSpec): readonly InstanceResource[] {
    const known = this.#ofToken(spec);
    if (known !== null) return known;
    const { images, keyPairs, groups, settings } = this.#model;
    const image = images.get(spec.imageId);
    const size = settings.offer.sizes.find(({ id }) => id === spec.sizeId);
    if (size === undefined) throw new Refusal("not-found", "size", `Invalid value '${spec.sizeId}' for InstanceType`);
    if (size.architecture !== image.architecture) {
      throw new Refusal("invalid", "size", `The size ${size.id} cannot run images for ${image.architecture}`);
    }
    if (spec.keyPair !== null) keyPairs.get(spec.keyPair);
    for (const id of spec.groupIds) groups.get(id);
    const bytes = spec.userData?.byteLength ?? 0;
    if (bytes > settings.offer.userDataBytes) {
      throw new Refusal(
        "user-data-too-large",
        "instance",
        `User data is limited to ${settings.offer.userDataBytes} bytes`,
      );
    }
    const zone = spec.zone ?? this.#roomiest();
    if (!settings.offer.zones.includes(zone)) {
      throw new Refusal("not-found", "zone", `Invalid availability zone: [${zone}]`);
    }
    const count = Math.min(spec.atMost, this.#room(zone));
    if (count < spec.atLeast) {
      throw new Refusal("capacity", "zone", `There is no room for ${spec.sizeId} in ${zone}`);
    }
    this.#model.checkQuota("instance", "instances", this.#live().length + count);
    const launchId = this.#model.id("r");
    const launched = Array.from({ length: count }, () => this.#create(spec, zone, launchId));
    if (spec.token !== null) {
      this.#launches.set(tokenOf(spec), { request: spec.request, ids: launched.map(({ id }) => id) });
    }
    return launched;
  }

  start(id: string): InstanceResource {
    const { timing } = this.#model.settings;
    return this.#change(id, ["stopped"], (instance) => {
      instance.status.become("pending", ["running", timing.bootMs]);
    });
  }

  stop(id: string): InstanceResource {
    const { timing } = this.#model.settings;
    return this.#change(id, ["running", "pending"], (instance) => {
      instance.status.become("stopping", ["stopped", timing.stopMs]);
    });
  }

  reboot(id: string): InstanceResource {
    return this.#change(id, ["running"], () => undefined);
  }

  /** Its addresses are free again, and the volumes that end with it go. */
  terminate(id: string): InstanceResource {
    const instance = this.get(id);
    if (instance.status.state === "terminating" || instance.status.state === "terminated") return instance;
    instance.status.become("terminating", ["terminated", this.#model.settings.timing.terminateMs]);
    this.#model.addresses.letGo(id);
    this.#model.volumes.endWith(id);
    return instance;
  }

  #create(spec: LaunchSpec, zone: string, launchId: string): InstanceResource {
    const model = this.#model;
    const { timing } = model.settings;
    const { failure } = spec;
    const born = model.born("i", spec.tags);
    const status =
      failure === null
        ? new Timeline(model.now, "pending" as const, ["running", timing.bootMs])
        : new Timeline(model.now, "pending" as const, ["terminated", failure.afterMs]);
    const rootVolume = model.volumes.create({ zone, sizeGiB: rootVolumeGiB, snapshotId: null, tags: spec.volumeTags });
    const number = this.#all.size + 1;
    const instance: InstanceResource = {
      ...born,
      imageId: spec.imageId,
      sizeId: spec.sizeId,
      zone,
      status,
      keyPair: spec.keyPair,
      groupIds: spec.groupIds,
      userData: spec.userData,
      privateAddress: `172.31.${(number >> 8) % 256}.${number % 256}`,
      publicAddress: `198.18.${(number >> 8) % 256}.${number % 256}`,
      token: spec.token,
      launchId,
      rootVolumeId: rootVolume.id,
      failure:
        failure === null
          ? null
          : { code: failure.code, message: `The simulation says ${failure.code}`, atMs: model.now() + failure.afterMs },
    };
    model.volumes.attachRoot(rootVolume, instance.id);
    if (failure !== null) model.volumes.endWith(instance.id);
    this.#all.set(instance.id, instance);
    return instance;
  }

  #change(id: string, from: readonly string[], change: (instance: InstanceResource) => void): InstanceResource {
    const instance = this.get(id);
    const { state } = instance.status;
    if (!from.includes(state)) {
      throw new Refusal(
        "wrong-state",
        "instance",
        `The instance '${id}' is not in a state from which it can (${state})`,
      );
    }
    change(instance);
    return instance;
  }

  /** What the same token has launched before; `null` for a new one. */
  #ofToken(spec: LaunchSpec): readonly InstanceResource[] | null {
    const known = spec.token === null ? undefined : this.#launches.get(tokenOf(spec));
    if (known === undefined) return null;
    if (known.request !== spec.request) {
      throw new Refusal("token-mismatch", "instance", "The client token was used for another request");
    }
    const launched = known.ids.map((id) => this.#all.get(id)).filter((instance) => instance !== undefined);
    if (launched.every(({ status }) => status.state === "terminated" || status.state === "terminating")) {
      throw new Refusal("token-spent", "instance", "The client token's instance has been terminated");
    }
    return launched;
  }

  #live(): InstanceResource[] {
    return this.all().filter(({ status }) => status.state !== "terminated");
  }

  #room(zone: string): number {
    const limit = this.#model.settings.capacity[zone] ?? Number.POSITIVE_INFINITY;
    return limit - this.#live().filter((instance) => instance.zone === zone).length;
  }

  /** Where the cloud puts what nobody has placed. */
  #roomiest(): string {
    const { zones } = this.#model.settings.offer;
    return zones.find((zone) => this.#room(zone) > 0) ?? zones[0] ?? "";
  }
}

/** Tokens hold within the zone that the request names. */
function tokenOf({ token, zone }: LaunchSpec): string {
  return `${token} ${zone}`;
}
