import type { SnapshotResource, VolumeResource } from "../model/resources.ts";
import { chosen, type Ec2Request, filtered, paged, tagsFor, tagSet } from "./listing.ts";

export function createVolume(request: Ec2Request): object {
  const { query, model } = request;
  const made = model.volumes.create({
    zone: query.required("AvailabilityZone"),
    sizeGiB: query.integer("Size"),
    snapshotId: query.text("SnapshotId"),
    tags: tagsFor("volume", request),
    token: query.text("ClientToken"),
  });
  return described(made, request);
}

export function describeVolumes(request: Ec2Request): object {
  const { query, model } = request;
  const ids = query.texts("VolumeId");
  const found = filtered(
    chosen(ids, model.visible(model.volumes.all()), (id) => model.volumes.get(id)),
    request,
    {
      "volume-id": ({ id }) => [id],
      status: (volume) => [stateOf(volume, request)],
      "availability-zone": ({ zone }) => [zone],
      "attachment.instance-id": ({ attachment }) => [attachment?.instanceId ?? null],
    },
  );
  const { items, nextToken } = paged(found, request, { idsGiven: ids.length > 0 });
  return { volumeSet: { item: items.map((volume) => described(volume, request)) }, nextToken };
}

export function attachVolume(request: Ec2Request): object {
  const { query, model } = request;
  const id = query.required("VolumeId");
  return attachmentOf(model.volumes.attach(id, query.required("InstanceId"), query.required("Device")));
}

export function detachVolume({ query, model, met }: Ec2Request): object {
  const slow = met.get("slow-detach");
  if (slow !== undefined) model.volumes.detachMs = slow.forMs;
  return attachmentOf(model.volumes.detach(query.required("VolumeId")));
}

export function deleteVolume({ query, model }: Ec2Request): object {
  model.volumes.delete(query.required("VolumeId"));
  return { return: true };
}

export function createSnapshot(request: Ec2Request): object {
  const { query, model } = request;
  return describedSnapshot(model.volumes.snapshot(query.required("VolumeId"), tagsFor("snapshot", request)), request);
}

export function describeSnapshots(request: Ec2Request): object {
  const { query, model } = request;
  const ids = query.texts("SnapshotId");
  const found = filtered(
    chosen(ids, model.volumes.allSnapshots(), (id) => model.volumes.getSnapshot(id)),
    request,
    { "snapshot-id": ({ id }) => [id], "volume-id": ({ volumeId }) => [volumeId] },
  );
  const { items, nextToken } = paged(found, request, { idsGiven: ids.length > 0 });
  return { snapshotSet: { item: items.map((snapshot) => describedSnapshot(snapshot, request)) }, nextToken };
}

export function deleteSnapshot({ query, model }: Ec2Request): object {
  model.volumes.deleteSnapshot(query.required("SnapshotId"));
  return { return: true };
}

function stateOf(volume: VolumeResource, { model }: Ec2Request): string {
  return model.volumes.isAttached(volume) ? "in-use" : volume.status.state;
}

function described(volume: VolumeResource, request: Ec2Request): object {
  const isAttached = request.model.volumes.isAttached(volume);
  return {
    volumeId: volume.id,
    size: volume.sizeGiB,
    snapshotId: volume.snapshotId ?? "",
    availabilityZone: volume.zone,
    status: stateOf(volume, request),
    createTime: new Date(volume.createdAtMs).toISOString(),
    volumeType: "gp3",
    attachmentSet: { item: isAttached ? [attachmentOf(volume)] : [] },
    tagSet: tagSet(volume.tags),
  };
}

function attachmentOf({ id, attachment }: VolumeResource): object {
  return {
    volumeId: id,
    instanceId: attachment?.instanceId,
    device: attachment?.device,
    status: attachment?.status.state,
    attachTime: new Date(attachment?.atMs ?? 0).toISOString(),
    deleteOnTermination: attachment?.endsWithInstance,
  };
}

function describedSnapshot(snapshot: SnapshotResource, { account }: Ec2Request): object {
  const isReady = snapshot.status.state === "available";
  return {
    snapshotId: snapshot.id,
    volumeId: snapshot.volumeId,
    volumeSize: snapshot.sizeGiB,
    status: isReady ? "completed" : "pending",
    startTime: new Date(snapshot.createdAtMs).toISOString(),
    progress: isReady ? "100%" : "0%",
    ownerId: account,
    tagSet: tagSet(snapshot.tags),
  };
}
