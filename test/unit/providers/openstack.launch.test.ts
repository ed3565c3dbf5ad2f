import { Payload } from "iaaskit";
import { describe, expect, it } from "vitest";

import { all, create, failureOf, launchOptions, lost, ownTags, pass, server } from "../../support/openstack.ts";

const post = "POST compute /servers";
const accepted = { status: 202, body: { server: { id: "s-1", adminPass: "canary" } } };

/** The request to launch, at a Nova of this version. */
async function requestOf(version: string, more: object = {}) {
  const { api, clock, iaas } = create();
  api.ready(version).launchable().servers().on(post, accepted);
  api.maybe("GET compute /os-availability-zone", { body: { availabilityZoneInfo: [{ zoneName: "az1" }] } });
  api.maybe("GET compute /os-availability-zone/detail", {
    body: {
      availabilityZoneInfo: [{ zoneName: "az1", hosts: { h1: { "nova-compute": { active: true, available: true } } } }],
    },
  });
  await pass(clock, iaas.launch({ ...launchOptions, ...more }));
  const [request] = api.sent(post);
  const { server: sent, ...hints } = request!.body as { readonly server: Record<string, unknown> };
  return { sent, hints, headers: request!.headers };
}

describe("a launch on OpenStack", () => {
  it("names image and flavor by id, and carries owner and key as metadata and as tags to be found by", async () => {
    const { sent } = await requestOf("2.93", { name: "web-1", tags: { team: "blue" } });
    expect(sent).toMatchObject({
      name: "web-1",
      imageRef: "img-1",
      flavorRef: "2",
      metadata: { ...ownTags, team: "blue", "iaaskit:fingerprint": expect.stringMatching(/^[0-9a-f]{24}$/) as string },
      tags: [
        expect.stringMatching(/^iaaskit-owner-[0-9a-f]{32}$/),
        expect.stringMatching(/^iaaskit-key-[0-9a-f]{32}$/),
      ],
    });
    for (const tag of sent["tags"] as string[]) expect(tag).toMatch(/^[^/,]{1,60}$/);
  });

  it("takes a flavor by its id as well", async () => {
    expect((await requestOf("2.93", { size: "2" })).sent).toMatchObject({ flavorRef: "2" });
  });

  it("sends its payload as base64, once", async () => {
    const { sent } = await requestOf("2.93", { payload: Payload.raw("aGVsbG8=") });
    expect(Buffer.from(sent["user_data"] as string, "base64").toString()).toBe("aGVsbG8=");
  });

  it.each([
    ["2.93", "compute 2.90", { tags: 2, networks: "auto" }],
    ["2.60", "compute 2.60", { tags: 2, networks: "auto" }],
    ["2.51", "compute 2.51", { tags: undefined, networks: "auto" }],
    ["2.36", "compute 2.36", { tags: undefined, networks: undefined }],
    ["2.1", "compute 2.1", { tags: undefined, networks: undefined }],
    ["", undefined, { tags: undefined, networks: undefined }],
  ])("to a Nova of version %j asks for %s and sends the fields of that version", async (version, header, fields) => {
    const { sent, headers } = await requestOf(version);
    expect(headers["openstack-api-version"]).toBe(header);
    expect({ tags: (sent["tags"] as unknown[] | undefined)?.length, networks: sent["networks"] }).toEqual(fields);
  });

  it("names its networks, with fixed addresses, and ports that exist", async () => {
    const networks = [{ id: "n-1" }, { id: "n-2", fixedIp: "10.0.0.9" }];
    const { sent } = await requestOf("2.93", { networks, providerOptions: { openstack: { ports: ["p-1"] } } });
    expect(sent["networks"]).toEqual([{ uuid: "n-1" }, { uuid: "n-2", fixed_ip: "10.0.0.9" }, { port: "p-1" }]);
  });

  it("may ask for no network at all", async () => {
    const providerOptions = { openstack: { networkless: true } };
    expect((await requestOf("2.93", { providerOptions })).sent).toMatchObject({ networks: "none" });
    expect((await requestOf("2.30", { providerOptions })).sent).toMatchObject({ networks: [] });
  });

  it("names a host in a field of its own, or before 2.74 as part of the zone", async () => {
    const partition = { zone: "az1", host: "h1" };
    expect((await requestOf("2.93", { partition })).sent).toMatchObject({ availability_zone: "az1", host: "h1" });
    const { sent } = await requestOf("2.73", { partition });
    expect(sent["availability_zone"]).toBe("az1:h1");
    expect(sent).not.toHaveProperty("host");
  });

  it("may start from a volume, with a drive, in a server group, under a host name where Nova knows one", async () => {
    const openstack = { bootVolume: { sizeGiB: 10 }, configDrive: true, serverGroup: "g-1", hostname: "db" };
    const { sent, hints } = await requestOf("2.93", { providerOptions: { openstack } });
    expect(sent).not.toHaveProperty("imageRef");
    expect(sent).toMatchObject({ config_drive: true, hostname: "db" });
    expect(sent["block_device_mapping_v2"]).toEqual([
      {
        boot_index: 0,
        uuid: "img-1",
        source_type: "image",
        destination_type: "volume",
        volume_size: 10,
        delete_on_termination: true,
      },
    ]);
    expect(hints).toEqual({ "os:scheduler_hints": { group: "g-1" } });
    expect((await requestOf("2.89", { providerOptions: { openstack } })).sent).not.toHaveProperty("hostname");
  });

  it("with a setting that OpenStack does not know is refused before any request", async () => {
    const { api, clock, iaas } = create();
    const options = { ...launchOptions, providerOptions: { openstack: { configdrive: true } } };
    await expect(pass(clock, iaas.launch(options))).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT" });
    expect(api.requests).toEqual([]);
  });

  it("that goes unanswered is looked for, and what is found is adopted", async () => {
    const { api, clock, iaas } = create();
    api.ready().launchable().on(post, lost);
    const none = { body: { servers: [] } };
    api.on("GET compute /servers/detail", none, none, { body: { servers: [server("s-1", { status: "BUILD" })] } });
    expect(await pass(clock, iaas.launch(launchOptions))).toMatchObject({ id: "s-1", state: "pending" });
    expect(api.sent(post)).toHaveLength(1);
  });

  it("that another process has launched too keeps the older one, whoever made it", async () => {
    const { api, clock, iaas } = create();
    const none = { body: { servers: [] } };
    const both = [
      server("s-1", { created: "2030-01-01T00:00:05Z" }),
      server("s-0", { created: "2030-01-01T00:00:04Z" }),
    ];
    api.ready().launchable().on(post, accepted).on("DELETE compute /servers/s-1", { status: 204 });
    api.on("GET compute /servers/detail", none, none, { body: { servers: both } });
    expect(await pass(clock, iaas.launch(launchOptions))).toMatchObject({ id: "s-0" });
    expect(api.sent("DELETE compute /servers/s-1")).toHaveLength(1);
  });

  it("asks first, once, what the installation can do; where it has no groups a port makes none", async () => {
    const { api, clock, iaas } = create();
    api
      .ready()
      .on("GET network /extensions", { body: { extensions: [] } })
      .launchable()
      .servers()
      .on(post, accepted);
    expect(iaas.can("securityGroups")).toBe(false);
    await pass(clock, iaas.launch({ ...launchOptions, ports: [{ port: 80 }] }));
    expect(iaas.capabilities).toMatchObject({
      floatingIps: false,
      securityGroups: false,
      volumes: { snapshots: true },
    });
    expect(api.sent(post)[0]?.body).not.toHaveProperty("server.security_groups");
    const error = await pass(clock, failureOf(iaas.launch({ ...launchOptions, key: "k", floatingIp: true })));
    expect(error).toMatchObject({ code: "IAAS_UNSUPPORTED_CAPABILITY" });
  });

  it("that is wrong in any case is refused before it is asked what the installation can do", async () => {
    const { api, clock, iaas } = create();
    await expect(pass(clock, iaas.launch({ ...launchOptions, key: "a\nb" }))).rejects.toMatchObject({ field: "key" });
    expect(api.requests).toEqual([]);
  });
});

describe("the list of instances", () => {
  const list = "GET compute /servers/detail";

  it("is asked for by the tags of owner and keys, with a version that tells the flavor's id", async () => {
    const { api, clock, iaas } = create();
    api.ready().servers(server("s-1"));
    await pass(clock, all(iaas.list({ key: "job-1" })));
    const [request] = api.sent(list);
    expect(request?.query.get("tags")).toMatch(/^iaaskit-owner-[0-9a-f]{32}$/);
    expect(request?.query.get("tags-any")).toMatch(/^iaaskit-key-[0-9a-f]{32}$/);
    expect(request?.headers["openstack-api-version"]).toBe("compute 2.46");
  });

  it("of a Nova without tags at creation is all of the project's, of which the owner's are taken", async () => {
    const { api, clock, iaas } = create();
    api
      .ready("2.51")
      .servers(server("s-1"), server("s-2", {}, {}), server("s-3", {}, { ...ownTags, "iaaskit:owner": "you" }));
    expect((await pass(clock, all(iaas.list()))).map(({ id }) => id)).toEqual(["s-1"]);
    expect([...(api.sent(list)[0]?.query.keys() ?? [])]).toEqual(["limit"]);
  });

  it("goes on behind the last one where there is a next page, and does not follow the link", async () => {
    const { api, clock, iaas } = create();
    const links = [{ rel: "next", href: "https://evil.example.org/servers?marker=s-9" }];
    api
      .ready()
      .on(list, { body: { servers: [server("s-1")], servers_links: links } }, { body: { servers: [server("s-2")] } });
    expect((await pass(clock, all(iaas.list()))).map(({ id }) => id)).toEqual(["s-1", "s-2"]);
    expect(api.sent(list).map(({ query }) => query.get("marker"))).toEqual([null, "s-1"]);
  });

  it.each([
    ["ACTIVE", null, "running"],
    ["ACTIVE", "powering-off", "stopping"],
    ["ACTIVE", "deleting", "terminating"],
    ["ERROR", "deleting", "terminating"],
    ["BUILD", "spawning", "pending"],
    ["SHUTOFF", null, "stopped"],
    ["SHUTOFF", "powering-on", "pending"],
    ["REBOOT", null, "pending"],
    ["SHELVED_OFFLOADED", null, "stopped"],
    ["VERIFY_RESIZE", null, "running"],
    ["SOMETHING_NEW", null, "pending"],
  ])("shows %s with the task %s as %s", async (status, task, state) => {
    const { api, clock, iaas } = create();
    api.ready().servers(server("s-1", { status, "OS-EXT-STS:task_state": task }));
    expect(await pass(clock, all(iaas.list()))).toMatchObject([{ state }]);
  });

  it("shows a floating address as public whatever its number, and a fixed one by its number", async () => {
    const { api, clock, iaas } = create();
    const fixed = (addr: string) => ({ addr, "OS-EXT-IPS:type": "fixed" });
    const addresses = {
      inside: [fixed("10.0.0.5"), fixed("fd00::5"), { addr: "172.24.0.9", "OS-EXT-IPS:type": "floating" }],
      provider: [fixed("203.0.113.7"), fixed("2001:db8::7")],
    };
    api.ready().servers(server("s-1", { addresses }));
    const [instance] = await pass(clock, all(iaas.list()));
    expect(instance?.addresses).toEqual({
      private: ["10.0.0.5", "fd00::5"],
      public: ["172.24.0.9", "203.0.113.7", "2001:db8::7"],
    });
  });
});
