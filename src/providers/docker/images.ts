import type Dockerode from "dockerode";

import type { CallContext, Caller } from "../../iaas/call.ts";
import { ConflictError, NotFoundError, ProviderFailureError } from "../../iaas/errors.ts";
import { type Image, Images } from "../../iaas/images.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { keyTag, ownershipOf, ownerTag, tagsOf } from "../../iaas/ownership.ts";
import type { DockerClient } from "./client.ts";
import { entryFile } from "./content.ts";
import { statusOf } from "./errors.ts";
import { architectureOf, containerName, ownLabels } from "./mappers.ts";
import { pull, type PullProgress } from "./pull.ts";

export type { PullProgress } from "./pull.ts";

/** Whether an image that the engine lacks is fetched from its registry. */
export interface PullOptions {
  readonly pull: "missing" | "never";
  readonly onPull: ((progress: PullProgress) => void) | undefined;
}

/** What is known of an image, however it was asked for. */
interface KnownImage {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null | undefined;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** Images of the engine, by reference or id; a launch fetches what is missing. */
export class DockerImages extends Images {
  readonly #client: DockerClient;
  readonly #pulling: PullOptions;

  constructor(caller: Caller, client: DockerClient, pulling: PullOptions) {
    super(caller);
    this.#client = client;
    this.#pulling = pulling;
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<Image> {
    const docker = await this.#client.connect();
    const found = await docker.getImage(id).inspect();
    const image = { Id: found.Id, RepoTags: found.RepoTags, Labels: labelsIn(found) };
    if (isDeleted(image)) throw new NotFoundError(`there is no image ${id}`, context);
    return toImage(image, new Date(found.Created), found.Architecture);
  }

  protected override async _prepare(input: { readonly id: string }, context: CallContext): Promise<Image> {
    try {
      return await this._get(input, context);
    } catch (error) {
      const isMissing = statusOf(error) === 404;
      if (!isMissing || this.#pulling.pull === "never" || isImageId(input.id)) throw error;
    }
    await pull(await this.#client.connect(), input.id, this.#pulling.onPull, context);
    return await this._get(input, context);
  }

  /** By a reference, as `busybox:1.36`, or by the name under which an image was made of an instance. */
  protected override async _find({ name }: { readonly name: string }, { signal }: CallContext): Promise<Page<Image>> {
    const byReference = await this.#listed({ reference: [name] }, signal);
    const byKey = await this.#listed({ label: [`${keyTag}=${name}`] }, signal);
    return { items: [...byReference.map((image) => ({ ...image, name })), ...byKey], marker: null };
  }

  protected override async _list({ owner }: { readonly owner: string }, { signal }: CallContext): Promise<Page<Image>> {
    return { items: await this.#listed({ label: [`${ownerTag}=${owner}`] }, signal), marker: null };
  }

  protected override async _create(
    input: { readonly instanceId: string; readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<Image> {
    const { instanceId, ownership } = input;
    const docker = await this.#client.connect();
    const { signal } = context;
    const labels = { ...noLabels, ...tagsOf(ownership) };
    const container = docker.getContainer(instanceId);
    const { Config: config, Image: imageId } = await container.inspect({ abortSignal: signal });
    const { Config: original } = await docker.getImage(imageId).inspect();
    const changes = [
      // A line for each: Podman reads one pair of a line.
      ...Object.entries(labels).map(([name, value]) => `LABEL "${name}"="${value}"`),
      ...commandChanges([config.Entrypoint ?? [], config.Cmd ?? []].flat(), [original.Entrypoint ?? []].flat()),
    ].join("\n");
    const target = { repo: repositoryOf(ownership), tag: "latest", changes, abortSignal: signal };
    const made = (await container.commit(target)) as { readonly Id?: unknown };
    if (typeof made.Id !== "string") throw new ProviderFailureError("the answer names no image", context);
    return await this._get({ id: made.Id }, context);
  }

  /** Takes the name away; what instances still use goes with the last of them. */
  protected override async _delete({ image }: { readonly image: Image }, context: CallContext): Promise<void> {
    const { ownership } = image;
    if (ownership === null) throw new ConflictError("wrong-state", `${image.id} was not made here`, context);
    const docker = await this.#client.connect();
    const { signal: abortSignal } = context;
    const reference = `${repositoryOf(ownership)}:latest`;
    // Under a second name the first can be taken away although a container uses it, and without force.
    await docker.getImage(reference).tag({ repo: deletedRepository, tag: digestOf(image.id), abortSignal });
    await docker.getImage(reference).remove({ abortSignal });
    await removeDeleted(docker, image.id, abortSignal);
  }

  protected override async _setVisibility(_input: object, context: CallContext): Promise<void> {
    // The flag is off: the base refuses before it comes here.
    throw new ConflictError("wrong-state", "images of an engine are its users'", context);
  }

  async #listed(filters: Record<string, string[]>, abortSignal: AbortSignal): Promise<Image[]> {
    const docker = await this.#client.connect();
    const images = await docker.listImages({ filters: JSON.stringify(filters), abortSignal });
    return images
      .filter((image) => !isDeleted(image))
      .map((image) => toImage(image, new Date(image.Created * 1_000), ""));
  }
}

const deletedRepository = "iaaskit/deleted";

/** Removes an image that was deleted while instances used it, when none does any more. */
export async function removeDeleted(docker: Dockerode, id: string, abortSignal: AbortSignal): Promise<void> {
  try {
    await docker.getImage(`${deletedRepository}:${digestOf(id)}`).remove({ abortSignal });
  } catch (error) {
    const isKept = [404, 409].includes(statusOf(error) ?? 0) || /in use|is using/.test(String(error));
    if (!isKept) throw error;
  }
}

/** Whether a launch's image is an id, and not a name that a registry knows. */
export function isImageId(image: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(image);
}

/** What an image that is made of an instance must not say: that it is the instance. */
const noLabels = Object.fromEntries(
  [...Object.values(ownLabels), ...Object.keys(tagsOf({ owner: "", key: "", generation: 0, fingerprint: "" }))].map(
    (name) => [name, ""],
  ),
);

/** What runs before the command belongs to the payload: an image goes without. */
function commandChanges(words: readonly string[], entryPoint: readonly string[]): string[] {
  const own = words.indexOf(entryFile);
  if (own === -1) return [];
  const command = `CMD ${JSON.stringify(words.slice(own + 1 + entryPoint.length))}`;
  return entryPoint.length === 0 ? [command] : [`ENTRYPOINT ${JSON.stringify(entryPoint)}`, command];
}

function repositoryOf(ownership: Ownership): string {
  return `iaaskit/${containerName(ownership)}`;
}

function digestOf(id: string): string {
  return id.replace(/^sha256:/, "");
}

function labelsIn({ Config: config }: Dockerode.ImageInspectInfo): Readonly<Record<string, string>> | null {
  return (config as { readonly Labels?: Record<string, string> | null } | undefined)?.Labels ?? null;
}

function isDeleted({ RepoTags: tags }: KnownImage): boolean {
  return tags != null && tags.length > 0 && tags.every((tag) => tag.includes(`${deletedRepository}:`));
}

function toImage(image: KnownImage, createdAt: Date, architecture: string): Image {
  const tags = image.RepoTags ?? [];
  const labelled = ownershipOf(image.Labels ?? {});
  // An image that somebody has built from ours has our labels, and is not ours.
  const isOurs = labelled !== null && tags.some((tag) => `/${tag}`.endsWith(`/${repositoryOf(labelled)}:latest`));
  return {
    id: image.Id.startsWith("sha256:") ? image.Id : `sha256:${image.Id}`,
    name: isOurs ? labelled.key : (tags[0] ?? image.Id),
    state: "available",
    architecture: architectureOf(architecture),
    createdAt,
    ownership: isOurs ? labelled : null,
  };
}
