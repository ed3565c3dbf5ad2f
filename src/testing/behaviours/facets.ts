import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";

import { collect } from "../../iaas/iteration.ts";
import type { SecurityGroupRule } from "../../iaas/security-groups.ts";
import type { Behaviour } from "../behaviour.ts";
import { rejection } from "../expectations.ts";

const web: SecurityGroupRule = { protocol: "tcp", fromPort: 80, toPort: 80, source: { cidr: "0.0.0.0/0" } };
const tls: SecurityGroupRule = { protocol: "tcp", fromPort: 443, toPort: 443, source: { cidr: "10.0.0.0/8" } };

/** A public key in OpenSSH's form. */
function publicKey(): string {
  const { publicKey: key } = generateKeyPairSync("ed25519");
  const raw = key.export({ type: "spki", format: "der" }).subarray(-32);
  const field = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  const body = Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64");
  return `ssh-ed25519 ${body} conformance`;
}

/** What a facet does when its flag is on. */
export const facets: readonly Behaviour[] = [
  {
    id: "floating-ips.life",
    name: "a floating IP is allocated once for a key, leads to an instance, and is given back",
    needs: "floatingIps",
    run: async ({ iaas, launch, launchOptions, key }) => {
      assert.ok(iaas.can("floatingIps"));
      const { floatingIps } = iaas;
      const wanted = key();
      const [first, again] = [await floatingIps.allocate({ key: wanted }), await floatingIps.allocate({ key: wanted })];
      assert.equal(again.address, first.address);
      const { id } = await launch({ ports: launchOptions().ports });
      await floatingIps.associate({ instanceId: id, address: first.address });
      assert.ok((await iaas.get(id)).addresses.public.includes(first.address));
      await floatingIps.disassociate({ address: first.address });
      assert.equal((await collect(floatingIps.list()))[0]?.instanceId, null);
      await floatingIps.release({ address: first.address });
      await floatingIps.release({ address: first.address });
      assert.deepEqual(await collect(floatingIps.list()), []);
    },
  },
  {
    id: "floating-ips.foreign",
    name: "a floating IP of another owner is neither used nor released",
    needs: "floatingIps",
    run: async ({ iaas, stranger, key }) => {
      assert.ok(iaas.can("floatingIps"));
      const other = await stranger();
      assert.ok(other.can("floatingIps"));
      const { address } = await other.floatingIps.allocate({ key: key() });
      await rejection(iaas.floatingIps.release({ address }), "IAAS_PERMISSION_DENIED");
      await rejection(iaas.floatingIps.associate({ instanceId: "i-0", address }), "IAAS_PERMISSION_DENIED");
      await other.floatingIps.release({ address });
    },
  },
  {
    id: "floating-ips.launch",
    name: "a launch with a floating IP has it, and terminating gives it back",
    needs: "floatingIps",
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("floatingIps"));
      const instance = await launch({ floatingIp: true });
      const [floatingIp] = await collect(iaas.floatingIps.list());
      assert.equal(floatingIp?.instanceId, instance.id);
      assert.ok(instance.addresses.public.includes(floatingIp.address));
      await iaas.terminate(instance.id);
      assert.deepEqual(await collect(iaas.floatingIps.list()), []);
    },
  },
  {
    id: "security-groups.life",
    name: "a security group is ensured once, its rules come and go, and it is deleted",
    needs: "securityGroups",
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("securityGroups"));
      const { securityGroups } = iaas;
      const name = key("group");
      const group = await securityGroups.ensure({ name, rules: [web] });
      assert.equal((await securityGroups.ensure({ name, rules: [web, tls] })).id, group.id);
      const rulesOf = async (): Promise<unknown> =>
        (await collect(securityGroups.list())).find(({ id }) => id === group.id)?.rules;
      assert.deepEqual(await rulesOf(), [web, tls]);
      await securityGroups.authorize({ id: group.id, rules: [tls] });
      await securityGroups.revoke({ id: group.id, rules: [web] });
      await securityGroups.revoke({ id: group.id, rules: [web] });
      assert.deepEqual(await rulesOf(), [tls]);
      await securityGroups.delete({ id: group.id });
      await securityGroups.delete({ id: group.id });
      assert.deepEqual(await collect(securityGroups.list()), []);
    },
  },
  {
    id: "security-groups.ports",
    name: "the ports of a launch become a security group, which goes with the instance",
    needs: "securityGroups",
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("securityGroups"));
      const { id } = await launch({ ports: [{ port: 8080, sources: ["10.0.0.0/8"] }] });
      const [group] = await collect(iaas.securityGroups.list());
      assert.deepEqual(group?.rules, [
        { protocol: "tcp", fromPort: 8080, toPort: 8080, source: { cidr: "10.0.0.0/8" } },
      ]);
      await iaas.terminate(id);
      assert.deepEqual(await collect(iaas.securityGroups.list()), []);
    },
  },
  {
    id: "key-pairs.import",
    name: "a public key is imported once, another one under its name is a conflict, and it is deleted",
    needs: "keyPairs.import",
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("keyPairs.import"));
      const { keyPairs } = iaas;
      const name = key("pair");
      const material = publicKey();
      const first = await keyPairs.import({ name, publicKey: material });
      assert.equal((await keyPairs.import({ name, publicKey: material })).id, first.id);
      await rejection(keyPairs.import({ name, publicKey: publicKey() }), "IAAS_CONFLICT");
      await rejection(keyPairs.import({ name, publicKey: "nonsense" }), "IAAS_INVALID_INPUT");
      await keyPairs.delete({ name });
      await keyPairs.delete({ name });
      assert.deepEqual(await collect(keyPairs.list()), []);
    },
  },
  {
    id: "key-pairs.generate",
    name: "a generated key pair gives its private key once, and hides it",
    needs: "keyPairs.generate",
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("keyPairs.generate"));
      const { keyPair, privateKey } = await iaas.keyPairs.generate({ name: key("pair") });
      assert.match(privateKey.reveal(), /PRIVATE KEY/);
      assert.equal(JSON.stringify({ privateKey }), '{"privateKey":"[secret]"}');
      await iaas.keyPairs.delete({ name: keyPair.name });
    },
  },
  {
    id: "volumes.life",
    name: "a volume is created once for a key, attached, detached and deleted",
    needs: "volumes",
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("volumes"));
      const { volumes } = iaas;
      const instance = await launch();
      const place = instance.placement.zone === null ? {} : { zone: instance.placement.zone };
      const wanted = { key: key("volume"), sizeGiB: 1, ...place };
      const volume = await volumes.create(wanted);
      assert.equal(volume.state, "available");
      assert.equal((await volumes.create(wanted)).id, volume.id);
      const attached = await volumes.attach({ volumeId: volume.id, instanceId: instance.id });
      assert.equal(attached.attachment?.instanceId, instance.id);
      assert.notEqual(await volumes.guestDeviceName({ volumeId: volume.id }), "");
      await rejection(volumes.delete({ volumeId: volume.id }), "IAAS_CONFLICT");
      assert.equal((await volumes.detach({ volumeId: volume.id })).state, "available");
      await volumes.delete({ volumeId: volume.id });
      await volumes.delete({ volumeId: volume.id });
    },
  },
  {
    id: "volumes.launch",
    name: "a launch with a volume has it, and terminating deletes it",
    needs: "volumes",
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("volumes"));
      const { id } = await launch({ volumes: [{ sizeGiB: 1 }] });
      const own = async (): Promise<number> =>
        (await collect(iaas.volumes.list())).filter(({ ownership }) => ownership?.key.includes("//volume")).length;
      assert.equal(await own(), 1);
      await iaas.terminate(id);
      assert.equal(await own(), 0);
    },
  },
  {
    id: "volumes.snapshot",
    name: "a snapshot keeps a volume, makes another one, and is deleted",
    needs: "volumes.snapshots",
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("volumes.snapshots"));
      const { volumes } = iaas;
      const { placement } = await launch();
      const place = placement.zone === null ? {} : { zone: placement.zone };
      const volume = await volumes.create({ key: key("volume"), sizeGiB: 1, ...place });
      const snapshot = await volumes.snapshot({ volumeId: volume.id, key: key("snapshot") });
      assert.equal(snapshot.state, "available");
      const copy = await volumes.create({ key: key("copy"), snapshotId: snapshot.id, ...place });
      assert.equal(copy.sizeGiB, 1);
      for (const { id } of [volume, copy]) await volumes.delete({ volumeId: id });
      await volumes.deleteSnapshot({ snapshotId: snapshot.id });
      assert.deepEqual(await collect(volumes.listSnapshots()), []);
    },
  },
  {
    id: "images.life",
    name: "an image is made of an instance once for a name, launches, and is deleted",
    needs: "images.create",
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("images.create"));
      const { images } = iaas;
      const source = await launch();
      const name = key("image");
      const image = await images.create({ instanceId: source.id, name });
      assert.equal((await images.create({ instanceId: source.id, name })).id, image.id);
      assert.equal((await images.find({ name })).id, image.id);
      assert.equal((await launch({ image: image.id })).imageId, image.id);
      await images.delete({ id: image.id });
      await images.delete({ id: image.id });
      await rejection(images.get({ id: image.id }), "IAAS_NOT_FOUND");
    },
  },
  {
    id: "images.visibility",
    name: "an image is shared with an account and made private again",
    needs: "images.visibility",
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("images.visibility"));
      const { images } = iaas;
      const { id: instanceId } = await launch();
      const { id } = await images.create({ instanceId, name: key("image") });
      await images.setVisibility({ id, visibility: { sharedWith: ["111122223333"] } });
      await images.setVisibility({ id, visibility: "private" });
      await images.delete({ id });
    },
  },
  {
    id: "catalog.sizes",
    name: "the smallest size that meets a requirement does, and none is NotFound",
    needs: "catalog",
    run: async ({ iaas }) => {
      assert.ok(iaas.can("catalog"));
      const { catalog } = iaas;
      const [any] = await collect(catalog.sizes());
      const architecture = any?.architectures[0];
      const size = await catalog.findSize({ minCpus: 1, minMemoryMiB: 512, architecture });
      assert.ok(size.cpus >= 1 && size.memoryMiB >= 512);
      await rejection(catalog.findSize({ minCpus: 1e6, minMemoryMiB: 1 }), "IAAS_NOT_FOUND");
      await rejection(catalog.findSize({ minCpus: 0, minMemoryMiB: 1 }), "IAAS_INVALID_INPUT");
    },
  },
  {
    id: "catalog.places",
    name: "there are regions, and zones in them",
    needs: "catalog",
    run: async ({ iaas }) => {
      assert.ok(iaas.can("catalog"));
      const regions = new Set((await collect(iaas.catalog.regions())).map(({ id }) => id));
      const zones = await collect(iaas.catalog.zones());
      assert.ok(zones.length > 0);
      assert.ok(zones.every(({ region }) => regions.has(region)));
    },
  },
];
