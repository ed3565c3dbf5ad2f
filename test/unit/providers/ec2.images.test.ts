import { describe, expect, it } from "vitest";

import { all, answer, create, ownTags, part, pass, refused, tagSet, type Xml } from "../../support/ec2.ts";

function image(id: string, more: { readonly [name: string]: Xml } = {}, tags: object = ownTags): Xml {
  return {
    imageId: id,
    imageState: "available",
    name: "web",
    architecture: "x86_64",
    creationDate: "2030-01-01T00:00:00.000Z",
    tagSet: tagSet({ ...tags }),
    ...more,
  };
}
const images = (...found: Xml[]) => answer("DescribeImages", { imagesSet: found });

describe("finding an image on EC2", () => {
  it("reads one by its id", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeImages", images(image("ami-1", { architecture: "arm64" })));
    expect(await pass(clock, iaas.images.get({ id: "ami-1" }))).toEqual({
      id: "ami-1",
      name: "web",
      state: "available",
      architecture: "arm64",
      createdAt: new Date("2030-01-01T00:00:00Z"),
      ownership: { owner: "me", key: "job-1", generation: 0, fingerprint: null },
    });
    expect(api.requests).toMatchObject([{ "ImageId.1": "ami-1" }]);
  });

  it.each(["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"])("does not find one with %s", async (code) => {
    const { api, clock, iaas } = create();
    api.on("DescribeImages", refused(code));
    await expect(pass(clock, iaas.images.get({ id: "ami-1" }))).rejects.toMatchObject({ code: "IAAS_NOT_FOUND" });
  });

  it("takes the newest of a publisher's that has the name exactly, over all pages", async () => {
    const { api, clock, iaas } = create();
    const name = "ubuntu*[1]?";
    const older = image("ami-1", { name, creationDate: "2029-01-01T00:00:00.000Z" });
    const newest = image("ami-3", { name, creationDate: "2030-06-01T00:00:00.000Z" });
    const pending = image("ami-4", { name, imageState: "pending", creationDate: "2031-01-01T00:00:00.000Z" });
    const other = image("ami-5", { name: "ubuntu-x[1]y", creationDate: "2032-01-01T00:00:00.000Z" });
    const first = answer("DescribeImages", { imagesSet: [older, pending], nextToken: "two" });
    api.on({ Action: "DescribeImages", NextToken: "two" }, images(newest, other)).on("DescribeImages", first);
    expect(await pass(clock, iaas.images.find({ name, publisher: "099720109477" }))).toMatchObject({ id: "ami-3" });
    expect(api.requests[0]).toMatchObject({
      "Owner.1": "099720109477",
      "Filter.1.Name": "name",
      "Filter.1.Value.1": String.raw`ubuntu\*[1]\?`,
    });
  });

  it("looks in this account where no publisher is named, and asks for the owner's in a list", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeImages", images(image("ami-1"), image("ami-2", {}, {})));
    await pass(clock, iaas.images.find({ name: "web" }));
    expect((await pass(clock, all(iaas.images.list()))).map(({ id }) => id)).toEqual(["ami-1"]);
    expect(api.requests).toMatchObject([
      { "Owner.1": "self", "Filter.1.Name": "name" },
      { "Owner.1": "self", "Filter.1.Name": "tag:iaaskit:owner", "Filter.1.Value.1": "me" },
    ]);
  });
});

describe("making an image on EC2", () => {
  it("tags the image and its snapshots, and waits until it is available", async () => {
    const { api, clock, iaas } = create();
    api
      .on(
        { Action: "DescribeImages", "ImageId.1": "ami-1" },
        images(image("ami-1", { imageState: "pending" })),
        images(image("ami-1")),
      )
      .on("DescribeImages", images())
      .on("CreateImage", answer("CreateImage", { imageId: "ami-1" }));
    const made = await pass(clock, iaas.images.create({ instanceId: "i-1", name: "web" }));
    expect(made).toMatchObject({ id: "ami-1", state: "available" });
    const [form] = api.sent("CreateImage");
    expect(form).toMatchObject({
      InstanceId: "i-1",
      Name: "web",
      "TagSpecification.1.ResourceType": "image",
      "TagSpecification.2.ResourceType": "snapshot",
    });
    for (const prefix of ["TagSpecification.1.Tag.", "TagSpecification.2.Tag."]) {
      expect(Object.values(part(form!, prefix))).toEqual(expect.arrayContaining(["iaaskit:owner", "me", "web"]));
    }
  });

  it("fails when EC2 gives up on it", async () => {
    const { api, clock, iaas } = create();
    api
      .on({ Action: "DescribeImages", "ImageId.1": "ami-1" }, images(image("ami-1", { imageState: "failed" })))
      .on("DescribeImages", images())
      .on("CreateImage", answer("CreateImage", { imageId: "ami-1" }));
    const making = iaas.images.create({ instanceId: "i-1", name: "web" });
    await expect(pass(clock, making)).rejects.toMatchObject({ code: "IAAS_PROVIDER_FAILURE" });
  });
});

describe("deleting an image on EC2", () => {
  const disks = ["snap-1", "snap-2"].map((snapshotId, index) => ({
    deviceName: `/dev/sd${index}`,
    ebs: { snapshotId },
  }));
  const withDisks = image("ami-1", {
    blockDeviceMapping: [...disks, { deviceName: "/dev/sdz", virtualName: "ephemeral0" }],
  });

  it("deregisters it first, and deletes its snapshots then", async () => {
    const { api, clock, iaas } = create();
    api
      .on("DescribeImages", images(withDisks))
      .on("DeregisterImage", answer("DeregisterImage", { return: true }))
      .on("DeleteSnapshot", answer("DeleteSnapshot", { return: true }));
    await pass(clock, iaas.images.delete({ id: "ami-1" }));
    expect(api.requests.filter((form) => form["Action"] !== "DescribeImages")).toMatchObject([
      { Action: "DeregisterImage", ImageId: "ami-1" },
      { Action: "DeleteSnapshot", SnapshotId: "snap-1" },
      { Action: "DeleteSnapshot", SnapshotId: "snap-2" },
    ]);
  });

  it("deletes every snapshot, also behind one that is gone", async () => {
    const { api, clock, iaas } = create();
    api
      .on("DescribeImages", images(withDisks))
      .on("DeregisterImage", answer("DeregisterImage", { return: true }))
      .on("DeleteSnapshot", refused("InvalidSnapshot.NotFound"), answer("DeleteSnapshot", { return: true }));
    await pass(clock, iaas.images.delete({ id: "ami-1" }));
    expect(api.sent("DeleteSnapshot")).toHaveLength(2);
  });

  it("is success when it is gone, before or meanwhile", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeImages", images(), images(withDisks)).on("DeregisterImage", refused("InvalidAMIID.Unavailable"));
    await pass(clock, iaas.images.delete({ id: "ami-1" }));
    expect(api.actions).toEqual(["DescribeImages"]);
    await pass(clock, iaas.images.delete({ id: "ami-1" }));
    expect(api.sent("DeregisterImage")).toHaveLength(1);
  });

  it("is refused for an image that this owner has not made", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeImages", images(image("ami-1", {}, {})));
    await expect(pass(clock, iaas.images.delete({ id: "ami-1" }))).rejects.toMatchObject({
      code: "IAAS_PERMISSION_DENIED",
    });
    expect(api.actions).toEqual(["DescribeImages"]);
  });
});

describe("the visibility of an image on EC2", () => {
  const [first, second] = ["111111111111", "222222222222"];
  const prefix = "LaunchPermission.";

  it.each([
    ["private", [{ group: "all" }, { userId: first }], { "Remove.1.Group": "all", "Remove.2.UserId": first }],
    ["public", [{ userId: first }], { "Add.1.Group": "all", "Remove.1.UserId": first }],
    [{ sharedWith: [first, second] }, [{ userId: first }], { "Add.1.UserId": second }],
    [{ sharedWith: [second] }, [{ userId: first }], { "Add.1.UserId": second, "Remove.1.UserId": first }],
    [{ sharedWith: [first] }, [{ userId: first }], null],
    ["private", [], null],
  ] as const)("becomes %j with the fewest changes", async (visibility, present, changes) => {
    const { api, clock, iaas } = create();
    api
      .on("DescribeImages", images(image("ami-1")))
      .on("DescribeImageAttribute", answer("DescribeImageAttribute", { imageId: "ami-1", launchPermission: present }));
    if (changes !== null) api.on("ModifyImageAttribute", answer("ModifyImageAttribute", { return: true }));
    await pass(clock, iaas.images.setVisibility({ id: "ami-1", visibility }));
    const sent = api.sent("ModifyImageAttribute").map((form) => part(form, prefix));
    const expected = Object.entries(changes ?? {}).map(([name, value]) => [`${prefix}${name}`, value] as const);
    expect(sent).toEqual(changes === null ? [] : [Object.fromEntries(expected)]);
  });
});
