import { Payload } from "iaaskit";
import { describe, expect, it } from "vitest";

import {
  answer,
  create,
  instance,
  launched,
  launchOptions,
  launchRequest,
  ownTags,
  part,
  pass,
} from "../../support/ec2.ts";

describe("a launch on EC2", () => {
  it("is one RunInstances request with everything in it", async () => {
    const fingerprint = expect.stringMatching(/^[0-9a-f]{24}$/) as string;
    expect(await launchRequest()).toEqual({
      Action: "RunInstances",
      Version: "2016-11-15",
      ImageId: "ami-1",
      InstanceType: "t3.micro",
      MinCount: "1",
      MaxCount: "1",
      ClientToken: "8c10d0758f912fecaf779d9ba17165de",
      "MetadataOptions.HttpTokens": "required",
      "MetadataOptions.HttpPutResponseHopLimit": "1",
      "MetadataOptions.HttpEndpoint": "enabled",
      "TagSpecification.1.ResourceType": "instance",
      "TagSpecification.1.Tag.1.Key": "iaaskit:owner",
      "TagSpecification.1.Tag.1.Value": "me",
      "TagSpecification.1.Tag.2.Key": "iaaskit:key",
      "TagSpecification.1.Tag.2.Value": "job-1",
      "TagSpecification.1.Tag.3.Key": "iaaskit:generation",
      "TagSpecification.1.Tag.3.Value": "0",
      "TagSpecification.1.Tag.4.Key": "iaaskit:fingerprint",
      "TagSpecification.1.Tag.4.Value": fingerprint,
      "TagSpecification.1.Tag.5.Key": "Name",
      "TagSpecification.1.Tag.5.Value": "job-1-47c7fcba",
      "TagSpecification.2.ResourceType": "volume",
      "TagSpecification.2.Tag.1.Key": "iaaskit:owner",
      "TagSpecification.2.Tag.1.Value": "me",
      "TagSpecification.2.Tag.2.Key": "iaaskit:key",
      "TagSpecification.2.Tag.2.Value": "job-1//image-volume",
      "TagSpecification.2.Tag.3.Key": "iaaskit:generation",
      "TagSpecification.2.Tag.3.Value": "0",
      "TagSpecification.2.Tag.4.Key": "iaaskit:fingerprint",
      "TagSpecification.2.Tag.4.Value": fingerprint,
      "TagSpecification.2.Tag.5.Key": "Name",
      "TagSpecification.2.Tag.5.Value": "job-1-47c7fcba",
    });
  });

  it("asks for the key first and for the image then, and for nothing else", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", launched);
    await pass(clock, iaas.launch(launchOptions));
    expect(api.actions).toEqual(["DescribeInstances", "DescribeImages", "RunInstances"]);
    expect(api.sent("DescribeInstances")[0]).toMatchObject({
      "Filter.1.Name": "tag:iaaskit:owner",
      "Filter.1.Value.1": "me",
      "Filter.2.Name": "tag:iaaskit:key",
      "Filter.2.Value.1": "job-1",
    });
  });

  it("gives the instance that EC2 has answered with", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", launched);
    expect(await pass(clock, iaas.launch(launchOptions))).toMatchObject({
      id: "i-1",
      state: "running",
      name: "one",
      ownership: { owner: "me", key: "job-1", generation: 0 },
      placement: { region: "eu-west-1", zone: "eu-west-1a", host: null },
    });
  });

  it("is unavailable, and not an instance without an id, when EC2 names no instance", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", answer("RunInstances", { reservationId: "r-1" }));
    await expect(pass(clock, iaas.launch(launchOptions))).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      outcome: "unknown",
    });
  });

  it("sends the caller's name and tags", async () => {
    const tags = part(await launchRequest({ name: "web 1", tags: { team: "red & blue" } }), "TagSpecification.1.Tag.");
    expect(Object.values(tags)).toEqual(expect.arrayContaining(["team", "red & blue", "Name", "web 1"]));
  });

  it.each([
    ["a text", Payload.raw("#!/bin/sh\necho hé\n"), "IyEvYmluL3NoCmVjaG8gaMOpCg=="],
    ["bytes", Payload.raw(new Uint8Array([0x1f, 0x8b, 0x00, 0xff])), "H4sA/w=="],
    ["what is base64 already", Payload.raw("aGVsbG8="), "YUdWc2JHOD0="],
  ])("encodes %s in base64 once", async (_, payload, expected) => {
    expect((await launchRequest({ payload }))["UserData"]).toBe(expected);
  });

  it("sends 16 KiB of user data, and refuses one byte more before any request", async () => {
    const atLimit = await launchRequest({ payload: Payload.raw(new Uint8Array(16_384).fill(120)) });
    expect(atLimit["UserData"]).toHaveLength(21_848);
    const { api, iaas } = create();
    const over = iaas.launch({ ...launchOptions, payload: Payload.raw(new Uint8Array(16_385).fill(120)) });
    await expect(over).rejects.toMatchObject({ code: "IAAS_PAYLOAD_TOO_LARGE", sizeBytes: 16_385 });
    expect(api.requests).toEqual([]);
  });

  it("names the key pair", async () => {
    expect(await launchRequest({ keyPair: "ops" })).toMatchObject({ KeyName: "ops" });
  });

  it("places the instance in a zone", async () => {
    const form = await launchRequest({ partition: { zone: "eu-west-1b" } }, (api) => {
      api.withZones("eu-west-1a", "eu-west-1b");
    });
    expect(part(form, "Placement.")).toEqual({ "Placement.AvailabilityZone": "eu-west-1b" });
  });

  it("places the instance on a dedicated host", async () => {
    const form = await launchRequest({ partition: { host: "h-1" } }, (api) => {
      const hosts = [{ hostId: "h-1", availabilityZone: "eu-west-1a", state: "available" }];
      api.on("DescribeHosts", answer("DescribeHosts", { hostSet: hosts }));
    });
    expect(part(form, "Placement.")).toEqual({ "Placement.HostId": "h-1" });
  });

  it("refuses a zone and a host that are not there, and launches nothing", async () => {
    const { api, clock, iaas } = create();
    api
      .instances()
      .withZones("eu-west-1a")
      .on("DescribeHosts", answer("DescribeHosts", { hostSet: [] }));
    const launch = async (partition: object) => await pass(clock, iaas.launch({ ...launchOptions, partition }));
    await expect(launch({ zone: "eu-west-1z" })).rejects.toMatchObject({ field: "partition.zone" });
    await expect(launch({ host: "h-1" })).rejects.toMatchObject({ field: "partition.host" });
    expect(api.sent("RunInstances")).toEqual([]);
  });

  it("refuses an image that is not there, and launches nothing", async () => {
    const { api, clock, iaas } = create();
    api.instances().on("DescribeImages", answer("DescribeImages", { imagesSet: [] }));
    await expect(pass(clock, iaas.launch(launchOptions))).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "image",
    });
    expect(api.sent("RunInstances")).toEqual([]);
  });
});

async function withOptions(ec2: object) {
  return await launchRequest({ providerOptions: { ec2, other: { spot: true } } });
}

describe("settings of a launch that only EC2 has", () => {
  it("ask for a spot instance at any price, or at a highest one", async () => {
    const prefix = "InstanceMarketOptions.";
    const market = { [`${prefix}MarketType`]: "spot", [`${prefix}SpotOptions.SpotInstanceType`]: "one-time" };
    expect(part(await withOptions({ spot: true }), prefix)).toEqual(market);
    expect(part(await withOptions({ spot: { maxPrice: "0.05" } }), prefix)).toEqual({
      ...market,
      [`${prefix}SpotOptions.MaxPrice`]: "0.05",
    });
  });

  it("name an instance profile by its name or its ARN", async () => {
    const arn = "arn:aws:iam::111122223333:instance-profile/web";
    expect(await withOptions({ iamInstanceProfile: "web" })).toMatchObject({ "IamInstanceProfile.Name": "web" });
    expect(await withOptions({ iamInstanceProfile: arn })).toMatchObject({ "IamInstanceProfile.Arn": arn });
  });

  it("allow the old metadata service", async () => {
    expect(await withOptions({ metadataTokens: "optional" })).toMatchObject({
      "MetadataOptions.HttpTokens": "optional",
      "MetadataOptions.HttpPutResponseHopLimit": "1",
    });
  });

  it.each([
    [{ spot: { maxPrice: "cheap" } }, "providerOptions.ec2.spot"],
    [{ metadataTokens: "never" }, "providerOptions.ec2.metadataTokens"],
    [{ iamInstanceProfile: "" }, "providerOptions.ec2.iamInstanceProfile"],
  ])("are refused when they are wrong, before any request: %j", async (ec2, field) => {
    const { api, iaas } = create();
    await expect(iaas.launch({ ...launchOptions, providerOptions: { ec2 } })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: expect.stringContaining(field) as string,
    });
    expect(api.requests).toEqual([]);
  });
});

describe("a launch by a key that has an instance", () => {
  it("gives the instance, and launches nothing", async () => {
    const { api, clock, iaas } = create();
    api.instances(instance("i-7"));
    expect(await pass(clock, iaas.launch(launchOptions))).toMatchObject({ id: "i-7" });
    expect(api.actions).toEqual(["DescribeInstances"]);
  });

  it("launches the next generation, with another token, when the instance has ended", async () => {
    const { api, clock, iaas } = create();
    const ended = instance(
      "i-7",
      { instanceState: { code: 48, name: "terminated" } },
      { ...ownTags, "iaaskit:generation": "4" },
    );
    api.instances(ended).withImage().on("RunInstances", launched);
    await pass(clock, iaas.launch(launchOptions));
    const [form] = api.sent("RunInstances");
    expect(form).toMatchObject({ "TagSpecification.1.Tag.3.Value": "5" });
    expect(form?.["ClientToken"]).not.toBe("8c10d0758f912fecaf779d9ba17165de");
  });
});
