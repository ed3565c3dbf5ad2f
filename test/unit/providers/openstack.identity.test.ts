import { inspect } from "node:util";

import { Secret } from "iaaskit";
import type { OpenStackAuth } from "iaaskit/openstack";
import { describe, expect, it } from "vitest";

import { all, auth, create, failureOf, host, login, type OpenStackApi, pass, server } from "../../support/openstack.ts";

const tokens = "POST identity /v3/auth/tokens";
const unauthorized = { status: 401, body: { error: { code: 401, title: "Unauthorized", message: "Log in." } } };
const { authUrl } = auth;

/** What is sent to Keystone. */
async function loginBody(given: OpenStackAuth): Promise<unknown> {
  const { api, clock, iaas } = create({ auth: given });
  api.ready().servers();
  await pass(clock, all(iaas.list()));
  return (api.sent(tokens)[0]!.body as { readonly auth: unknown }).auth;
}

describe("logging in to Keystone v3", () => {
  it.each<[string, OpenStackAuth, object]>([
    [
      "a user and a project by names, in the domain Default",
      auth,
      {
        identity: {
          methods: ["password"],
          password: { user: { name: "demo", domain: { name: "Default" }, password: "canary-password" } },
        },
        scope: { project: { name: "web", domain: { name: "Default" } } },
      },
    ],
    [
      "ids",
      { authUrl, userId: "u-1", password: new Secret("canary-password"), projectId: "p-1" },
      {
        identity: { methods: ["password"], password: { user: { id: "u-1", password: "canary-password" } } },
        scope: { project: { id: "p-1" } },
      },
    ],
    [
      "a domain instead of a project",
      { authUrl, username: "demo", userDomainId: "d-1", password: "x", domainName: "D" },
      {
        identity: { methods: ["password"], password: { user: { name: "demo", domain: { id: "d-1" }, password: "x" } } },
        scope: { domain: { name: "D" } },
      },
    ],
    [
      "an application credential by its id, which has its project",
      { authUrl, applicationCredentialId: "ac-1", applicationCredentialSecret: "s" },
      { identity: { methods: ["application_credential"], application_credential: { id: "ac-1", secret: "s" } } },
    ],
    [
      "an application credential by its name and user",
      { authUrl, applicationCredentialName: "ci", applicationCredentialSecret: "s", username: "demo" },
      {
        identity: {
          methods: ["application_credential"],
          application_credential: { name: "ci", secret: "s", user: { name: "demo", domain: { name: "Default" } } },
        },
      },
    ],
    [
      "a token",
      { authUrl, token: "t-1", projectName: "web", projectDomainName: "D" },
      {
        identity: { methods: ["token"], token: { id: "t-1" } },
        scope: { project: { name: "web", domain: { name: "D" } } },
      },
    ],
  ])("takes %s", async (_, given, body) => {
    expect(await loginBody(given)).toEqual(body);
  });

  it("is done once for calls at the same time, and the token goes with each", async () => {
    const { api, clock, iaas } = create();
    api.ready().servers();
    await pass(clock, Promise.all([all(iaas.list()), all(iaas.list()), all(iaas.catalog.regions())]));
    expect(api.sent(tokens)).toHaveLength(1);
    expect(api.sent("GET compute /servers/detail")[0]?.headers["x-auth-token"]).toBe("token-1");
  });

  it("is done again, once, before the token ends", async () => {
    const { api, clock, iaas } = create();
    api.ready("2.93", "token-1", "token-2").servers();
    await pass(clock, all(iaas.list()));
    await clock.advance(58 * 60_000);
    await pass(clock, all(iaas.list()));
    await clock.advance(60_000 + 1);
    await pass(clock, Promise.all([all(iaas.list()), all(iaas.list())]));
    expect(api.sent(tokens)).toHaveLength(2);
  });

  it("is done again, once for all, when a token is refused, and what was refused is sent again", async () => {
    const { api, clock, iaas } = create();
    api.ready("2.93", "token-1", "token-2");
    api.on("GET compute /servers/detail", unauthorized, unauthorized, { body: { servers: [server("s-1")] } });
    const [one, two] = await pass(clock, Promise.all([all(iaas.list()), all(iaas.list())]));
    expect([one, two].map((list) => list.map(({ id }) => id))).toEqual([["s-1"], ["s-1"]]);
    expect(api.sent(tokens)).toHaveLength(2);
    const sent = api.sent("GET compute /servers/detail").map(({ headers }) => headers["x-auth-token"]);
    expect(sent).toEqual(["token-1", "token-1", "token-2", "token-2"]);
  });

  it("fails as an authentication when the new token is refused too, without a third login", async () => {
    const { api, clock, iaas } = create();
    api.ready("2.93", "token-1", "token-2").on("GET compute /servers/detail", unauthorized);
    await expect(pass(clock, all(iaas.list()))).rejects.toMatchObject({ code: "IAAS_AUTHENTICATION", retry: "never" });
    expect(api.sent(tokens)).toHaveLength(2);
  });

  it("is tried again by the next call when it failed", async () => {
    const { api, clock, iaas } = create();
    api.on(tokens, unauthorized, login("token-1")).on("GET compute /", { body: { version: { version: "2.93" } } });
    api.servers();
    await expect(pass(clock, all(iaas.list()))).rejects.toMatchObject({ code: "IAAS_AUTHENTICATION" });
    expect(await pass(clock, all(iaas.list()))).toEqual([]);
  });

  it("names who was refused, and shows no password", async () => {
    const { api, clock, iaas } = create();
    api.on(tokens, unauthorized);
    const error = await pass(clock, failureOf(iaas.probe()));
    expect((error as Error).message).toBe(
      "Keystone refuses the user demo for the project web: wrong name, password or secret, or no role in that project",
    );
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("canary");
  });

  it("at what is no Keystone tells so", async () => {
    const { api, clock, iaas } = create();
    api.on(tokens, { status: 404, body: "<html>nothing here</html>" });
    await expect(pass(clock, iaas.probe())).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "auth.authUrl",
      rule: `is ${host}:5000/v3, where no Keystone answers`,
    });
  });
});

describe("logging in to Keystone v2", () => {
  it("sends the password and the tenant, and reads the catalogue of that time", async () => {
    const { api, clock, iaas } = create({ auth: { ...auth, authUrl: `${host}:5000/v2.0` } });
    const endpoints = [
      { region: "RegionOne", publicURL: `${host}:8774/v2.1`, internalURL: "https://inside.example.org" },
    ];
    const access = {
      token: { id: "token-v2", expires: "2030-01-01T01:00:00Z", tenant: { id: "project-1" } },
      serviceCatalog: [{ type: "compute", name: "nova", endpoints }],
    };
    api.on("POST identity /v2.0/tokens", { body: { access } });
    api.on("GET compute /", { body: { version: { id: "v2.0", version: "" } } }).servers();
    expect(await pass(clock, all(iaas.list()))).toEqual([]);
    expect(api.requests[0]?.body).toEqual({
      auth: { passwordCredentials: { username: "demo", password: "canary-password" }, tenantName: "web" },
    });
    const [request] = api.sent("GET compute /servers/detail");
    expect(request?.headers).toMatchObject({ "x-auth-token": "token-v2" });
    expect(request?.headers).not.toHaveProperty("openstack-api-version");
  });
});

describe("the catalogue", () => {
  const regionsOf = async (given: Parameters<typeof create>[0], prepare: (api: OpenStackApi) => void) => {
    const { api, clock, iaas } = create(given);
    prepare(api);
    return {
      api,
      found: await pass(
        clock,
        failureOf(all(iaas.list())).catch((error: unknown) => error),
      ),
    };
  };

  it("is refused by the name of the region that it lacks", async () => {
    const { found } = await regionsOf({ region: "Nowhere" }, (api) => api.on(tokens, login("token-1")));
    expect(found).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "region" });
    expect((found as Error).message).toMatch(/in the region Nowhere; its regions are: RegionOne$/);
  });

  it("that leads to plain http is not followed with a token", async () => {
    const endpoints = [{ region: "RegionOne", interface: "public", url: "http://cloud.example.org:8774/v2.1" }];
    const { found } = await regionsOf({}, (api) =>
      api.on(tokens, login("token-1", { catalog: [{ type: "compute", endpoints }] })),
    );
    expect(found).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "endpoints.compute" });
  });

  it("that leads to a metadata service is not followed", async () => {
    const endpoints = [{ region: "RegionOne", interface: "public", url: "https://169.254.169.254/v2.1" }];
    const { found } = await regionsOf({}, (api) =>
      api.on(tokens, login("token-1", { catalog: [{ type: "compute", endpoints }] })),
    );
    expect(found).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "endpoints.compute" });
  });

  it("is passed over for an address that is given", async () => {
    const { api, clock, iaas } = create({ endpoints: { compute: `${host}:8774/` } });
    api.on(tokens, login("token-1", { catalog: [] })).on("GET compute /", { body: { version: { version: "2.1" } } });
    api.servers();
    expect(await pass(clock, all(iaas.list()))).toEqual([]);
  });

  it("of several regions gives the regions that have Nova", async () => {
    const { api, clock, iaas } = create({ region: "RegionTwo" });
    api.on(tokens, login("token-1", {}, ["RegionOne", "RegionTwo"]));
    expect(await pass(clock, all(iaas.catalog.regions()))).toEqual([{ id: "RegionOne" }, { id: "RegionTwo" }]);
  });
});

describe("options that are wrong are refused before any request", () => {
  it.each<[string, object, string]>([
    ["no address", { username: "u", password: "p" }, "auth.authUrl"],
    ["no password", { authUrl, username: "u" }, "auth.password"],
    ["no user", { authUrl, password: "p" }, "auth.username"],
    ["a misspelt field", { ...auth, tenant: "x" }, "auth.tenant"],
    ["plain http beyond this machine", { ...auth, authUrl: "http://cloud.example.org:5000/v3" }, "auth.authUrl"],
    ["credentials in the address", { ...auth, authUrl: "https://u:canary@cloud.example.org/v3" }, "auth.authUrl"],
    ["a metadata service in hexadecimal", { ...auth, authUrl: "https://0xa9fea9fe/v3" }, "auth.authUrl"],
    ["no address at all", { ...auth, authUrl: "cloud" }, "auth.authUrl"],
  ])("%s", (_, given, field) => {
    expect(() => create({ auth: given as OpenStackAuth })).toThrow(
      expect.objectContaining({ code: "IAAS_INVALID_INPUT", field }),
    );
  });

  it("an owner that does not fit beside a key into a description of Neutron's", () => {
    expect(() => create({ owner: "o".repeat(101) })).toThrow(expect.objectContaining({ field: "owner" }));
    expect(() => create({ owner: "o".repeat(100) })).not.toThrow();
  });

  it("an option that is not known", () => {
    expect(() => create({ regoin: "x" } as object)).toThrow(expect.objectContaining({ field: "regoin" }));
  });
});
