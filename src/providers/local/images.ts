import { cp, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { CallContext, Caller } from "../../iaas/call.ts";
import { ConflictError, NotFoundError } from "../../iaas/errors.ts";
import { type Image, Images } from "../../iaas/images.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import type { LocalClient } from "./client.ts";
import { manifestFile, readManifest } from "./content.ts";

/** Images as folders with an `image.json`: the caller's own, and the ones made of instances. */
export class LocalImages extends Images {
  readonly #client: LocalClient;
  readonly #folders: readonly string[];

  /** @param folders Where the caller's images are. */
  constructor(caller: Caller, client: LocalClient, folders: readonly string[]) {
    super(caller);
    this.#client = client;
    this.#folders = [...folders, client.store.path("images")];
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<Image> {
    return await this.#image(await folderOfImage(id, this.#folders, context), id);
  }

  protected override async _find(): Promise<Page<Image>> {
    const found = await Promise.all(this.#folders.map(async (folder) => await this.#imagesIn(folder)));
    return { items: found.flat(), marker: null };
  }

  protected override async _list(): Promise<Page<Image>> {
    return await this._find();
  }

  protected override async _create(
    input: { readonly instanceId: string; readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Image> {
    const { instanceId, name, ownership } = input;
    const record = await this.#client.get(instanceId, context);
    const root = join(this.#client.folderOf(instanceId), "root");
    // What the payload brought belongs to that one instance, and may be secret.
    const left = new Set(record.payloadFiles.map((path) => join(root, path)));
    const isNew = await this.#client.store.createFolder("images", name, { ownership }, async (folder) => {
      await cp(root, folder, { recursive: true, filter: (source) => !left.has(source) });
      await writeFile(join(folder, manifestFile), JSON.stringify(record.manifest), { mode: 0o600 });
    });
    if (!isNew) throw new ConflictError("name-taken", `there is an image ${name}`, context);
    return await this.#image(this.#client.store.path("images", name), name);
  }

  protected override async _delete({ image }: { readonly image: Image }): Promise<void> {
    await this.#client.store.remove("images", image.id);
  }

  protected override async _setVisibility(_input: object, context: CallContext): Promise<void> {
    // The flag is off: the base refuses before it comes here.
    throw new ConflictError("wrong-state", "images of this machine are its user's", context);
  }

  async #imagesIn(folder: string): Promise<Image[]> {
    const names = await readdir(folder).catch(() => []);
    const images = await Promise.all(
      names.map(async (name) => {
        const isImage = await stat(join(folder, name, manifestFile)).then(
          () => true,
          () => false,
        );
        return isImage ? await this.#image(join(folder, name), name) : null;
      }),
    );
    return images.filter((image) => image !== null);
  }

  async #image(folder: string, id: string): Promise<Image> {
    await readManifest(folder);
    const { birthtime } = await stat(join(folder, manifestFile));
    const made = await this.#client.store.read<{ readonly ownership: Ownership }>("images", id);
    const isMade = folder === this.#client.store.path("images", id);
    const ownership = isMade ? (made?.ownership ?? null) : null;
    return { id, name: id, state: "available", architecture: null, createdAt: birthtime, ownership };
  }
}

/** The folder of the first image of that name. @throws NotFoundError */
export async function folderOfImage(id: string, folders: readonly string[], context: CallContext): Promise<string> {
  for (const folder of /^[A-Za-z0-9][\w.-]*$/.test(id) ? folders : []) {
    const isThere = await stat(join(folder, id, manifestFile)).then(
      () => true,
      () => false,
    );
    if (isThere) return join(folder, id);
  }
  throw new NotFoundError(`there is no image ${id} in ${folders.join(", ")}`, context);
}
