import { describe, expect, it } from "vitest";

import { all, answer, create, lost, part, pass, refused, tagSet } from "../../support/ec2.ts";

const publicKey = `ssh-ed25519 ${"A".repeat(68)} me@here`;
const otherKey = `ssh-ed25519 ${"B".repeat(68)}`;
const imported = answer("ImportKeyPair", { keyName: "ops", keyPairId: "key-1", keyFingerprint: "xx" });
const none = answer("DescribeKeyPairs", { keySet: [] });

/** What DescribeKeyPairs answers when `ops` was imported by a request of this form. */
function found(form: Readonly<Record<string, string>>): string {
  const tags = Object.fromEntries(
    [1, 2, 3, 4, 5].map((index) => [
      form[`TagSpecification.1.Tag.${index}.Key`] ?? "",
      form[`TagSpecification.1.Tag.${index}.Value`] ?? "",
    ]),
  );
  return answer("DescribeKeyPairs", { keySet: [{ keyName: "ops", keyPairId: "key-1", tagSet: tagSet(tags) }] });
}

/** The request that imports `ops`. */
async function importRequest() {
  const { api, clock, iaas } = create();
  api.on("DescribeKeyPairs", none).on("ImportKeyPair", imported);
  await pass(clock, iaas.keyPairs.import({ name: "ops", publicKey }));
  return api.sent("ImportKeyPair")[0]!;
}

describe("importing a key pair on EC2", () => {
  it("sends the public key in base64, tagged with owner, name and digest", async () => {
    const form = await importRequest();
    expect(form).toMatchObject({ KeyName: "ops", "TagSpecification.1.ResourceType": "key-pair" });
    expect(Buffer.from(form["PublicKeyMaterial"] ?? "", "base64").toString()).toBe(publicKey);
    expect(Object.values(part(form, "TagSpecification.1.Tag."))).toEqual(
      expect.arrayContaining(["iaaskit:owner", "me", "iaaskit:key", "ops", "iaaskit:fingerprint"]),
    );
  });

  it("asks for this owner's key pairs first, and imports nothing when the same key is there", async () => {
    const known = found(await importRequest());
    const { api, clock, iaas } = create();
    api.on({ Action: "DescribeKeyPairs", "Filter.1.Name": "tag:iaaskit:owner", "Filter.1.Value.1": "me" }, known);
    expect(await pass(clock, iaas.keyPairs.import({ name: "ops", publicKey }))).toMatchObject({ id: "key-1" });
    expect(api.actions).toEqual(["DescribeKeyPairs"]);
  });

  it("is a conflict when the name stands for another key", async () => {
    const known = found(await importRequest());
    const { api, clock, iaas } = create();
    api.on("DescribeKeyPairs", known);
    await expect(pass(clock, iaas.keyPairs.import({ name: "ops", publicKey: otherKey }))).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "name-taken",
    });
  });

  it("is success when another process, or a lost answer, was faster with the same key", async () => {
    const known = found(await importRequest());
    const { api, clock, iaas } = create();
    api.on("DescribeKeyPairs", none, known).on("ImportKeyPair", lost, refused("InvalidKeyPair.Duplicate"));
    expect(await pass(clock, iaas.keyPairs.import({ name: "ops", publicKey }))).toMatchObject({ id: "key-1" });
  });

  it("is a conflict when the name is somebody else's", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeKeyPairs", none).on("ImportKeyPair", refused("InvalidKeyPair.Duplicate"));
    await expect(pass(clock, iaas.keyPairs.import({ name: "ops", publicKey }))).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "name-taken",
      vendorCode: "InvalidKeyPair.Duplicate",
    });
  });
});

describe("a key pair of EC2's own making", () => {
  it("gives its private key once, hidden", async () => {
    const { api, clock, iaas } = create();
    const material = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----";
    api.on("CreateKeyPair", answer("CreateKeyPair", { keyName: "ops", keyPairId: "key-2", keyMaterial: material }));
    const { keyPair, privateKey } = await pass(clock, iaas.keyPairs.generate({ name: "ops" }));
    expect(keyPair).toMatchObject({ id: "key-2", name: "ops", ownership: { owner: "me", key: "ops" } });
    expect(privateKey.reveal()).toBe(material);
    expect(JSON.stringify({ privateKey })).not.toContain("PRIVATE");
    expect(api.sent("CreateKeyPair")[0]).toMatchObject({ KeyName: "ops", KeyType: "ed25519" });
  });

  it("is not made a second time", async () => {
    const { api, clock, iaas } = create();
    api.on("CreateKeyPair", refused("InvalidKeyPair.Duplicate"));
    await expect(pass(clock, iaas.keyPairs.generate({ name: "ops" }))).rejects.toMatchObject({ reason: "name-taken" });
  });
});

describe("deleting a key pair on EC2", () => {
  it("deletes by name what this owner has, and nothing else", async () => {
    const known = found(await importRequest());
    const { api, clock, iaas } = create();
    api.on("DescribeKeyPairs", known, none).on("DeleteKeyPair", answer("DeleteKeyPair", { return: true }));
    await pass(clock, iaas.keyPairs.delete({ name: "ops" }));
    await pass(clock, iaas.keyPairs.delete({ name: "ops" }));
    expect(api.sent("DeleteKeyPair")).toMatchObject([{ KeyName: "ops" }]);
    expect(await pass(clock, all(iaas.keyPairs.list()))).toEqual([]);
  });
});
