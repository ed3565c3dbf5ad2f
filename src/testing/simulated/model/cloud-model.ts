import type { Clock } from "../../../iaas/clock.ts";
import type { Random } from "../random.ts";
import { Addresses } from "./addresses.ts";
import { Groups } from "./groups.ts";
import { Images } from "./images.ts";
import { Instances } from "./instances.ts";
import { KeyPairs } from "./key-pairs.ts";
import { type Kind, Refusal } from "./refusal.ts";
import type { Resource } from "./resources.ts";
import type { Offer, Quotas, Timing } from "./settings.ts";
import { Volumes } from "./volumes.ts";

export interface ModelSettings {
  readonly offer: Offer;
  readonly timing: Timing;
  readonly quotas: Quotas;
  /** Instances that a zone has room for. A zone that is left out has room for all. */
  readonly capacity: Readonly<Record<string, number>>;
}

/**
 * What a cloud holds and how that changes, without any wire format: the dialects put HTTP in front.
 *
 * Every part refuses with a {@link Refusal}. Nothing in here waits: states that take time are looked up by the clock.
 */
export class CloudModel {
  readonly settings: ModelSettings;
  readonly clock: Clock;
  readonly #random: Random;
  readonly instances: Instances;
  readonly addresses: Addresses;
  readonly groups: Groups;
  readonly keyPairs: KeyPairs;
  readonly volumes: Volumes;
  readonly images: Images;
  /** How long what is made now stays hidden, in milliseconds. */
  hiddenFor: () => number;

  constructor(settings: ModelSettings, clock: Clock, random: Random) {
    this.settings = settings;
    this.clock = clock;
    this.#random = random;
    this.hiddenFor = () => settings.timing.visibleAfterMs;
    this.volumes = new Volumes(this);
    this.groups = new Groups(this);
    this.keyPairs = new KeyPairs(this);
    this.images = new Images(this);
    this.instances = new Instances(this);
    this.addresses = new Addresses(this);
  }

  readonly now = (): number => this.clock.now();

  /** An id of 17 hexadecimal digits behind a prefix. */
  id(prefix: string): string {
    const digits = Array.from({ length: 17 }, () => Math.floor(this.#random() * 16).toString(16));
    return `${prefix}-${digits.join("")}`;
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  /** What every new resource has. */
  born(prefix: string, tags: ReadonlyMap<string, string>): Resource {
    const createdAtMs = this.now();
    return { id: this.id(prefix), createdAtMs, visibleAtMs: createdAtMs + this.hiddenFor(), tags: new Map(tags) };
  }

  /** Those that reads show. */
  visible<T extends Resource>(all: Iterable<T>): T[] {
    const now = this.now();
    return [...all].filter(({ visibleAtMs }) => visibleAtMs <= now);
  }

  /** @throws Refusal when one more would be too many. */
  checkQuota(kind: Kind, quota: keyof Quotas, count: number): void {
    const limit = this.settings.quotas[quota];
    if (count > limit) throw new Refusal("quota", kind, `The maximum number of ${quota} is ${limit}`);
  }

  /** Any resource by its id. @throws Refusal when there is none. */
  find(id: string): Resource {
    const { instances, addresses, groups, keyPairs, volumes, images } = this;
    const parts = [instances, addresses, groups, keyPairs, volumes, images];
    const all: readonly Resource[] = [...parts.flatMap((part): Resource[] => part.all()), ...volumes.allSnapshots()];
    const found = all.find((resource) => resource.id === id);
    if (found === undefined) throw new Refusal("not-found", "instance", `The ID '${id}' does not exist`);
    return found;
  }

  /** What there is and did not come with the cloud, each with the key that it was made for. */
  leftovers(): string[] {
    const { instances, addresses, groups, keyPairs, volumes, images } = this;
    const live = instances.all().filter(({ status }) => status.state !== "terminated");
    const kinds: readonly (readonly [string, readonly Resource[]])[] = [
      ["instance", live],
      ["floating IP", addresses.all()],
      ["security group", groups.all().filter(({ name }) => name !== "default")],
      ["key pair", keyPairs.all()],
      ["volume", volumes.all()],
      ["snapshot", volumes.allSnapshots()],
      ["image", images.all().filter(({ owned }) => owned)],
    ];
    return kinds.flatMap(([kind, all]) =>
      all.map(({ id, tags }) => `${kind} ${id} ${tags.get("iaaskit:key") ?? "without a key"}`),
    );
  }
}
