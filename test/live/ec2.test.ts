import { generateKeyPairSync, randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";

import {
  CloudController,
  type ControllerConfig,
  Payload,
  payloadFormats,
  readCartridges,
  resolveCartridge,
} from "iaaskit";
import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { projectPath } from "../support/folders.ts";
import { childWith } from "./support/child.ts";
import { bed, credentials, iaasOf, instanceIds, launchable, motoIn, tracked, userDataOf } from "./support/moto.ts";
import { proxyTo } from "./support/proxy.ts";

const { afterAll, describe, expect, it } = vitest;

const otherRegion = bed.region === "eu-west-1" ? "us-east-1" : "eu-west-1";
const moto = motoIn();
const leftovers = await tracked([bed.region, otherRegion]);
/** Different in every run, so that a run does not meet another one's machines. */
const run = `run-${randomBytes(4).toString("hex")}`;

/**
 * What moto 5.2.1 lacks: it takes no notice of client tokens, attaches a volume twice, and answers 500 to a CreateImage
 * with tags for the snapshots; wire tests show that they are sent.
 */
const mended = await proxyTo(bed.endpoint, {
  honourTokens: true,
  refuse: async (action, form) => {
    if (action !== "AttachVolume") return null;
    const { Volumes: found = [] } = await moto.describeVolumes({ VolumeIds: [form.get("VolumeId") ?? ""] });
    return (found[0]?.Attachments ?? []).length > 0 ? "VolumeInUse" : null;
  },
  rewrite: (form) => {
    if (form.get("Action") !== "CreateImage" || form.get("TagSpecification.2.ResourceType") !== "snapshot") return;
    const names = [...form.keys()].filter((name) => name.startsWith("TagSpecification.2."));
    for (const name of names) form.delete(name);
  },
});
afterAll(async () => await mended[Symbol.asyncDispose]());

describe("ec2 against moto", () => {
  conformance(vitest, {
    create: (owner) => iaasOf(owner, { endpoint: mended.endpoint }),
    launch: { ...launchable, ports: [{ port: 80 }] },
    payloadOf: async (id) => await userDataOf(moto, id),
    tracker: leftovers,
    secrets: [credentials.secretAccessKey],
  });
});

describe("a hundred parallel claims of ten Elastic IPs, by four clients of one owner", () => {
  it("give each address to one instance, refuse the other ninety, and leave a foreign address alone", async () => {
    const owner = `${run}/claims`;
    const clients = [1, 2, 3, 4].map(() => iaasOf(owner));
    const [first] = clients;
    const { Instances: started = [] } = await moto.runInstances({
      ImageId: bed.imageId,
      InstanceType: "t3.micro",
      MinCount: 100,
      MaxCount: 100,
    });
    const ids = started.map(({ InstanceId = "" }) => InstanceId);
    const { AllocationId: foreign } = await moto.allocateAddress({ Domain: "vpc" });
    const own = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => await first!.floatingIps.allocate({ key: `address-${index}` })),
    );

    const claims = await Promise.allSettled(
      ids.map(async (instanceId, index) => await clients[index % 4]!.floatingIps.associate({ instanceId })),
    );
    const claimed = claims.flatMap((claim) => (claim.status === "fulfilled" ? [claim.value] : []));
    const refused = claims.flatMap((claim) => (claim.status === "rejected" ? [claim.reason as { code: string }] : []));
    const { Addresses: found = [] } = await moto.describeAddresses();
    const leadsTo = new Map(found.map(({ PublicIp, InstanceId }) => [PublicIp, InstanceId]));

    expect(ids).toHaveLength(100);
    expect(claimed.map(({ address }) => address).toSorted()).toEqual(own.map(({ address }) => address).toSorted());
    expect(new Set(claimed.map(({ instanceId }) => instanceId)).size).toBe(10);
    expect(claimed.map(({ address }) => leadsTo.get(address))).toEqual(claimed.map(({ instanceId }) => instanceId));
    expect(refused.map(({ code }) => code)).toEqual(Array.from({ length: 90 }, () => "IAAS_INSUFFICIENT_CAPACITY"));
    expect(found.find(({ AllocationId }) => AllocationId === foreign)?.AssociationId).toBeUndefined();

    await Promise.all(own.map(async ({ address }) => await first!.floatingIps.release({ address })));
    await moto.releaseAddress({ AllocationId: foreign });
    await moto.terminateInstances({ InstanceIds: ids });
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
});

describe("user data", () => {
  const big = Payload.file("/opt/big.txt", "a line that repeats\n".repeat(5_000));
  const bytes = Uint8Array.from({ length: 16_384 }, (_, index) => (index * 7 + (index >> 8)) % 256);
  const text = "#!/bin/sh\r\necho 'é € 😀 <&>' \\ $(x)\n\n";

  it.each([
    ["a text", Payload.raw(text), (data: Buffer) => data, Buffer.from(text)],
    ["16 KiB of all bytes", Payload.raw(bytes), (data: Buffer) => data, Buffer.from(bytes)],
    ["what looks like base64", Payload.raw("aGVsbG8="), (data: Buffer) => data, Buffer.from("aGVsbG8=")],
    ["what had to be compressed", big, gunzipSync, Buffer.from(payloadFormats.mime.write(big))],
  ])("is read back byte for byte: %s", async (_, payload, decode, expected) => {
    await using iaas = iaasOf(`${run}/user-data`);
    const { id } = await iaas.launch({ ...launchable, key: randomBytes(4).toString("hex"), payload });
    const data = await userDataOf(moto, id);
    expect(data === null ? null : Buffer.compare(decode(data), expected)).toBe(0);
    await iaas.terminate(id);
  });

  it("is not there when there is no payload", async () => {
    await using iaas = iaasOf(`${run}/user-data`);
    const { id } = await iaas.launch({ ...launchable, key: "none" });
    expect(await userDataOf(moto, id)).toBeNull();
    await iaas.terminate(id);
  });
});

describe("a process that is killed in the middle of a launch", () => {
  const owner = `${run}/crash`;

  it.each([
    ["before the answer to RunInstances has arrived", "RunInstances"],
    ["before the answer to AllocateAddress has arrived", "AllocateAddress"],
    ["before the answer to AssociateAddress has arrived", "AssociateAddress"],
  ])("%s leaves one instance, and the same launch finishes it", async (_, at) => {
    const key = `killed-at-${at}`;
    const launch = { ...launchable, key, ports: [{ port: 80 }], floatingIp: true, until: "running" } as const;
    await using proxy = await proxyTo(bed.endpoint, {
      answered: async (action) => {
        if (action !== at) return;
        child.kill();
        await child.ended();
      },
    });
    const child = childWith({ iaas: { owner, region: bed.region, endpoint: proxy.endpoint, credentials }, launch });
    expect(await child.ended()).toMatchObject({ signal: "SIGKILL", output: "" });
    const made = await instanceIds(moto, key);
    expect(made).toHaveLength(1);

    await using iaas = iaasOf(owner);
    const instance = await iaas.launch(launch);
    expect(instance).toMatchObject({ id: made[0], state: "running" });
    expect(await instanceIds(moto, key)).toEqual(made);
    const { Addresses: addresses = [] } = await moto.describeAddresses();
    const own = addresses.filter(({ Tags = [] }) => Tags.some(({ Value }) => Value?.startsWith(`${key}//`)));
    expect(own.map(({ InstanceId }) => InstanceId)).toEqual(made);
    await iaas.terminate({ key });
  });
});

describe("a process that is killed after it has gone on from one region to another", () => {
  it("has left one instance in all, which the same launch gives although the first region has room by then", async () => {
    const key = "failed-over";
    const config = (first: string, second: string): ControllerConfig => ({
      owner: `${run}/failover`,
      iaases: [
        { type: "first", provider: "ec2", region: bed.region, endpoint: first, credentials },
        { type: "second", provider: "ec2", region: otherRegion, endpoint: second, credentials },
      ],
      cartridges: [{ type: "job", ...launchable, iaasProviders: [{ type: "first" }, { type: "second" }] }],
    });
    await using full = await proxyTo(bed.endpoint, {
      refuse: (action) => (action === "RunInstances" ? "InsufficientInstanceCapacity" : null),
    });
    await using deadly = await proxyTo(bed.endpoint, {
      answered: async (action) => {
        if (action !== "RunInstances") return;
        child.kill();
        await child.ended();
      },
    });
    const child = childWith({ config: config(full.endpoint, deadly.endpoint), cartridge: "job", key });
    expect(await child.ended()).toMatchObject({ signal: "SIGKILL", output: "" });
    expect(full.actions).toContain("RunInstances");
    const made = await instanceIds(motoIn(otherRegion), key);
    expect(made).toHaveLength(1);

    await using controller = await CloudController.fromConfig(config(bed.endpoint, bed.endpoint));
    const placed = await controller.launch("job", { key });
    expect(placed).toMatchObject({ on: "second", instance: { id: made[0] } });
    expect(await instanceIds(moto, key)).toEqual([]);
    expect(await instanceIds(motoIn(otherRegion), key)).toEqual(made);
    await controller.terminate(key);
  });
});

describe("the example's PHP cartridge", () => {
  it("is launched on EC2 with its user data, and ended", async () => {
    const config: ControllerConfig = {
      owner: `${run}/php`,
      iaases: [{ type: "ec2", region: bed.region, endpoint: bed.endpoint, credentials }],
      cartridges: [projectPath("examples/cartridges/php.xml")],
    };
    await using controller = await CloudController.fromConfig(config);
    await using iaas = iaasOf(`${run}/php`);
    const names = ["manager", "cep", "mb"];
    const groups = await Promise.all(names.map(async (name) => await iaas.securityGroups.ensure({ name })));
    await iaas.keyPairs.import({ name: "aa", publicKey: publicKey() });

    const overrides = launchable;
    const { on, instance } = await controller.launch("php", { key: "php-1", on: "ec2", overrides });
    const { Reservations = [] } = await moto.describeInstances({ InstanceIds: [instance.id] });
    const { KeyName, ImageId, InstanceType, SecurityGroups = [] } = Reservations[0]?.Instances?.[0] ?? {};
    expect({ on, KeyName, ImageId, InstanceType }).toEqual({
      on: "ec2",
      KeyName: "aa",
      ImageId: bed.imageId,
      InstanceType: bed.instanceType,
    });
    const groupNames = SecurityGroups.map(({ GroupName }) => GroupName);
    expect(new Set(groupNames)).toEqual(new Set(["manager", "cep", "mb", "default"]));

    const { cartridges } = await readCartridges(projectPath("examples/cartridges/php.xml"));
    const { payload = Payload.empty, payloadFormat = "mime" } = resolveCartridge(cartridges[0]!, {
      on: "ec2",
      call: overrides,
    });
    const data = await userDataOf(moto, instance.id);
    expect(data?.toString()).toBe(Buffer.from(payloadFormats[payloadFormat].write(payload)).toString());
    expect(payloadFormats[payloadFormat].read(data!).environment).toMatchObject({
      SERVICE_NAME: "php",
      PLACE: "ec2",
      PORTS: "80|443",
      DEPLOYMENT: "default",
    });

    await controller.terminate("php-1");
    expect(await instanceIds(moto, "php-1")).toEqual([]);
    for (const { id } of groups) await iaas.securityGroups.delete({ id });
    await iaas.keyPairs.delete({ name: "aa" });
  });
});

describe("this run", () => {
  it("has left nothing at moto", async () => {
    expect(await leftovers()).toEqual([]);
  });
});

afterAll(() => moto.destroy());

/** A field of a key in OpenSSH's form: its length, then itself. */
function field(bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
}

/** A public key in OpenSSH's form. */
function publicKey(): string {
  const raw = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64")} live`;
}
