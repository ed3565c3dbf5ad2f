import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";

import { OpenStackIaas, readCloud } from "iaaskit/openstack";
import { describe, expect, it } from "vitest";

import { temporaryFolder } from "../../support/folders.ts";
import { failureOf } from "../../support/wire.ts";

const yaml = `
clouds:
  prod:
    region_name: RegionOne
    interface: internal
    auth: { auth_url: "https://prod.example.org:5000/v3", username: ci, project_name: web, user_domain_name: Users }
    image_endpoint_override: https://images.example.org
  robot:
    auth_type: v3applicationcredential
    auth:
      auth_url: https://prod.example.org:5000/v3
      application_credential_id: ac-1
      application_credential_secret: s3cr3t
  unsafe:
    verify: false
    auth: { auth_url: "https://prod.example.org:5000/v3", username: ci, password: p }
`;
const secure = `
clouds:
  prod:
    auth: { password: canary-password }
`;
const prod = {
  auth: {
    authUrl: "https://prod.example.org:5000/v3",
    username: "ci",
    userDomainName: "Users",
    projectName: "web",
    password: "canary-password",
  },
  region: "RegionOne",
  interface: "internal",
  endpoints: { image: "https://images.example.org" },
};

/** A home, a working folder, and what a reader of them is told. */
async function folders() {
  const temporary = await temporaryFolder();
  const [home, folder] = [join(temporary.path, "home"), join(temporary.path, "here")];
  const config = join(home, ".config", "openstack");
  await mkdir(config, { recursive: true });
  await mkdir(folder);
  const read = async (cloud?: string, environment: Record<string, string> = {}) =>
    await readCloud(cloud, { environment: { HOME: home, ...environment }, folder });
  return { config, folder, read, [Symbol.asyncDispose]: temporary[Symbol.asyncDispose] };
}

describe("a cloud by name", () => {
  it("is read from clouds.yaml, with its password from secure.yaml", async () => {
    await using at = await folders();
    await writeFile(join(at.config, "clouds.yaml"), yaml);
    await writeFile(join(at.config, "secure.yaml"), secure);
    expect(await at.read("prod")).toEqual(prod);
    expect(await at.read(undefined, { OS_CLOUD: "prod", OS_AUTH_URL: "https://other.example.org" })).toEqual(prod);
    expect(await at.read("robot")).toEqual({
      auth: {
        authUrl: "https://prod.example.org:5000/v3",
        applicationCredentialId: "ac-1",
        applicationCredentialSecret: "s3cr3t",
      },
    });
  });

  it("is looked for in the working folder first, and before that in the file that the environment names", async () => {
    await using at = await folders();
    const only = (name: string): string => yaml.replace("region_name: RegionOne", `region_name: ${name}`);
    const named = join(at.folder, "named.yaml");
    await writeFile(join(at.config, "clouds.yaml"), only("home"));
    expect((await at.read("prod")).region).toBe("home");
    await writeFile(join(at.folder, "clouds.yaml"), only("here"));
    expect((await at.read("prod")).region).toBe("here");
    await writeFile(named, only("named"));
    expect((await at.read("prod", { OS_CLIENT_CONFIG_FILE: named })).region).toBe("named");
  });

  it("that is the file's only one need not be named", async () => {
    await using at = await folders();
    await writeFile(
      join(at.folder, "clouds.yaml"),
      "clouds: { one: { region_name: r, auth: { auth_url: 'https://a' } } }",
    );
    expect(await at.read()).toMatchObject({ region: "r" });
  });

  it.each([
    ["no-such", "cloud", /is "no-such", which no clouds.yaml has; there are: prod, robot, unsafe/],
    [undefined, "cloud", /is missing; there are: prod, robot, unsafe/],
    ["unsafe", "clouds.unsafe.verify", /certificates are always checked/],
  ])("%s is refused with a reason", async (name, field, rule) => {
    await using at = await folders();
    await writeFile(join(at.folder, "clouds.yaml"), yaml);
    await expect(at.read(name)).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field,
      rule: expect.stringMatching(rule) as string,
    });
  });

  it("in a file that is no YAML is refused with the line, and without what stands there", async () => {
    await using at = await folders();
    await writeFile(join(at.folder, "clouds.yaml"), 'clouds:\n  a:\n    password: "canary\n  b: [\n');
    const error = await failureOf(at.read("a"));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", line: expect.any(Number) as number });
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("canary");
  });

  it("brings its own authority", async () => {
    await using at = await folders();
    await writeFile(join(at.folder, "ca.pem"), "the certificate");
    const withCa = (file: string): string => `clouds: { a: { cacert: ${file}, auth: { auth_url: "https://a" } } }`;
    await writeFile(join(at.folder, "clouds.yaml"), withCa(join(at.folder, "ca.pem")));
    expect(await at.read("a")).toMatchObject({ ca: "the certificate" });
    await writeFile(join(at.folder, "clouds.yaml"), withCa("/no/such/file"));
    await expect(at.read("a")).rejects.toMatchObject({ field: "clouds.a.cacert" });
  });
});

describe("the variables of the environment", () => {
  it("are a cloud of their own where OS_AUTH_URL is set and no cloud is named", async () => {
    await using at = await folders();
    const environment = {
      OS_AUTH_URL: "https://a.example.org/v3",
      OS_USERNAME: "ci",
      OS_PASSWORD: "p",
      OS_TENANT_NAME: "web",
      OS_REGION_NAME: "r",
      OS_IDENTITY_API_VERSION: "2.0",
      OS_ENDPOINT_TYPE: "internalURL",
    };
    expect(await at.read(undefined, environment)).toEqual({
      auth: {
        authUrl: "https://a.example.org/v3",
        username: "ci",
        password: "p",
        projectName: "web",
        identityVersion: "2",
      },
      region: "r",
      interface: "internal",
    });
  });

  it("that say nothing are told so", async () => {
    await using at = await folders();
    await expect(at.read()).rejects.toMatchObject({ rule: expect.stringMatching(/OS_AUTH_URL is not set/) as string });
  });
});

describe("an Iaas of what was read", () => {
  it("tells what is missing there", async () => {
    await using at = await folders();
    await writeFile(join(at.folder, "clouds.yaml"), yaml);
    const connection = await at.read("prod");
    expect(() => new OpenStackIaas({ owner: "me", ...connection })).toThrow(
      expect.objectContaining({ field: "auth.password", rule: "is missing" }),
    );
  });
});
