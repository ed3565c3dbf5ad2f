import { inspect } from "node:util";

import { Payload, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { facetsOf } from "../../support/facets.ts";
import {
  all,
  create,
  failureOf,
  launchOptions,
  lost,
  type OpenStackApi,
  pass,
  type Reply,
  server,
} from "../../support/openstack.ts";

const nova = (status: number, code: string, message: string, headers = {}): Reply => ({
  status,
  body: { [code]: { code: status, message } },
  headers,
});
const neutron = (status: number, type: string, message: string): Reply => ({
  status,
  body: { NeutronError: { type, message, detail: "" } },
});

/** What a launch rejects with that Nova answers so. */
async function launchFailure(reply: Reply, more: object = {}): Promise<unknown> {
  const { api, clock, iaas } = create();
  api.ready().launchable().servers().on("POST compute /servers", reply);
  return await pass(clock, failureOf(iaas.launch({ ...launchOptions, ...more, timeoutMs: 20_000 })));
}

describe("a refusal to launch", () => {
  it.each<[string, Reply, object]>([
    [
      "403 for a quota",
      nova(403, "forbidden", "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"),
      { code: "IAAS_QUOTA_EXCEEDED", retry: "elsewhere", vendorCode: "forbidden" },
    ],
    [
      "403 for a quota of ports",
      nova(403, "forbidden", "Maximum number of ports exceeded"),
      { code: "IAAS_QUOTA_EXCEEDED" },
    ],
    [
      "403 for a policy",
      nova(403, "forbidden", "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed."),
      { code: "IAAS_PERMISSION_DENIED", retry: "never" },
    ],
    ["400 for an image", nova(400, "badRequest", "Can not find requested image"), { field: "image" }],
    ["400 for a flavor", nova(400, "badRequest", "Flavor nope could not be found."), { field: "size" }],
    ["400 for a key pair", nova(400, "badRequest", "Invalid key_name provided."), { field: "keyPair" }],
    [
      "400 for a zone",
      nova(400, "badRequest", "The requested availability zone is not available"),
      { field: "partition.zone" },
    ],
    ["400 for a network", nova(400, "badRequest", "Network 1 could not be found."), { field: "networks" }],
    ["400 for a port", nova(400, "badRequest", "Port id 1 could not be found."), { field: "networks" }],
    ["400 for a group", nova(400, "badRequest", "Unable to find security_group 'x'"), { field: "securityGroups" }],
    [
      "409 for several networks",
      nova(409, "conflictingRequest", "Multiple possible networks found, use a Network ID to be more specific."),
      { code: "IAAS_INVALID_INPUT", field: "networks" },
    ],
    ["409 for a port in use", nova(409, "conflictingRequest", "Port 1 is still in use."), { reason: "in-use" }],
  ])("%s", async (_, reply, expected) => {
    expect(await launchFailure(reply)).toMatchObject(expected);
  });

  it("carries the cloud's id of the request", async () => {
    expect(await launchFailure(nova(403, "forbidden", "no"))).toMatchObject({
      requestId: "req-1",
      outcome: "not-applied",
    });
  });

  it.each([
    ["user_data", `Invalid input for field/attribute user_data. Value: CANARY. 'CANARY' is too long`],
    [
      "server",
      `Invalid input for field/attribute server. Value: {'user_data': 'CANARY'}. 'networks' is a required property`,
    ],
  ])("does not repeat what was sent, which Nova does for %s", async (_, message) => {
    const secret = "canary-in-the-payload";
    const payload = Payload.script("#!/bin/sh\n").and(Payload.environment({ PASSWORD: new Secret(secret) }));
    const sent = "c2VjcmV0".repeat(50);
    const reply = nova(400, "badRequest", message.replaceAll("CANARY", sent));
    const error = await launchFailure(reply, { payload, allowInlineSecrets: true });
    const shown = inspect(error, { depth: 20, showHidden: true });
    expect(shown).not.toContain(sent);
    expect(shown).not.toContain(secret);
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT" });
  });
});

describe("an instance that Nova gave up on", () => {
  const faultOf = async (fault: object): Promise<unknown> => {
    const { api, clock, iaas } = create();
    api
      .ready()
      .launchable()
      .on(
        "GET compute /servers/detail",
        { body: { servers: [] } },
        { body: { servers: [] } },
        { body: { servers: [server("s-1", { status: "BUILD" })] } },
      )
      .on("POST compute /servers", { status: 202, body: { server: { id: "s-1" } } })
      .on("GET compute /servers/s-1", { body: { server: server("s-1", { status: "ERROR", fault }) } }, { status: 404 })
      .on("DELETE compute /servers/s-1", { status: 204 })
      .on("GET network /floatingips", { body: { floatingips: [] } })
      .on("GET network /security-groups", { body: { security_groups: [] } })
      .on("GET volumev3 /volumes/detail", { body: { volumes: [] } });
    return await pass(clock, failureOf(iaas.launch({ ...launchOptions, until: "running" })));
  };

  it.each([
    ["No valid host was found. There are not enough hosts available.", "IAAS_INSUFFICIENT_CAPACITY"],
    [
      "Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance 1. Last exception: no",
      "IAAS_INSUFFICIENT_CAPACITY",
    ],
    [
      "Exceeded maximum number of retries. Exceeded max scheduling attempts 3 for instance 1. Last exception: " +
        "Quota exceeded for resources: ['port'].",
      "IAAS_QUOTA_EXCEEDED",
    ],
    ["Exceeded max scheduling attempts 3. Last exception: Maximum number of ports exceeded", "IAAS_QUOTA_EXCEEDED"],
    ["Build of instance 1 aborted: the disk is full of cheese", "IAAS_PROVIDER_FAILURE"],
  ])("for %j is %s, and is ended", async (message, code) => {
    expect(await faultOf({ code: 500, message })).toMatchObject({ code, vendorCode: "500" });
  });
});

describe("a refusal of Neutron, Cinder or Glance", () => {
  const failure = async (
    prepare: (api: OpenStackApi) => unknown,
    call: (iaas: ReturnType<typeof create>["iaas"]) => Promise<unknown>,
  ): Promise<unknown> => {
    const { api, clock, iaas } = create();
    prepare(api.ready().probed());
    await pass(clock, iaas.probe());
    return await pass(clock, failureOf(call(iaas)));
  };
  const allocate = async (reply: Reply): Promise<unknown> =>
    await failure(
      (api) =>
        api
          .on("GET network /floatingips", { body: { floatingips: [] } })
          .on("GET network /networks", { body: { networks: [{ id: "ext", name: "public" }] } })
          .on("POST network /floatingips", reply),
      async (iaas) => await facetsOf(iaas).floatingIps.allocate({ key: "k" }),
    );
  const createVolume = async (...replies: [Reply, ...Reply[]]): Promise<unknown> =>
    await failure(
      (api) =>
        api.on("GET volumev3 /volumes/detail", { body: { volumes: [] } }).on("POST volumev3 /volumes", ...replies),
      async (iaas) => await facetsOf(iaas).volumes.create({ key: "k", sizeGiB: 1, timeoutMs: 30_000 }),
    );

  it("409 OverQuota is a quota, 409 for an empty pool is want of room", async () => {
    expect(await allocate(neutron(409, "OverQuota", "Quota exceeded for resources: ['floatingip']."))).toMatchObject({
      code: "IAAS_QUOTA_EXCEEDED",
      vendorCode: "OverQuota",
    });
    const empty = neutron(409, "IpAddressGenerationFailure", "No more IP addresses available on network ext.");
    expect(await allocate(empty)).toMatchObject({ code: "IAAS_INSUFFICIENT_CAPACITY", retry: "elsewhere" });
  });

  it("413 overLimit for volumes is a quota, though it comes with a Retry-After of 0", async () => {
    const message = "VolumeLimitExceeded: Maximum number of volumes allowed (1) exceeded for quota 'volumes'.";
    const reply = nova(413, "overLimit", message, { "Retry-After": "0" });
    expect(await createVolume(reply)).toMatchObject({ code: "IAAS_QUOTA_EXCEEDED", vendorCode: "overLimit" });
  });

  it("413 for too many requests is waited out, by the header or by the body", async () => {
    const { api, clock, iaas } = create();
    const limited = { overLimit: { code: 413, message: "This request was rate-limited.", retryAfter: 7 } };
    api.ready().on(
      "GET compute /servers/detail",
      { status: 413, body: limited },
      { status: 429, headers: { "Retry-After": "3" } },
      {
        body: { servers: [] },
      },
    );
    expect(await pass(clock, all(iaas.list()))).toEqual([]);
    const [first, second, third] = api.sent("GET compute /servers/detail").map(({ at }) => at);
    expect(second! - first!).toBeGreaterThanOrEqual(7_000);
    expect(third! - second!).toBeGreaterThanOrEqual(3_000);
  });

  it("403 of Glance, as a page, is a permission, and its text is told", async () => {
    const page = "<html><head><title>403 Forbidden</title></head><body>You are not authorized.</body></html>";
    const error = await failure(
      (api) => api.on("GET image /images/x", { status: 403, body: page }),
      async (iaas) => await iaas.images.get({ id: "x" }),
    );
    expect(error).toMatchObject({ code: "IAAS_PERMISSION_DENIED", message: "403 Forbidden You are not authorized." });
  });
});

describe("an answer that is none of OpenStack's", () => {
  it.each<[string, Reply]>([
    ["a page with status 200", { body: "<html>Please log in</html>" }],
    ["JSON without the field", { body: { hello: "world" } }],
    ["nothing", { body: "" }],
    ["a gateway's page", { status: 502, body: "<html>502 Bad Gateway</html>" }],
    ["a connection that breaks", lost],
  ])("as %s is no empty list, and is asked for again", async (_, reply) => {
    const { api, clock, iaas } = create();
    api.ready().on("GET compute /servers/detail", reply);
    const error = await pass(clock, failureOf(all(iaas.list())));
    expect(error).toMatchObject({ code: "IAAS_UNAVAILABLE", retry: "same" });
    expect(api.sent("GET compute /servers/detail")).toHaveLength(4);
  });

  it("as a redirect is not followed", async () => {
    const { api, clock, iaas } = create();
    api.ready().on("GET compute /servers/detail", { status: 302, headers: { Location: "https://evil.example.org/" } });
    const error = await pass(clock, failureOf(all(iaas.list())));
    expect(error).toMatchObject({
      code: "IAAS_PROVIDER_FAILURE",
      message: expect.stringMatching(/redirect/) as string,
    });
  });
});

describe("no error shows", () => {
  it("the token, the password, the query nor the headers", async () => {
    const { api, clock, iaas } = create();
    api
      .ready("2.93", "canary-token")
      .on("GET compute /servers/detail", nova(400, "badRequest", "token canary-token is bad"));
    const error = await pass(clock, failureOf(all(iaas.list())));
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("canary");
    expect(JSON.stringify(error)).not.toContain("canary");
    expect((error as Error).message).toContain("token [secret] is bad");
  });
});
