import type { CloudModel } from "./cloud-model.ts";
import { Refusal } from "./refusal.ts";
import type { ImageResource } from "./resources.ts";
import { Timeline } from "./timeline.ts";

/** The images of a cloud: those that it offers to all, and those that were made here. */
export class Images {
  readonly #model: CloudModel;
  readonly #all = new Map<string, ImageResource>();

  constructor(model: CloudModel) {
    this.#model = model;
    for (const { id, name, architecture } of model.settings.offer.images) {
      this.#all.set(id, {
        id,
        name,
        architecture,
        createdAtMs: model.now(),
        visibleAtMs: 0,
        tags: new Map(),
        owned: false,
        snapshotIds: [],
        isPublic: true,
        sharedWith: new Set(),
        status: new Timeline(model.now, "available"),
      });
    }
  }

  all(): ImageResource[] {
    return [...this.#all.values()];
  }

  /** @throws Refusal when there is none. */
  get(id: string): ImageResource {
    const found = this.#all.get(id);
    if (found === undefined) throw new Refusal("not-found", "image", `The image id '[${id}]' does not exist`);
    return found;
  }

  /** Of an instance's volumes, a snapshot of each. */
  create(
    instanceId: string,
    name: string,
    tags: { readonly image: ReadonlyMap<string, string>; readonly snapshot: ReadonlyMap<string, string> },
  ): ImageResource {
    const model = this.#model;
    const instance = model.instances.get(instanceId);
    if (instance.status.state !== "running" && instance.status.state !== "stopped") {
      throw new Refusal("wrong-state", "instance", `The instance '${instanceId}' is not in a valid state for an image`);
    }
    if (this.all().some((image) => image.owned && image.name === name)) {
      throw new Refusal("duplicate", "image", `AMI name ${name} is already in use`);
    }
    model.checkQuota("image", "images", this.all().filter(({ owned }) => owned).length + 1);
    const snapshotIds = model.volumes.of(instanceId).map(({ id }) => model.volumes.snapshot(id, tags.snapshot).id);
    const made: ImageResource = {
      ...model.born("ami", tags.image),
      name,
      architecture: this.get(instance.imageId).architecture,
      owned: true,
      snapshotIds,
      isPublic: false,
      sharedWith: new Set(),
      status: new Timeline(model.now, "creating", ["available", model.settings.timing.imageMs]),
    };
    this.#all.set(made.id, made);
    return made;
  }

  /** Its snapshots stay. */
  delete(id: string): void {
    if (!this.get(id).owned) throw new Refusal("invalid", "image", `The image ${id} belongs to somebody else`);
    this.#all.delete(id);
  }
}
