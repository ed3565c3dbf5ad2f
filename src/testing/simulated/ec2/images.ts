import type { ImageResource } from "../model/resources.ts";
import { chosen, type Ec2Request, filtered, paged, tagsFor, tagSet } from "./listing.ts";

const publisher = "137112412989";

export function createImage(request: Ec2Request): object {
  const { query, model } = request;
  const tags = { image: tagsFor("image", request), snapshot: tagsFor("snapshot", request) };
  const { id } = model.images.create(query.required("InstanceId"), query.required("Name"), tags);
  return { imageId: id };
}

export function describeImages(request: Ec2Request): object {
  const { query, model, account } = request;
  const ids = query.texts("ImageId");
  const owners = query.texts("Owner").map((owner) => (owner === "self" ? account : owner));
  const all = chosen(ids, model.images.all(), (id) => model.images.get(id));
  const offered = all.filter((image) => owners.length === 0 || owners.some((owner) => isOf(owner, image, account)));
  const found = filtered(offered, request, {
    "image-id": ({ id }) => [id],
    name: ({ name }) => [name],
    architecture: ({ architecture }) => [architecture],
    state: (image) => [stateOf(image)],
    "owner-id": ({ owned }) => [owned ? account : publisher],
    "is-public": ({ isPublic }) => [String(isPublic)],
  });
  const { items, nextToken } = paged(found, request, { idsGiven: ids.length > 0 });
  return { imagesSet: { item: items.map((image) => described(image, request)) }, nextToken };
}

export function deregisterImage({ query, model }: Ec2Request): object {
  model.images.delete(query.required("ImageId"));
  return { return: true };
}

export function describeImageAttribute({ query, model }: Ec2Request): object {
  const { id, isPublic, sharedWith } = model.images.get(query.required("ImageId"));
  const item = [...(isPublic ? [{ group: "all" }] : []), ...[...sharedWith].map((userId) => ({ userId }))];
  return { imageId: id, launchPermission: { item } };
}

export function modifyImageAttribute({ query, model }: Ec2Request): object {
  const image = model.images.get(query.required("ImageId"));
  const permission = query.part("LaunchPermission");
  for (const added of permission.parts("Add")) {
    if (added.text("Group") === "all") image.isPublic = true;
    else image.sharedWith.add(added.required("UserId"));
  }
  for (const removed of permission.parts("Remove")) {
    if (removed.text("Group") === "all") image.isPublic = false;
    else image.sharedWith.delete(removed.required("UserId"));
  }
  return { return: true };
}

function isOf(owner: string, { owned }: ImageResource, account: string): boolean {
  return owned ? owner === account : owner === publisher || owner === "amazon";
}

function stateOf({ status }: ImageResource): string {
  return status.state === "available" ? "available" : "pending";
}

function described(image: ImageResource, { model, account }: Ec2Request): object {
  const { id, name, architecture, owned, isPublic, createdAtMs, snapshotIds, tags } = image;
  return {
    imageId: id,
    imageLocation: `${owned ? account : publisher}/${name}`,
    imageState: stateOf(image),
    imageOwnerId: owned ? account : publisher,
    isPublic,
    architecture,
    imageType: "machine",
    name,
    creationDate: new Date(createdAtMs).toISOString(),
    rootDeviceType: "ebs",
    rootDeviceName: "/dev/xvda",
    virtualizationType: "hvm",
    hypervisor: "xen",
    blockDeviceMapping: {
      item: snapshotIds.map((snapshotId, index) => ({
        deviceName: index === 0 ? "/dev/xvda" : `/dev/sd${"fghijklmnop"[index - 1]}`,
        ebs: { snapshotId, volumeSize: model.volumes.getSnapshot(snapshotId).sizeGiB, deleteOnTermination: true },
      })),
    },
    tagSet: tagSet(tags),
  };
}
