import { createPrivateKey, createPublicKey } from "node:crypto";

import { describe, expect, it } from "vitest";

import { facetsOf } from "../../support/facets.ts";
import { all, create, failureOf, type OpenStackApi, ownership, pass } from "../../support/openstack.ts";

/** An Iaas that has been probed, and OpenStack. */
async function probed(prepare: (api: OpenStackApi) => unknown) {
  const made = create();
  prepare(made.api.ready().probed());
  await pass(made.clock, made.iaas.probe());
  return made;
}

describe("key pairs of Nova", () => {
  const list = "GET compute /os-keypairs";
  const post = "POST compute /os-keypairs";
  const material = `AAAAC3NzaC1lZDI1NTE5AAAAI${"A".repeat(43)}`;

  it("carry owner, name and digest in the public key's comment, and are found by it", async () => {
    const { api, clock, iaas } = create();
    api
      .ready()
      .on(list, { body: { keypairs: [] } })
      .on(post, { body: { keypair: { name: "deploy" } } });
    await pass(clock, iaas.keyPairs.import({ name: "deploy", publicKey: `ssh-ed25519 ${material} alice@laptop` }));
    const sent = (api.sent(post)[0]!.body as { readonly keypair: { readonly public_key: string } }).keypair.public_key;
    expect(sent).toMatch(/^ssh-ed25519 AAAA\S+ iaaskit:me deploy [0-9a-f]{24}$/);

    const { api: later, clock: time, iaas: other } = create();
    const pair = (name: string, public_key: string) => ({ keypair: { name, public_key } });
    later.ready().on(list, {
      body: {
        keypairs: [pair("deploy", sent), pair("theirs", `ssh-ed25519 ${material} alice@laptop`), pair("copy", sent)],
      },
    });
    expect(await pass(time, all(other.keyPairs.list()))).toMatchObject([
      { name: "deploy", ownership: { owner: "me" } },
    ]);
  });

  it("are generated here, so that the private key never travels and fits the public one that does", async () => {
    const { api, clock, iaas } = create();
    api.ready().on(post, { body: { keypair: { name: "k" } } });
    const { privateKey } = await pass(clock, iaas.keyPairs.generate({ name: "k" }));
    const sent = (api.sent(post)[0]!.body as { readonly keypair: { readonly public_key: string } }).keypair.public_key;
    const { n = "" } = createPublicKey(createPrivateKey(privateKey.reveal())).export({ format: "jwk" });
    expect(privateKey.reveal()).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
    const [, blob = ""] = sent.split(" ");
    expect(Buffer.from(blob, "base64").includes(Buffer.from(n, "base64url"))).toBe(true);
    expect(sent).toMatch(/^ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB\S+ iaaskit:me k$/);
  });

  it("of a taken name are a conflict", async () => {
    const { api, clock, iaas } = create();
    const message = "Key pair 'k' already exists.";
    api.ready().on(post, { status: 409, body: { conflictingRequest: { code: 409, message } } });
    const error = await pass(clock, failureOf(iaas.keyPairs.generate({ name: "k" })));
    expect(error).toMatchObject({ code: "IAAS_CONFLICT", reason: "name-taken" });
  });
});

describe("images of Glance", () => {
  const image = (id: string, more: object = {}): object => ({
    id,
    name: "debian",
    status: "active",
    owner: "project-1",
    visibility: "private",
    created_at: "2030-01-01T00:00:00Z",
    ...more,
  });

  it("are found by name among the project's own and the operators', not among what others share", async () => {
    const { api, clock, iaas } = create();
    const found = [
      image("i-1"),
      image("i-2", { owner: "p-9", visibility: "public", created_at: "2030-01-02T00:00:00Z" }),
      image("i-3", { owner: "p-9", visibility: "shared", created_at: "2030-01-03T00:00:00Z" }),
    ];
    api.ready().on("GET image /images", { body: { images: found } });
    expect(await pass(clock, iaas.images.find({ name: "debian" }))).toMatchObject({ id: "i-2" });
    expect(await pass(clock, iaas.images.find({ name: "debian", publisher: "p-9" }))).toMatchObject({ id: "i-3" });
  });

  it("that inherited our properties from another one are not ours", async () => {
    const { api, clock, iaas } = create();
    const properties = { "iaaskit:owner": "me", "iaaskit:key": "debian", "iaaskit:generation": "0" };
    const found = [image("i-1", properties), image("i-2", { ...properties, name: "somebody's snapshot" })];
    api.ready().on("GET image /images", { body: { images: found } });
    expect((await pass(clock, all(iaas.images.list()))).map(({ id }) => id)).toEqual(["i-1"]);
  });

  it.each([
    ["in the body", { body: { image_id: "i-1" } }],
    ["in the address of a Nova before 2.45", { body: "", headers: { Location: "https://x.example.org/images/i-1" } }],
  ])("of an instance are named %s", async (_, reply) => {
    const { api, clock, iaas } = create();
    api.ready().on("GET image /images", { body: { images: [] } });
    api
      .on("POST compute /servers/s-1/action", { status: 202, ...reply })
      .on("GET image /images/i-1", { body: image("i-1") });
    expect(await pass(clock, iaas.images.create({ instanceId: "s-1", name: "debian" }))).toMatchObject({ id: "i-1" });
  });

  it("are shared with the named projects and no other", async () => {
    const { api, clock, iaas } = create();
    const properties = { "iaaskit:owner": "me", "iaaskit:key": "debian" };
    api
      .ready()
      .on("GET image /images/i-1", { body: image("i-1", { ...properties, visibility: "shared" }) })
      .on("GET image /images/i-1/members", { body: { members: [{ member_id: "old" }, { member_id: "kept" }] } })
      .on("DELETE image /images/i-1/members/old", { status: 204 })
      .on("POST image /images/i-1/members", { body: {} });
    await pass(clock, iaas.images.setVisibility({ id: "i-1", visibility: { sharedWith: ["kept", "new"] } }));
    expect(api.sent("POST image /images/i-1/members").map(({ body }) => body)).toEqual([{ member: "new" }]);
  });
});

describe("volumes of Cinder", () => {
  const none = { body: { volumes: [] } };
  const zones = { body: { availabilityZoneInfo: [{ zoneName: "nova" }] } };
  const volume = (more: object = {}): object => ({
    id: "11111111-2222-3333-4444-555555555555",
    size: 8,
    status: "available",
    availability_zone: "nova",
    created_at: "2030-01-01T00:00:00.000000",
    metadata: { "iaaskit:owner": "me", "iaaskit:key": "job-1", "iaaskit:generation": "0" },
    attachments: [],
    ...more,
  });

  it.each([
    ["nova", "nova"],
    ["az2", undefined],
  ])("made for the zone %s of Nova are made in %s of Cinder, which has zones of its own", async (zone, sent) => {
    const { api, clock, iaas } = await probed((api) =>
      api
        .on("GET volumev3 /volumes/detail", none)
        .on("GET volumev3 /os-availability-zone", zones)
        .on("POST volumev3 /volumes", { status: 202, body: { volume: volume() } }),
    );
    const { volumes } = facetsOf(iaas);
    const made = await pass(clock, volumes.create({ key: "job-1", sizeGiB: 8, zone }));
    expect(made).toMatchObject({ sizeGiB: 8, ownership, createdAt: new Date("2030-01-01T00:00:00Z") });
    const body = api.sent("POST volumev3 /volumes")[0]?.body as { readonly volume: Record<string, unknown> };
    expect(body.volume["availability_zone"]).toBe(sent);
  });

  it("are asked for by their metadata, and what is being deleted is not shown", async () => {
    const { api, clock, iaas } = await probed((api) =>
      api.on("GET volumev3 /volumes/detail", {
        body: { volumes: [volume(), volume({ id: "v-2", status: "deleting" })] },
      }),
    );
    const { volumes } = facetsOf(iaas);
    expect(await pass(clock, all(volumes.list()))).toHaveLength(1);
    expect(api.sent("GET volumev3 /volumes/detail")[0]?.query.get("metadata")).toBe("{'iaaskit:owner': 'me'}");
  });

  it("on a virtio bus are named by their serial number in the guest, others as Nova names them", async () => {
    const attached = (device: string) => ({
      body: { volume: volume({ status: "in-use", attachments: [{ server_id: "s-1", device }] }) },
    });
    const { clock, iaas } = await probed((api) =>
      api.on(`GET volumev3 /volumes/v-1`, attached("/dev/vdb"), attached("/dev/sdb")),
    );
    const { volumes } = facetsOf(iaas);
    const name = async (): Promise<string> => await volumes.guestDeviceName({ volumeId: "v-1" });
    expect(await pass(clock, name())).toBe("/dev/disk/by-id/virtio-11111111-2222-3333-4");
    expect(await pass(clock, name())).toBe("/dev/sdb");
  });

  it("with snapshots cannot be deleted yet", async () => {
    const message = "Invalid volume: Volume status must be available or error and must not have snapshots.";
    const { clock, iaas } = await probed((api) =>
      api
        .on("GET volumev3 /volumes/v-1", { body: { volume: volume({ id: "v-1" }) } })
        .on("DELETE volumev3 /volumes/v-1", { status: 400, body: { badRequest: { code: 400, message } } }),
    );
    const { volumes } = facetsOf(iaas);
    const error = await pass(clock, failureOf(volumes.delete({ volumeId: "v-1" })));
    expect(error).toMatchObject({ code: "IAAS_CONFLICT", reason: "wrong-state", retry: "later" });
  });
});

describe("security groups of Neutron", () => {
  const groups = "GET network /security-groups";
  const rules = "POST network /security-group-rules";
  const group = (found: object[] = []): object => ({
    id: "g-1",
    name: "web",
    description: "iaaskit me web made by me",
    security_group_rules: found,
  });
  const rule = (more: object = {}): object => ({
    id: "r-1",
    direction: "ingress",
    ethertype: "IPv4",
    protocol: "tcp",
    port_range_min: 80,
    port_range_max: 80,
    remote_ip_prefix: "0.0.0.0/0",
    remote_group_id: null,
    ...more,
  });

  it("are made with their rules, each for its version of IP, and members of a group are let in by both", async () => {
    const { api, clock, iaas } = await probed((api) =>
      api
        .on(groups, { body: { security_groups: [] } })
        .on("POST network /security-groups", { status: 201, body: { security_group: group() } })
        .on(rules, { status: 201, body: {} }),
    );
    const { securityGroups } = facetsOf(iaas);
    const web = { protocol: "tcp", fromPort: 80, toPort: 80 } as const;
    await pass(
      clock,
      securityGroups.ensure({
        name: "web",
        rules: [
          { ...web, source: { cidr: "::/0" } },
          { protocol: "icmp", fromPort: null, toPort: null, source: { cidr: "::/0" } },
          { ...web, source: { securityGroupId: "g-2" } },
        ],
      }),
    );
    const { security_group_rules: sent } = api.sent(rules)[0]!.body as {
      readonly security_group_rules: Record<string, unknown>[];
    };
    expect(
      sent.map((one) => [one["ethertype"], one["protocol"], one["remote_ip_prefix"], one["remote_group_id"]]),
    ).toEqual([
      ["IPv6", "tcp", "::/0", null],
      ["IPv6", "ipv6-icmp", "::/0", null],
      ["IPv4", "tcp", null, "g-2"],
      ["IPv6", "tcp", null, "g-2"],
    ]);
  });

  it("with a rule that is there already get the others", async () => {
    const exists = { NeutronError: { type: "SecurityGroupRuleExists", message: "exists", detail: "" } };
    const { api, clock, iaas } = await probed((api) =>
      api
        .on(groups, { body: { security_groups: [group()] } })
        .on(rules, { status: 409, body: exists }, { status: 409, body: exists }, { status: 201, body: {} }),
    );
    const { securityGroups } = facetsOf(iaas);
    const open = (port: number) =>
      ({ protocol: "tcp", fromPort: port, toPort: port, source: { cidr: "0.0.0.0/0" } }) as const;
    await pass(clock, securityGroups.authorize({ id: "g-1", rules: [open(80), open(443)] }));
    expect(api.sent(rules)).toHaveLength(3);
  });

  it("show the rules that let in, by port, and none of those that let out", async () => {
    const found = [
      rule({ id: "r-2", port_range_min: 443, port_range_max: 443 }),
      rule(),
      rule({ id: "r-3", direction: "egress", protocol: null, port_range_min: null, port_range_max: null }),
      rule({ id: "r-4", protocol: "vrrp", port_range_min: null, port_range_max: null }),
    ];
    const { clock, iaas } = await probed((api) => api.on(groups, { body: { security_groups: [group(found)] } }));
    const { securityGroups } = facetsOf(iaas);
    const [only] = await pass(clock, all(securityGroups.list()));
    expect(only?.rules.map(({ fromPort }) => fromPort)).toEqual([80, 443]);
  });
});

describe("hosts", () => {
  it("are none for a user whom Nova does not tell", async () => {
    const { api, clock, iaas } = create();
    const message = "Policy doesn't allow os_compute_api:os-availability-zone:detail to be performed.";
    api
      .ready()
      .on("GET compute /os-availability-zone/detail", { status: 403, body: { forbidden: { code: 403, message } } });
    expect(await pass(clock, all(iaas.catalog.hosts()))).toEqual([]);
  });
});
