import type { Call, CallContext, Caller } from "./call.ts";
import type { Architecture } from "./catalog.ts";
import { createOnce } from "./create-once.ts";
import { NotFoundError, PermissionDeniedError, ProviderFailureError } from "./errors.ts";
import { collect } from "./iteration.ts";
import type { CallOptions, Ownership, Page } from "./model.ts";
import { Remembered } from "./remembered.ts";
import { check, checkIdentity, checkText } from "./validation.ts";

/** Who may launch an image besides its account: nobody, everybody, or the named accounts. */
export type ImageVisibility = "private" | "public" | { readonly sharedWith: readonly string[] };

/** What an instance starts from: AMI, template, container image. */
export interface Image {
  readonly id: string;
  readonly name: string;
  readonly state: "creating" | "available" | "failed";
  /** `null` where the cloud does not tell. */
  readonly architecture: Architecture | null;
  readonly createdAt: Date | null;
  readonly ownership: Ownership | null;
}

export interface FindImageOptions extends CallOptions {
  /** The exact name. */
  readonly name: string;
  /** The account that published it, as the cloud names accounts; left out: this account. */
  readonly publisher?: string | undefined;
  readonly architecture?: Architecture | undefined;
}

/** Images of an Iaas. */
export abstract class Images {
  readonly #caller: Caller;
  readonly #seen: Remembered<Image>;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#seen = new Remembered(caller.clock);
  }

  /** @throws NotFoundError when there is none of that id, or none that this account may see. */
  async get(options: CallOptions & { readonly id: string }): Promise<Image> {
    return await this.#run("images.get", options, async (call) => {
      checkText(options.id, "id", call.at);
      return await this.#known(options.id, call);
    });
  }

  /**
   * The newest image of a name.
   *
   * @throws NotFoundError when there is none.
   */
  async find(options: FindImageOptions): Promise<Image> {
    const { name, publisher = null, architecture } = options;
    return await this.#run("images.find", options, async (call) => {
      checkText(name, "name", call.at);
      let newest: Image | undefined;
      const all = this.#caller.list(
        "images.find",
        { signal: call.signal },
        async (marker, context) => await this._find({ name, publisher, marker }, context),
      );
      for await (const image of all) {
        const matches = image.name === name && (architecture === undefined || image.architecture === architecture);
        if (matches && image.state === "available" && isNewer(image, newest)) newest = image;
      }
      if (newest === undefined) throw new NotFoundError(`there is no available image named ${name}`, call.at);
      return newest;
    });
  }

  /**
   * Make an image of an instance; it is available afterwards. The same name gives the same image.
   *
   * The cloud may stop or restart the instance for it.
   */
  async create(options: CallOptions & { readonly instanceId: string; readonly name: string }): Promise<Image> {
    const { instanceId, name } = options;
    const run = { timeoutMs: 1_800_000, ...options, needs: "images.create" } as const;
    return await this.#caller.run("images.create", run, async (call) => {
      checkText(instanceId, "instanceId", call.at);
      checkIdentity(name, "name", call.at);
      const ownership = this.#caller.ownershipOf(name);
      let image = await createOnce(call, {
        action: "images.create",
        key: name,
        find: async () => (await collect(this.list({ signal: call.signal }))).find((owned) => owned.name === name),
        create: async (context) => await this._create({ instanceId, name, ownership }, context),
      });
      while (image.state === "creating") {
        await call.sleep(call.capabilities.pollIntervalMs);
        const { id } = image;
        image = (await call.found("images.get", async (context) => await this._get({ id }, context))) ?? image;
      }
      if (image.state === "failed") throw new ProviderFailureError(`the image ${image.id} failed`, call.at);
      return image;
    });
  }

  /** Delete an image of this owner and what it is stored in. Success when it is gone. */
  async delete(options: CallOptions & { readonly id: string }): Promise<void> {
    await this.#run("images.delete", options, async (call) => {
      checkText(options.id, "id", call.at);
      const image = await call.found("images.get", async (context) => await this._get({ id: options.id }, context));
      if (image === null) return;
      this.#requireOwned(image, call);
      this.#seen.forget(image.id);
      await call.gone("images.delete", async (context) => {
        await this._delete({ image }, context);
      });
    });
  }

  /** Decide who may launch an image of this owner. What was allowed before and is not named now is taken back. */
  async setVisibility(
    options: CallOptions & { readonly id: string; readonly visibility: ImageVisibility },
  ): Promise<void> {
    const { id, visibility } = options;
    await this.#caller.run("images.setVisibility", { ...options, needs: "images.visibility" }, async (call) => {
      checkText(id, "id", call.at);
      const known = visibility === "private" || visibility === "public" || Array.isArray(visibility.sharedWith);
      check(known, "visibility", "must be private, public or { sharedWith }", call.at);
      const image = await this.#known(id, call);
      this.#requireOwned(image, call);
      await call.request("images.setVisibility", "idempotent", async (context) => {
        await this._setVisibility({ image, visibility }, context);
      });
    });
  }

  /** The images of this owner. */
  list(options: CallOptions = {}): AsyncGenerator<Image, void, undefined> {
    const { owner } = this.#caller;
    return this.#caller.listOwned(
      "images.list",
      { ...options, needs: "images" },
      async (marker, context) => await this._list({ owner, marker }, context),
    );
  }

  /** @internal Within a call of the base: an image that is there, asked for once in a while only. */
  async resolve(id: string, call: Call): Promise<Image> {
    const { timeoutMs } = call;
    const prepare = async (): Promise<Image> =>
      await this.#run(
        "images.get",
        { timeoutMs },
        async (own) => await own.request("images.get", "read", async (context) => await this._prepare({ id }, context)),
      );
    return await call.race(this.#seen.get(id, prepare));
  }

  /** @throws NotFoundError */
  protected abstract _get(input: { readonly id: string }, context: CallContext): Promise<Image>;

  /** As `_get`, for a launch: a cloud that fetches its images from elsewhere does it here. @throws NotFoundError */
  protected async _prepare(input: { readonly id: string }, context: CallContext): Promise<Image> {
    return await this._get(input, context);
  }

  /** One page of the images of that name that this account may launch. */
  protected abstract _find(
    input: { readonly name: string; readonly publisher: string | null; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Image>>;

  /** One page of the owner's images. One that cannot filter may give all. */
  protected abstract _list(
    input: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Image>>;

  /** Begin to make an image. */
  protected abstract _create(
    input: { readonly instanceId: string; readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Image>;

  /** Delete it and what it is stored in. @throws NotFoundError when it is gone. */
  protected abstract _delete(input: { readonly image: Image }, context: CallContext): Promise<void>;

  /** Let these and no others launch it. */
  protected abstract _setVisibility(
    input: { readonly image: Image; readonly visibility: ImageVisibility },
    context: CallContext,
  ): Promise<void>;

  async #run<T>(operation: string, options: CallOptions, body: (call: Call) => Promise<T>): Promise<T> {
    return await this.#caller.run(operation, { ...options, needs: "images" }, body);
  }

  async #known(id: string, call: Call): Promise<Image> {
    const image = await call.found("images.get", async (context) => await this._get({ id }, context));
    if (image === null) throw new NotFoundError(`there is no image ${id}`, call.at);
    return image;
  }

  #requireOwned(image: Image, call: Call): void {
    if (image.ownership?.owner === this.#caller.owner) return;
    throw new PermissionDeniedError(`${image.id} was not made by this owner`, call.at);
  }
}

function isNewer(image: Image, than: Image | undefined): boolean {
  return than === undefined || (image.createdAt?.getTime() ?? 0) > (than.createdAt?.getTime() ?? 0);
}
