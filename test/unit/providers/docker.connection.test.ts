import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { DockerIaas } from "iaaskit/docker";
import { describe, expect, it } from "vitest";

import { findConnection } from "../../../src/providers/docker/connection.ts";
import { loginFor, registryOf } from "../../../src/providers/docker/registries.ts";
import { temporaryFolder } from "../../support/folders.ts";

const tls = { ca: "CA", cert: "CERT", key: "KEY" };

/** A home with the files of the `docker` command. */
async function home(files: Readonly<Record<string, string>>): Promise<Awaited<ReturnType<typeof temporaryFolder>>> {
  const folder = await temporaryFolder();
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), text);
  }
  return folder;
}

function contextFiles(name: string, host: string, withTls: boolean): Record<string, string> {
  const id = createHash("sha256").update(name).digest("hex");
  const folder = `.docker/contexts/tls/${id}/docker`;
  return {
    [`.docker/contexts/meta/${id}/meta.json`]: JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }),
    ...(withTls ? { [`${folder}/ca.pem`]: "CA", [`${folder}/cert.pem`]: "CERT", [`${folder}/key.pem`]: "KEY" } : {}),
  };
}

describe("a Docker engine", () => {
  it("is the one that is named, whatever the environment says", async () => {
    const surroundings = { environment: { DOCKER_HOST: "unix:///other.sock" }, home: "/nowhere" };
    expect(await findConnection({ endpoint: "unix:///run/one.sock" }, surroundings)).toEqual({
      shown: "unix:///run/one.sock",
      socketPath: "/run/one.sock",
      host: null,
      port: null,
      tls: null,
    });
  });

  it("is the one of DOCKER_HOST, with the certificates of DOCKER_CERT_PATH", async () => {
    await using folder = await home({ "certs/ca.pem": "CA", "certs/cert.pem": "CERT", "certs/key.pem": "KEY" });
    const environment = { DOCKER_HOST: "tcp://10.0.0.5", DOCKER_CERT_PATH: join(folder.path, "certs") };
    expect(await findConnection({}, { environment, home: folder.path })).toMatchObject({
      shown: "tcp://10.0.0.5 (DOCKER_HOST)",
      host: "10.0.0.5",
      port: 2376,
      tls,
    });
  });

  it("is the one of the current context, with its certificates", async () => {
    await using folder = await home({
      ".docker/config.json": JSON.stringify({ currentContext: "far" }),
      ...contextFiles("far", "tcp://far.example:2376", true),
    });
    expect(await findConnection({}, { environment: {}, home: folder.path })).toMatchObject({
      shown: "tcp://far.example:2376 (context far)",
      host: "far.example",
      tls,
    });
  });

  it("is the one of a context that is named, before DOCKER_HOST", async () => {
    await using folder = await home(contextFiles("near", "unix:///run/near.sock", false));
    const surroundings = { environment: { DOCKER_HOST: "unix:///other.sock" }, home: folder.path };
    expect(await findConnection({ context: "near" }, surroundings)).toMatchObject({ socketPath: "/run/near.sock" });
  });

  it("is at the usual socket where nothing names one", async () => {
    const connection = await findConnection({}, { environment: {}, home: "/nowhere" });
    expect(connection).toMatchObject({ socketPath: "/var/run/docker.sock" });
    expect(connection.shown).toContain("DOCKER_HOST is not set");
  });

  it.each([
    ["over TCP without TLS", { endpoint: "tcp://127.0.0.1:2375" }, "tls"],
    ["of another scheme", { endpoint: "ssh://me@there" }, "endpoint"],
    ["of a context that is not there", { context: "none" }, "context"],
  ])("is refused %s", async (_, options, field) => {
    const found = findConnection(options, { environment: {}, home: "/nowhere" });
    await expect(found).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", field });
  });

  it("is taken over TCP without TLS where that is allowed", async () => {
    const options = { endpoint: "tcp://127.0.0.1:2375", allowWithoutTls: true };
    expect(await findConnection(options)).toMatchObject({ host: "127.0.0.1", port: 2375, tls: null });
  });

  it("is not looked for behind a configuration that is no JSON", async () => {
    await using folder = await home({ ".docker/config.json": "{" });
    const found = findConnection({}, { environment: {}, home: folder.path });
    await expect(found).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", file: expect.stringContaining("config") });
  });
});

describe("the login of a registry", () => {
  it.each([
    ["busybox:1.36", "https://index.docker.io/v1/"],
    ["docker.io/library/busybox", "https://index.docker.io/v1/"],
    ["team/app", "https://index.docker.io/v1/"],
    ["registry.example/team/app@sha256:00", "registry.example"],
    ["localhost:5000/app", "localhost:5000"],
  ])("for %s is the one for %s", (reference, registry) => {
    expect(registryOf(reference)).toBe(registry);
  });

  it("is what docker login has kept; without one, nothing", async () => {
    const auth = Buffer.from("me:pass:word").toString("base64");
    await using folder = await home({ "config.json": JSON.stringify({ auths: { "r.example": { auth } } }) });
    expect(await loginFor("r.example/app", folder.path)).toEqual({
      username: "me",
      password: "pass:word",
      serveraddress: "r.example",
    });
    expect(await loginFor("other.example/app", folder.path)).toBeNull();
  });

  it("comes from the helper that the configuration names, whose failure shows nothing that it printed", async () => {
    const helper = `docker-credential-iaaskit-test`;
    await using folder = await home({
      "config.json": JSON.stringify({ credHelpers: { "r.example": "iaaskit-test", "broken.example": "iaaskit-test" } }),
    });
    const script = `#!/bin/sh\nread -r name\n[ "$name" = r.example ] || { echo canary; exit 1; }\necho '{"Username":"me","Secret":"s"}'\n`;
    await writeFile(join(folder.path, helper), script, { mode: 0o755 });
    const path = process.env["PATH"];
    process.env["PATH"] = `${folder.path}:${path}`;
    try {
      expect(await loginFor("r.example/app", folder.path)).toMatchObject({ username: "me", password: "s" });
      const failure: unknown = await loginFor("broken.example/app", folder.path).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "IAAS_AUTHENTICATION" });
      expect(String(failure)).not.toContain("canary");
    } finally {
      process.env["PATH"] = path;
    }
  });
});

describe("the options of a DockerIaas", () => {
  it.each([
    [{ owner: "me", endpiont: "x" }, "endpiont"],
    [{ owner: "me", pull: "always" }, "pull"],
    [{ owner: "me", publishAddress: "here" }, "publishAddress"],
  ])("are refused when they are wrong: %j", (wrong, field) => {
    expect(() => new DockerIaas(wrong as never)).toThrow(
      expect.objectContaining({ code: "IAAS_INVALID_INPUT", field, operation: "new" }) as Error,
    );
  });
});
