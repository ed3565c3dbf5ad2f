import type { CloudModel } from "../model/cloud-model.ts";
import { Refusal } from "../model/refusal.ts";
import type { InstanceResource, InstanceStatus } from "../model/resources.ts";
import { chosen, type Ec2Request, filtered, type FilterFields, paged, tagsFor, tagSet } from "./listing.ts";
import type { Query } from "./query.ts";
import { Ec2Refusal } from "./refusals.ts";

const states: Readonly<Record<InstanceStatus, readonly [code: number, name: string]>> = {
  pending: [0, "pending"],
  running: [16, "running"],
  terminating: [32, "shutting-down"],
  terminated: [48, "terminated"],
  stopping: [64, "stopping"],
  stopped: [80, "stopped"],
};
const failsAfterMs = 3_000;
const rootDevice = "/dev/xvda";

export function runInstances(request: Ec2Request): object {
  const { query, model, met } = request;
  const atLeast = query.integer("MinCount");
  const atMost = query.integer("MaxCount");
  if (atLeast === null || atMost === null) {
    throw new Ec2Refusal("MissingParameter", "The request must contain the parameters MinCount and MaxCount");
  }
  if (atLeast < 1 || atMost < atLeast) throw new Ec2Refusal("InvalidParameterValue", "Invalid count of instances");
  const fill = met.get("partial-fill")?.count ?? atMost;
  const fail = met.get("fail-after-accept");
  const launched = model.instances.launch({
    imageId: query.required("ImageId"),
    sizeId: query.text("InstanceType") ?? "m1.small",
    zone: query.part("Placement").text("AvailabilityZone"),
    atLeast,
    atMost: Math.max(atLeast, Math.min(atMost, fill)),
    keyPair: query.text("KeyName"),
    groupIds: groupIdsOf(query, model),
    userData: userDataOf(query),
    tags: tagsFor("instance", request),
    volumeTags: tagsFor("volume", request),
    token: tokenOf(query),
    request: query.canonical("ClientToken"),
    failure: fail === undefined ? null : { code: fail.code, afterMs: fail.afterMs ?? failsAfterMs },
  });
  return reservation(launched, request);
}

export function describeInstances(request: Ec2Request): object {
  const { query, model } = request;
  const ids = query.texts("InstanceId");
  const visible = model.visible(model.instances.all());
  const found = filtered(
    chosen(ids, visible, (id) => model.instances.get(id)),
    request,
    instanceFilters(model),
  );
  const { items, nextToken } = paged(found, request, { idsGiven: ids.length > 0 });
  const launches = [...new Set(items.map(({ launchId }) => launchId))].map((id) =>
    items.filter(({ launchId }) => launchId === id),
  );
  return { reservationSet: { item: launches.map((launched) => reservation(launched, request)) }, nextToken };
}

export function terminateInstances({ query, model }: Ec2Request): object {
  const ids = query.texts("InstanceId");
  for (const id of ids) model.instances.get(id); // all or none
  return changes(ids, model, (id) => model.instances.terminate(id));
}

export function stopInstances({ query, model }: Ec2Request): object {
  return changes(query.texts("InstanceId"), model, (id) => model.instances.stop(id));
}

export function startInstances({ query, model }: Ec2Request): object {
  return changes(query.texts("InstanceId"), model, (id) => model.instances.start(id));
}

export function rebootInstances({ query, model }: Ec2Request): object {
  for (const id of query.texts("InstanceId")) model.instances.reboot(id);
  return { return: true };
}

export function getConsoleOutput({ query, model }: Ec2Request): object {
  const { id, createdAtMs } = model.instances.get(query.required("InstanceId"));
  const output = `${id} has booted\n`;
  return {
    instanceId: id,
    timestamp: new Date(createdAtMs).toISOString(),
    output: Buffer.from(output).toString("base64"),
  };
}

export function describeInstanceAttribute({ query, model }: Ec2Request): object {
  const { id, userData } = model.instances.get(query.required("InstanceId"));
  if (query.required("Attribute") !== "userData") {
    throw new Ec2Refusal("InvalidParameterValue", "The simulation knows the attribute userData only");
  }
  return {
    instanceId: id,
    userData: userData === null ? {} : { value: Buffer.from(userData).toString("base64") },
  };
}

function instanceFilters(model: CloudModel): FilterFields<InstanceResource> {
  return {
    "instance-id": ({ id }) => [id],
    "instance-state-name": ({ status }) => [states[status.state][1]],
    "instance-state-code": ({ status }) => [String(states[status.state][0])],
    "instance-type": ({ sizeId }) => [sizeId],
    "image-id": ({ imageId }) => [imageId],
    "key-name": ({ keyPair }) => [keyPair],
    "client-token": ({ token }) => [token],
    "availability-zone": ({ zone }) => [zone],
    "reservation-id": ({ launchId }) => [launchId],
    "private-ip-address": ({ privateAddress }) => [privateAddress],
    "ip-address": (instance) => [publicAddressOf(instance, model)],
    "instance.group-id": ({ groupIds }) => groupIds,
    "vpc-id": () => [model.groups.networkId],
    "subnet-id": () => [model.groups.subnetId],
  };
}

function reservation(launched: readonly InstanceResource[], { model, account }: Ec2Request): object {
  return {
    reservationId: launched[0]?.launchId,
    ownerId: account,
    groupSet: {},
    instancesSet: { item: launched.map((instance, index) => described(instance, index, model)) },
  };
}

function described(instance: InstanceResource, index: number, model: CloudModel): object {
  const { id, status, zone, privateAddress, groupIds, failure } = instance;
  const [code, name] = states[status.state];
  const publicAddress = publicAddressOf(instance, model);
  const image = model.images.all().find((one) => one.id === instance.imageId);
  const isGone = name === "terminated";
  return {
    instanceId: id,
    imageId: instance.imageId,
    instanceState: { code, name },
    privateDnsName: isGone ? "" : `ip-${privateAddress.replaceAll(".", "-")}.ec2.internal`,
    dnsName: publicAddress === null ? "" : `ec2-${publicAddress.replaceAll(".", "-")}.compute.amazonaws.com`,
    reason: "",
    keyName: instance.keyPair ?? undefined,
    amiLaunchIndex: index,
    instanceType: instance.sizeId,
    launchTime: new Date(instance.createdAtMs).toISOString(),
    placement: { availabilityZone: zone, groupName: "", tenancy: "default" },
    ...(isGone
      ? {}
      : { subnetId: model.groups.subnetId, vpcId: model.groups.networkId, privateIpAddress: privateAddress }),
    ...(publicAddress === null ? {} : { ipAddress: publicAddress }),
    ...stateReason(name, failure, model),
    architecture: image?.architecture ?? "x86_64",
    rootDeviceType: "ebs",
    rootDeviceName: rootDevice,
    blockDeviceMapping: { item: isGone ? [] : devicesOf(instance, model) },
    virtualizationType: "hvm",
    clientToken: instance.token ?? "",
    tagSet: tagSet(instance.tags),
    groupSet: { item: groupIds.map((groupId) => ({ groupId, groupName: nameOfGroup(groupId, model) })) },
  };
}

function stateReason(state: string, failure: InstanceResource["failure"], model: CloudModel): object {
  if (failure !== null && failure.atMs <= model.now()) {
    return { stateReason: { code: failure.code, message: failure.message } };
  }
  if (["running", "pending"].includes(state)) return {};
  const code = "Client.UserInitiatedShutdown";
  return { stateReason: { code, message: `${code}: User initiated shutdown` } };
}

function devicesOf({ id }: InstanceResource, model: CloudModel): object[] {
  return model.volumes.of(id).map((volume) => ({
    deviceName: volume.attachment?.device,
    ebs: {
      volumeId: volume.id,
      status: volume.attachment?.status.state,
      attachTime: new Date(volume.attachment?.atMs ?? 0).toISOString(),
      deleteOnTermination: volume.attachment?.endsWithInstance,
    },
  }));
}

/** A floating IP takes the place of the address that came with the instance. */
function publicAddressOf(instance: InstanceResource, model: CloudModel): string | null {
  if (instance.status.state !== "running" && instance.status.state !== "stopped") return null;
  const floating = model.addresses.of(instance.id);
  if (floating !== undefined) return floating.address;
  return instance.status.state === "running" ? instance.publicAddress : null;
}

function changes(ids: readonly string[], model: CloudModel, change: (id: string) => InstanceResource): object {
  const item = ids.map((id) => {
    const [previousCode, previousName] = states[model.instances.get(id).status.state];
    const [code, name] = states[change(id).status.state];
    return {
      instanceId: id,
      currentState: { code, name },
      previousState: { code: previousCode, name: previousName },
    };
  });
  return { instancesSet: { item } };
}

function groupIdsOf(query: Query, model: CloudModel): string[] {
  const interfaces = query.parts("NetworkInterface").flatMap((one) => one.texts("SecurityGroupId"));
  const ids = [...query.texts("SecurityGroupId"), ...interfaces];
  const names = query.texts("SecurityGroup").map((name) => {
    const group = model.groups.all().find((one) => one.name === name);
    if (group === undefined) throw new Refusal("not-found", "group", `The security group '${name}' does not exist`);
    return group.id;
  });
  const all = [...ids, ...names];
  return all.length === 0 ? [model.groups.default.id] : all;
}

function nameOfGroup(id: string, model: CloudModel): string {
  return model.groups.all().find((group) => group.id === id)?.name ?? "";
}

function userDataOf(query: Query): Uint8Array | null {
  const encoded = query.text("UserData");
  if (encoded === null) return null;
  const isBase64 = /^[\d+/A-Za-z\s]*={0,2}\s*$/.test(encoded);
  if (!isBase64) throw new Ec2Refusal("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data");
  return Buffer.from(encoded, "base64");
}

function tokenOf(query: Query): string | null {
  const token = query.text("ClientToken");
  if (token !== null && token.length > 64) {
    throw new Ec2Refusal("InvalidParameterValue", "The client token has more than 64 characters");
  }
  return token;
}
