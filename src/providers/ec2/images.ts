import type { EC2 } from "@aws-sdk/client-ec2";

import type { CallContext, Caller } from "../../iaas/call.ts";
import { NotFoundError } from "../../iaas/errors.ts";
import { type Image, Images, type ImageVisibility } from "../../iaas/images.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import type { Ec2Client } from "./client.ts";
import { hasName } from "./errors.ts";
import { ownedBy, pageOf } from "./filters.ts";
import { tagged, toImage } from "./mappers.ts";

/** Amazon Machine Images. */
export class Ec2Images extends Images {
  readonly #client: Ec2Client;

  constructor(caller: Caller, client: Ec2Client) {
    super(caller);
    this.#client = client;
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<Image> {
    const ec2 = await this.#client.connect();
    const { Images: found = [] } = await ec2.describeImages({ ImageIds: [id] }, { abortSignal: context.signal });
    if (found[0] === undefined) throw new NotFoundError(`there is no image ${id}`, context);
    return toImage(found[0]);
  }

  protected override async _find(
    input: { readonly name: string; readonly publisher: string | null; readonly marker: string | null },
    { signal }: CallContext,
  ): Promise<Page<Image>> {
    const { name, publisher, marker } = input;
    return await this.#page(
      { Owners: [publisher ?? "self"], Filters: [{ Name: "name", Values: [literal(name)] }], ...pageOf(marker) },
      signal,
    );
  }

  protected override async _list(
    { owner, marker }: { readonly owner: string; readonly marker: string | null },
    { signal }: CallContext,
  ): Promise<Page<Image>> {
    return await this.#page({ Owners: ["self"], Filters: ownedBy(owner), ...pageOf(marker) }, signal);
  }

  protected override async _create(
    input: { readonly instanceId: string; readonly name: string; readonly ownership: Ownership },
    { signal }: CallContext,
  ): Promise<Image> {
    const ec2 = await this.#client.connect();
    const { instanceId, name, ownership } = input;
    const TagSpecifications = [...tagged("image", ownership), ...tagged("snapshot", ownership)];
    const { ImageId: id = "" } = await ec2.createImage(
      { InstanceId: instanceId, Name: name, TagSpecifications },
      { abortSignal: signal },
    );
    return { id, name, state: "creating", architecture: null, createdAt: null, ownership };
  }

  /** Deregistering leaves the snapshots behind: they go too. */
  protected override async _delete({ image }: { readonly image: Image }, { signal }: CallContext): Promise<void> {
    const ec2 = await this.#client.connect();
    const options = { abortSignal: signal };
    const { Images: found = [] } = await ec2.describeImages({ ImageIds: [image.id] }, options);
    const snapshots = (found[0]?.BlockDeviceMappings ?? []).map(({ Ebs }) => Ebs?.SnapshotId);
    await ec2.deregisterImage({ ImageId: image.id }, options);
    for (const SnapshotId of snapshots) {
      if (SnapshotId === undefined) continue;
      await ec2.deleteSnapshot({ SnapshotId }, options).catch((error: unknown) => {
        if (!hasName(error, "InvalidSnapshot.NotFound")) throw error;
      });
    }
  }

  protected override async _setVisibility(
    { image, visibility }: { readonly image: Image; readonly visibility: ImageVisibility },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    const options = { abortSignal: signal };
    const { LaunchPermissions = [] } = await ec2.describeImageAttribute(
      { ImageId: image.id, Attribute: "launchPermission" },
      options,
    );
    const wanted = permissionsOf(visibility);
    const isIn = (all: typeof LaunchPermissions, one: (typeof LaunchPermissions)[number]): boolean =>
      all.some(({ Group, UserId }) => Group === one.Group && UserId === one.UserId);
    const Add = wanted.filter((one) => !isIn(LaunchPermissions, one));
    const Remove = LaunchPermissions.filter((one) => !isIn(wanted, one));
    if (Add.length + Remove.length === 0) return;
    await ec2.modifyImageAttribute({ ImageId: image.id, LaunchPermission: { Add, Remove } }, options);
  }

  async #page(input: Parameters<EC2["describeImages"]>[0], signal: AbortSignal): Promise<Page<Image>> {
    const ec2 = await this.#client.connect();
    const { Images: found = [], NextToken } = await ec2.describeImages(input ?? {}, { abortSignal: signal });
    return { items: found.map(toImage), marker: NextToken ?? null };
  }
}

function permissionsOf(visibility: ImageVisibility): { Group?: "all"; UserId?: string }[] {
  if (visibility === "private") return [];
  return visibility === "public" ? [{ Group: "all" }] : visibility.sharedWith.map((UserId) => ({ UserId }));
}

/** In a filter `*`, `?` and `\` stand for other characters. */
function literal(text: string): string {
  return text.replaceAll(/[*?\\]/g, String.raw`\$&`);
}
