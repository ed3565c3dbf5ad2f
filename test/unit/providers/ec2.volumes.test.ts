import { describe, expect, it } from "vitest";

import {
  all,
  answer,
  create,
  instance,
  instances,
  lost,
  ownTags,
  part,
  pass,
  refused,
  tagSet,
  type Xml,
} from "../../support/ec2.ts";

const id = "vol-0a1b2c3d";
const none = answer("DescribeVolumes", { volumeSet: [] });
const byId = { Action: "DescribeVolumes", "VolumeId.1": id };
const createdAt = "2030-01-01T00:00:00.000Z";

function volume(state: string, attachment?: { readonly [name: string]: Xml }, tags: object = ownTags): Xml {
  return {
    volumeId: id,
    size: 8,
    availabilityZone: "eu-west-1a",
    status: state,
    createTime: createdAt,
    attachmentSet: attachment === undefined ? [] : [{ volumeId: id, device: "/dev/sdf", ...attachment }],
    tagSet: tagSet({ ...tags }),
  };
}
const volumes = (...found: Xml[]) => answer("DescribeVolumes", { volumeSet: found });
const attached = (instanceId: string, status = "attached") => volumes(volume("in-use", { instanceId, status }));
const attaching = answer("AttachVolume", { volumeId: id, status: "attaching" });
const withDevices = (...names: string[]) =>
  instance("i-1", { blockDeviceMapping: names.map((deviceName) => ({ deviceName })) });

describe("creating a volume on EC2", () => {
  it("sends size, zone, a token of ours and tags, and waits until it is available", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, refused("InvalidVolume.NotFound"), volumes(volume("creating")), volumes(volume("available")))
      .on("DescribeVolumes", none)
      .on("CreateVolume", answer("CreateVolume", volume("creating")));
    const made = await pass(clock, iaas.volumes.create({ key: "job-1", sizeGiB: 8, zone: "eu-west-1a" }));
    expect(made).toEqual({
      id,
      sizeGiB: 8,
      zone: "eu-west-1a",
      state: "available",
      attachment: null,
      createdAt: new Date(createdAt),
      ownership: { owner: "me", key: "job-1", generation: 0, fingerprint: null },
    });
    const [form] = api.sent("CreateVolume");
    expect(form).toMatchObject({ AvailabilityZone: "eu-west-1a", Size: "8", VolumeType: "gp3" });
    expect(form?.["ClientToken"]).toMatch(/^[0-9a-f]{32}$/);
    expect(Object.values(part(form!, "TagSpecification.1."))).toEqual(
      expect.arrayContaining(["volume", "iaaskit:owner", "me"]),
    );
  });

  it("gives the volume of the key when there is one", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeVolumes", volumes(volume("available")));
    await pass(clock, iaas.volumes.create({ key: "job-1", sizeGiB: 8, zone: "eu-west-1a" }));
    expect(api.sent("CreateVolume")).toEqual([]);
  });

  it("from a snapshot names the snapshot, and no size", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeVolumes", none).on("CreateVolume", answer("CreateVolume", volume("available")));
    await pass(clock, iaas.volumes.create({ key: "copy", snapshotId: "snap-1", zone: "eu-west-1a" }));
    expect(api.sent("CreateVolume")[0]).toMatchObject({ SnapshotId: "snap-1" });
    expect(api.sent("CreateVolume")[0]).not.toHaveProperty("Size");
  });

  it("fails when EC2 gives up on it", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, volumes(volume("error")))
      .on("DescribeVolumes", none)
      .on("CreateVolume", answer("CreateVolume", volume("creating")));
    await expect(
      pass(clock, iaas.volumes.create({ key: "job-1", sizeGiB: 8, zone: "eu-west-1a" })),
    ).rejects.toMatchObject({ code: "IAAS_PROVIDER_FAILURE" });
  });
});

describe("attaching a volume on EC2", () => {
  const wanted = { volumeId: id, instanceId: "i-1" };

  it("takes the first device name that is free, and waits until it is in use", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, volumes(volume("available")), attached("i-1", "attaching"), attached("i-1"))
      .instances(withDevices("/dev/sda1", "/dev/sdf", "/dev/sdg"))
      .on("AttachVolume", attaching);
    expect(await pass(clock, iaas.volumes.attach(wanted))).toMatchObject({
      state: "in-use",
      attachment: { instanceId: "i-1", device: "/dev/sdf" },
    });
    expect(api.sent("AttachVolume")).toMatchObject([{ VolumeId: id, InstanceId: "i-1", Device: "/dev/sdh" }]);
  });

  it("takes the device name that is asked for", async () => {
    const { api, clock, iaas } = create();
    api.on(byId, volumes(volume("available")), attached("i-1")).on("AttachVolume", attaching);
    await pass(clock, iaas.volumes.attach({ ...wanted, device: "/dev/sdp" }));
    expect(api.actions).toEqual(["DescribeVolumes", "AttachVolume", "DescribeVolumes"]);
    expect(api.sent("AttachVolume")).toMatchObject([{ Device: "/dev/sdp" }]);
  });

  it("is a matter of quota when every device name is taken", async () => {
    const { api, clock, iaas } = create();
    const names = "fghijklmnop".split("").map((letter) => `/dev/sd${letter}`);
    api.on(byId, volumes(volume("available"))).instances(withDevices(...names));
    await expect(pass(clock, iaas.volumes.attach(wanted))).rejects.toMatchObject({ code: "IAAS_QUOTA_EXCEEDED" });
    expect(api.sent("AttachVolume")).toEqual([]);
  });

  it("takes another device name when that one was taken meanwhile", async () => {
    const { api, clock, iaas } = create();
    const message = "Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use";
    api
      .on(byId, volumes(volume("available")), attached("i-1"))
      .on(
        "DescribeInstances",
        answer("DescribeInstances", instances(withDevices("/dev/sda1"))),
        answer("DescribeInstances", instances(withDevices("/dev/sda1", "/dev/sdf"))),
      )
      .on("AttachVolume", refused("InvalidParameterValue", 400, message), attaching);
    await pass(clock, iaas.volumes.attach(wanted));
    expect(api.sent("AttachVolume").map((form) => form["Device"])).toEqual(["/dev/sdf", "/dev/sdg"]);
  });

  it("is a conflict when the device name that is asked for is taken", async () => {
    const { api, clock, iaas } = create();
    const message = "Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use";
    api.on(byId, volumes(volume("available"))).on("AttachVolume", refused("InvalidParameterValue", 400, message));
    await expect(pass(clock, iaas.volumes.attach({ ...wanted, device: "/dev/sdf" }))).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "in-use",
    });
    expect(api.sent("AttachVolume")).toHaveLength(1);
  });

  it("waits for an instance that is still pending", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, volumes(volume("available")), attached("i-1"))
      .instances(withDevices())
      .on("AttachVolume", refused("IncorrectState", 400, "Instance 'i-1' is not 'running'."), attaching);
    await pass(clock, iaas.volumes.attach(wanted));
    expect(api.sent("AttachVolume")).toHaveLength(2);
  });

  it("is a conflict when another instance has the volume, also when it got it meanwhile", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, attached("i-8"), volumes(volume("available")), attached("i-8"))
      .instances(withDevices())
      .on("AttachVolume", refused("VolumeInUse", 400, `${id} is already attached to an instance`));
    const conflict = { code: "IAAS_CONFLICT", reason: "in-use", message: expect.stringContaining(id) as string };
    await expect(pass(clock, iaas.volumes.attach(wanted))).rejects.toMatchObject(conflict);
    expect(api.sent("AttachVolume")).toEqual([]);
    await expect(pass(clock, iaas.volumes.attach(wanted))).rejects.toMatchObject(conflict);
  });

  it("has succeeded when the repeat after a lost answer meets its own success", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, volumes(volume("available")), attached("i-1"))
      .instances(withDevices())
      .on("AttachVolume", lost, refused("VolumeInUse", 400, `${id} is already attached to an instance`));
    expect(await pass(clock, iaas.volumes.attach(wanted))).toMatchObject({ attachment: { instanceId: "i-1" } });
  });

  it("is success when the instance has it already", async () => {
    const { api, clock, iaas } = create();
    api.on(byId, attached("i-1"));
    await pass(clock, iaas.volumes.attach(wanted));
    expect(api.actions).toEqual(["DescribeVolumes"]);
  });

  it("is refused for a volume of another owner", async () => {
    const { api, clock, iaas } = create();
    api.on(byId, volumes(volume("available", undefined, { ...ownTags, "iaaskit:owner": "you" })));
    await expect(pass(clock, iaas.volumes.attach(wanted))).rejects.toMatchObject({ code: "IAAS_PERMISSION_DENIED" });
  });
});

describe("the name under which the guest sees a volume", () => {
  it.each([
    ["nitro", "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0a1b2c3d"],
    ["xen", "/dev/xvdf"],
  ])("follows the hypervisor: %s", async (hypervisor, name) => {
    const { api, clock, iaas } = create();
    api
      .on(byId, attached("i-1"))
      .instances(instance("i-1", { instanceType: "x1.small" }))
      .on("DescribeInstanceTypes", answer("DescribeInstanceTypes", { instanceTypeSet: [{ hypervisor }] }));
    expect(await pass(clock, iaas.volumes.guestDeviceName({ volumeId: id }))).toBe(name);
    expect(api.sent("DescribeInstanceTypes")).toMatchObject([{ "InstanceType.1": "x1.small" }]);
  });

  it("is none while it is not attached", async () => {
    const { api, clock, iaas } = create();
    api.on(byId, volumes(volume("available")));
    await expect(pass(clock, iaas.volumes.guestDeviceName({ volumeId: id }))).rejects.toMatchObject({
      reason: "wrong-state",
    });
  });
});

describe("letting a volume go on EC2", () => {
  it("detaches it from its instance and waits until it is available", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, attached("i-1"), attached("i-1", "detaching"), volumes(volume("available")))
      .on("DetachVolume", answer("DetachVolume", { status: "detaching" }));
    expect(await pass(clock, iaas.volumes.detach({ volumeId: id }))).toMatchObject({ state: "available" });
    expect(api.sent("DetachVolume")).toMatchObject([{ VolumeId: id, InstanceId: "i-1" }]);
  });

  it("has detached it when the repeat after a lost answer meets its own success", async () => {
    const { api, clock, iaas } = create();
    const message = `Volume '${id}' is in the 'available' state.`;
    api
      .on(byId, attached("i-1"), volumes(volume("available")))
      .on("DetachVolume", lost, refused("IncorrectState", 400, message));
    expect(await pass(clock, iaas.volumes.detach({ volumeId: id }))).toMatchObject({ state: "available" });
  });

  it("does not delete it while it is attached", async () => {
    const { api, clock, iaas } = create();
    api.on(byId, attached("i-1"));
    await expect(pass(clock, iaas.volumes.delete({ volumeId: id }))).rejects.toMatchObject({ reason: "in-use" });
    expect(api.actions).toEqual(["DescribeVolumes"]);
  });

  it("deletes it, and is success when it is gone", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, volumes(volume("available")), refused("InvalidVolume.NotFound"))
      .on("DeleteVolume", answer("DeleteVolume", { return: true }));
    await pass(clock, iaas.volumes.delete({ volumeId: id }));
    await pass(clock, iaas.volumes.delete({ volumeId: id }));
    expect(api.sent("DeleteVolume")).toMatchObject([{ VolumeId: id }]);
  });
});

function snapshot(status: string): Xml {
  const tags = tagSet({ ...ownTags, "iaaskit:key": "nightly" });
  return { snapshotId: "snap-1", volumeId: id, status, startTime: createdAt, tagSet: tags };
}
const snapshots = (...found: Xml[]) => answer("DescribeSnapshots", { snapshotSet: found });

describe("a snapshot on EC2", () => {
  it("is made once for a key, and waited for", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byId, volumes(volume("in-use")))
      .on("DescribeSnapshots", snapshots(), snapshots(snapshot("pending")), snapshots(snapshot("completed")))
      .on("CreateSnapshot", answer("CreateSnapshot", snapshot("pending")));
    const wanted = { volumeId: id, key: "nightly" };
    expect(await pass(clock, iaas.volumes.snapshot(wanted))).toMatchObject({ id: "snap-1", state: "available" });
    expect(await pass(clock, iaas.volumes.snapshot(wanted))).toMatchObject({ id: "snap-1" });
    expect(api.sent("CreateSnapshot")).toMatchObject([
      { VolumeId: id, "TagSpecification.1.ResourceType": "snapshot", "TagSpecification.1.Tag.2.Value": "nightly" },
    ]);
  });

  it("is one of this owner's in this account", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSnapshots", snapshots(snapshot("completed"))).on("DeleteSnapshot", answer("DeleteSnapshot"));
    expect(await pass(clock, all(iaas.volumes.listSnapshots()))).toMatchObject([{ id: "snap-1", volumeId: id }]);
    expect(api.sent("DescribeSnapshots")[0]).toMatchObject({ "Owner.1": "self", "Filter.1.Value.1": "me" });
    await pass(clock, iaas.volumes.deleteSnapshot({ snapshotId: "snap-1" }));
    await pass(clock, iaas.volumes.deleteSnapshot({ snapshotId: "snap-2" }));
    expect(api.sent("DeleteSnapshot")).toMatchObject([{ SnapshotId: "snap-1" }]);
  });
});
