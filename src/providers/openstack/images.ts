import type { CallContext, Caller } from "../../iaas/call.ts";
import { UnavailableError } from "../../iaas/errors.ts";
import { type Image, Images, type ImageVisibility } from "../../iaas/images.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { ownerTag, tagsOf } from "../../iaas/ownership.ts";
import { pathOf } from "../../transport/paths.ts";
import { OpenStackRefusal } from "./answers.ts";
import type { OpenStackClient } from "./client.ts";
import { type GlanceImage, toImage } from "./mappers.ts";
import { pageOf } from "./pages.ts";

const patch = { "Content-Type": "application/openstack-images-v2.1-json-patch" };
/** From this version on Nova tells the id of a new image in the answer's body. */
const toldBy = 45;

/** Glance's images. */
export class OpenStackImages extends Images {
  readonly #client: OpenStackClient;

  constructor(caller: Caller, client: OpenStackClient) {
    super(caller);
    this.#client = client;
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<Image> {
    return toImage(await this.#client.request<GlanceImage>("image", { path: pathOf`/images/${id}` }, context));
  }

  /** Of the project, and public ones, which only operators can make. */
  protected override async _find(
    input: { readonly name: string; readonly publisher: string | null; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Image>> {
    const { name, publisher, marker } = input;
    const { projectId } = await this.#client.session(context);
    return await this.#page({ name, owner: publisher }, marker, context, ({ owner, visibility }) =>
      publisher === null ? owner === projectId || visibility === "public" : owner === publisher,
    );
  }

  protected override async _list(
    { owner, marker }: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Image>> {
    return await this.#page({ [ownerTag]: owner }, marker, context, () => true);
  }

  protected override async _create(
    input: { readonly instanceId: string; readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Image> {
    const { instanceId, name, ownership } = input;
    const path = pathOf`/servers/${instanceId}/action`;
    const body = { createImage: { name, metadata: tagsOf(ownership) } };
    const request = { method: "POST", path, body, microversion: toldBy } as const;
    const answer = await this.#client.exchange("compute", request, context);
    const told = answer.body as { readonly image_id?: string } | null;
    const id = told?.image_id ?? answer.headers["location"]?.split("/").at(-1);
    if (id === undefined) throw new UnavailableError("the answer names no image", context);
    return { id, name, state: "creating", architecture: null, createdAt: null, ownership };
  }

  protected override async _delete({ image }: { readonly image: Image }, context: CallContext): Promise<void> {
    await this.#client.request("image", { method: "DELETE", path: pathOf`/images/${image.id}` }, context);
  }

  /** An account that an image is shared with can launch it by its id at once; in its lists it stands once accepted. */
  protected override async _setVisibility(
    { image, visibility }: { readonly image: Image; readonly visibility: ImageVisibility },
    context: CallContext,
  ): Promise<void> {
    const path = pathOf`/images/${image.id}`;
    const shared = typeof visibility === "object";
    const current = await this.#client.request<GlanceImage>("image", { path }, context);
    const members = current.visibility === "shared" ? await this.#membersOf(image.id, context) : [];
    const wanted = shared ? visibility.sharedWith : [];
    for (const member of members.filter((one) => !wanted.includes(one))) {
      const request = { method: "DELETE", path: pathOf`/images/${image.id}/members/${member}` } as const;
      await unless(404, this.#client.request("image", request, context));
    }
    const word = shared ? "shared" : visibility;
    if (current.visibility !== word) {
      const body = [{ op: "replace", path: "/visibility", value: word }];
      await this.#client.request("image", { method: "PATCH", path, headers: patch, body }, context);
    }
    for (const member of wanted.filter((one) => !members.includes(one))) {
      const request = { method: "POST", path: pathOf`/images/${image.id}/members`, body: { member } } as const;
      await unless(409, this.#client.request("image", request, context));
    }
  }

  async #membersOf(id: string, context: CallContext): Promise<string[]> {
    const request = { path: pathOf`/images/${id}/members` };
    const members = await this.#client.field<{ readonly member_id: string }[]>("image", request, "members", context);
    return members.map(({ member_id }) => member_id);
  }

  async #page(
    query: Readonly<Record<string, string | null>>,
    marker: string | null,
    context: CallContext,
    isWanted: (image: GlanceImage) => boolean,
  ): Promise<Page<Image>> {
    const request = { service: "image", path: "/images", query, field: "images", marker } as const;
    const page = await pageOf<GlanceImage>(this.#client, request, ({ id }) => id, context);
    return { ...page, items: page.items.filter(isWanted).map(toImage) };
  }
}

/** Waits for a request whose refusal with this status means that it is so already. */
async function unless(status: number, request: Promise<unknown>): Promise<void> {
  await request.catch((error: unknown) => {
    if (!(error instanceof OpenStackRefusal && error.status === status)) throw error;
  });
}
