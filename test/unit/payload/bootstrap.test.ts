import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, stat, symlink } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Payload, PayloadHost, type PayloadHostOptions, type PayloadLimits, planPayload, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { temporaryFolder } from "../../support/folders.ts";
import { ask, freePort, hostSecret, intent, pathOf, servedHost } from "../../support/payload-host.ts";

function limitsOf(maxBytes: number): PayloadLimits {
  const limit = { value: maxBytes, source: "ours" };
  return { channel: "user-data", maxBytes: limit, measuredOn: "raw", gzip: false, confidential: false };
}

/** Secret, so that no other way is open. */
const token = Payload.environment({ TOKEN: new Secret("t0ken 'of' \"one\" $guest\n") });

const found = (program: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, program))
    .find(existsSync);
const tools = "base64 basename cat chmod chown ls mkdir mktemp mv openssl rm rmdir sha256sum sleep".split(" ");
const busybox = found("busybox");

/** What guests have: a shell, and one program that downloads. */
const guests = [
  { title: "dash with curl", shell: ["dash"], programs: [...tools, "dash", "curl"] },
  { title: "bash with wget", shell: ["bash"], programs: [...tools, "bash", "wget"] },
  { title: "busybox with its own wget", shell: ["busybox", "ash"], programs: null },
].filter(({ shell: [shell = ""], programs }) =>
  [shell, ...(programs ?? [])].every((name) => found(name) !== undefined),
);

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a stub as a guest would; `pauses`: instead of its own. */
async function run(
  folder: string,
  guest: (typeof guests)[number],
  stub: string,
  pauses: string | null = "0 .05 .1 .2 .3",
): Promise<Ran> {
  const bin = join(folder, "bin");
  const temporary = join(folder, "tmp");
  if (!existsSync(bin)) {
    await Promise.all([mkdir(bin), mkdir(temporary)]);
    const applets = [...tools.filter((name) => name !== "openssl"), "wget", "ash"];
    const programs = guest.programs ?? ["busybox", "openssl"];
    for (const name of programs) {
      const path = found(name);
      if (path !== undefined) await symlink(path, join(bin, name));
    }
    if (guest.programs === null) for (const name of applets) await symlink(busybox ?? "", join(bin, name));
  }
  const text = pauses === null ? stub : stub.replace(/for i in [\d ]+;/, `for i in ${pauses};`);
  const [shell = "", ...words] = guest.shell;
  const child = spawn(join(bin, shell), [...words, "-c", text], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: bin, TMPDIR: temporary, IAASKIT_DIR: join(folder, "etc"), OUT: join(folder, "out") },
    cwd: folder,
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  await once(child, "close");
  return { code: child.exitCode, output };
}

/** A server that is anything but a payload host. */
async function hostileServer(listener: RequestListener, port = 0) {
  const server = createServer(listener);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The stub for a body at a URL, as a host at that port would make it. */
async function stubFor(port: number, payload: Payload, options: Partial<PayloadHostOptions> = {}, maxBytes = 255) {
  let body: Uint8Array = new Uint8Array();
  const take = async () => await Promise.resolve(null);
  const put = async (_: string, bytes: Uint8Array) => {
    body = bytes.subarray(bytes.indexOf(10) + 1);
    await Promise.resolve();
  };
  const store = { put, take, delete: async () => await Promise.resolve() };
  const host = new PayloadHost({ url: `http://127.0.0.1:${port}/`, secret: hostSecret, store, ...options });
  const plan = await planPayload(payload, limitsOf(maxBytes), { host }).publish(intent);
  return { stub: Buffer.from(plan.body).toString(), body: Buffer.from(body) };
}

const seen = async (folder: string) => await readFile(join(folder, "out"), "utf8").catch(() => null);
const prints = token.and(Payload.script('#!/bin/sh\nprintf %s "$TOKEN" >>"$OUT"\n'));
const printed = "t0ken 'of' \"one\" $guest\n";

it("there are at least three guests to try", () => {
  expect(guests.length).toBeGreaterThanOrEqual(3);
});

describe("the smallest stub", () => {
  it("has 255 bytes for a URL of 54 characters, and one more for one more", async () => {
    const urlOf = (length: number) => `http://${"h".repeat(length - 22 - 8)}/`;
    const sizeFor = async (length: number) => {
      const host = new PayloadHost({ url: urlOf(length), secret: hostSecret });
      const plan = planPayload(token, limitsOf(300), { host });
      expect((await host.publish(Buffer.from(""), intent)).url).toHaveLength(length);
      return [plan.wireBytes, (await plan.publish(intent)).body.byteLength];
    };
    expect(await sizeFor(54)).toEqual([255, 255]);
    expect(await sizeFor(55)).toEqual([256, 256]);
  });

  it("is what a plan of 255 bytes takes, and 254 refuse", () => {
    const host = new PayloadHost({ url: `http://${"h".repeat(24)}/`, secret: hostSecret });
    expect(planPayload(token, limitsOf(255), { host })).toMatchObject({ encoding: "hosted", headroomBytes: 0 });
    expect(() => planPayload(token, limitsOf(254), { host })).toThrow("the stub that fetches it is too long");
  });
});

describe.each(guests)("a stub in $title", (guest) => {
  it.each([255, 4_000])("runs what waits, once, and leaves nothing behind: %i bytes are allowed", async (maxBytes) => {
    await using folder = await temporaryFolder();
    await using served = await servedHost();
    const plan = await planPayload(prints, limitsOf(maxBytes), { host: served.host }).publish(intent);
    const stub = Buffer.from(plan.body).toString();
    expect(await run(folder.path, guest, stub, null)).toMatchObject({ code: 0 });
    expect(await seen(folder.path)).toBe(printed);
    expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
    const [, url = ""] = /u='?(\S+?)'?\n/.exec(stub) ?? [];
    expect((await ask(served.port, pathOf(url))).status).toBe(404);
    expect(await run(folder.path, guest, stub)).toMatchObject({ code: 1 });
    expect(await seen(folder.path)).toBe(printed);
  });

  it.each([255, 4_000])("waits for a host that is down at first: %i bytes", async (maxBytes) => {
    await using folder = await temporaryFolder();
    const port = await freePort();
    const { stub, body } = await stubFor(port, prints, {}, maxBytes);
    const running = run(folder.path, guest, stub);
    await delay(120);
    await using _server = await hostileServer((_, response) => response.end(body), port);
    expect(await running).toMatchObject({ code: 0 });
    expect(await seen(folder.path)).toBe(printed);
  });

  it.each<[string, (body: Buffer) => RequestListener]>([
    ["refuses", () => (_, response) => response.writeHead(404).end("not found\n")],
    ["fails", () => (_, response) => response.writeHead(503).end()],
    ["answers HTML", () => (_, response) => response.end("<!DOCTYPE html>\n<title>Log in</title>\n")],
    ["resets the connection", () => (request) => request.socket.resetAndDestroy()],
    [
      "is cut off",
      (body) => (_, response) => {
        response.writeHead(200, { "content-length": body.length }).write(body.subarray(0, body.length - 3));
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ["closes early without a length", (body) => (_, response) => response.end(body.subarray(0, -20))],
  ])("tries again when the host %s", async (_, wrongly) => {
    await using folder = await temporaryFolder();
    let [attempts, body] = [0, Buffer.alloc(0)];
    await using server = await hostileServer((request, response) => {
      attempts += 1;
      if (attempts <= 2) wrongly(body)(request, response);
      else response.end(body);
    });
    const made = await stubFor(server.port, prints);
    body = made.body;
    expect(await run(folder.path, guest, made.stub)).toMatchObject({ code: 0 });
    expect(await seen(folder.path)).toBe(printed);
    expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
  });

  it("takes what comes slowly, where nobody else can read it meanwhile", async () => {
    await using folder = await temporaryFolder();
    let body = Buffer.alloc(0);
    const modes: number[] = [];
    await using server = await hostileServer((_, response) => {
      response.writeHead(200, { "content-length": body.length }).write(body.subarray(0, 100));
      setTimeout(() => {
        void (async () => {
          for (const name of await readdir(join(folder.path, "tmp"))) {
            modes.push((await stat(join(folder.path, "tmp", name))).mode & 0o777);
            modes.push((await stat(join(folder.path, "tmp", name, "p"))).mode & 0o777);
          }
          response.end(body.subarray(100));
        })();
      }, 300);
    });
    const made = await stubFor(server.port, prints);
    body = made.body;
    expect(await run(folder.path, guest, made.stub)).toMatchObject({ code: 0 });
    expect(modes).toEqual([0o700, 0o600]);
  });

  it.each([255, 4_000])("never runs what is not what was sent, and fails: %i bytes", async (maxBytes) => {
    await using folder = await temporaryFolder();
    const canary = '#!/bin/sh\necho lied >>"$OUT"\nexit 0\n';
    let served = Buffer.alloc(0);
    await using server = await hostileServer((_, response) => response.end(served));
    const { stub, body } = await stubFor(server.port, Payload.environment({ A: new Secret("a") }), {}, maxBytes);
    const lies = [
      Buffer.from(canary),
      Buffer.concat([body, Buffer.from(canary)]),
      Buffer.from(canary + body.toString()),
    ];
    for (const lie of lies) {
      served = lie;
      expect(await run(folder.path, guest, stub, "0 .05")).toMatchObject({ code: 1 });
    }
    expect(await seen(folder.path)).toBeNull();
  });

  it("gives its scripts the file mode creation mask that others have", async () => {
    await using folder = await temporaryFolder();
    await using served = await servedHost();
    const payload = token.and(Payload.script('#!/bin/sh\numask >"$OUT"\n'));
    const plan = await planPayload(payload, limitsOf(255), { host: served.host }).publish(intent);
    await run(folder.path, guest, Buffer.from(plan.body).toString());
    expect(Number.parseInt((await seen(folder.path)) ?? "", 8)).toBe(0o22);
  });

  it("fails with the status of the payload's script, which the cloud's reader reports", async () => {
    await using folder = await temporaryFolder();
    await using served = await servedHost();
    const payload = token.and(Payload.script("#!/bin/sh\nexit 7\n", { name: "seven" }));
    const plan = await planPayload(payload, limitsOf(255), { host: served.host }).publish(intent);
    const { code, output } = await run(folder.path, guest, Buffer.from(plan.body).toString());
    expect(code).toBe(1);
    expect(output).toContain("iaaskit: script seven failed");
  });

  it("decrypts what waits encrypted, which neither the store nor the wire shows", async () => {
    await using folder = await temporaryFolder();
    let body = Buffer.alloc(0);
    await using server = await hostileServer((_, response) => response.end(body));
    const made = await stubFor(server.port, prints, { encrypt: true }, 2_000);
    body = made.body;
    expect(body.toString("latin1")).not.toContain("t0ken");
    expect(await run(folder.path, guest, made.stub)).toMatchObject({ code: 0 });
    expect(await seen(folder.path)).toBe(printed);
    expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
  });
});

describe("a fuller stub", () => {
  const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

  it("is taken where it fits, else the smallest", async () => {
    const host = new PayloadHost({ url: "http://10.0.0.5/", secret: hostSecret });
    const textAt = async (maxBytes: number) =>
      Buffer.from((await planPayload(token, limitsOf(maxBytes), { host }).publish(intent)).body).toString();
    expect(await textAt(1_000)).toContain("the payload did not arrive");
    expect((await textAt(300)).length).toBeLessThanOrEqual(255);
  });

  it("is the only one that carries a key or certificates", () => {
    for (const options of [{ encrypt: true }, { certificateAuthority: pem }]) {
      const host = new PayloadHost({ url: "https://10.0.0.5/", secret: hostSecret, ...options });
      expect(() => planPayload(token, limitsOf(255), { host })).toThrow("the stub that fetches it is too long");
      expect(planPayload(token, limitsOf(1_000), { host }).encoding).toBe("hosted");
    }
  });

  it.each(guests.filter(({ programs }) => programs !== null))(
    "trusts the certificates that it carries, and no others: $title",
    async (guest) => {
      await using folder = await temporaryFolder();
      const files = ["key.pem", "cert.pem"].map((name) => join(folder.path, name));
      const [keyFile = "", certFile = ""] = files;
      const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=host`.split(" ");
      const names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", certFile];
      expect(spawnSync("openssl", [...words, ...names]).status).toBe(0);
      const [key, cert] = await Promise.all([readFile(keyFile, "utf8"), readFile(certFile, "utf8")]);
      const port = await freePort();
      for (const [certificateAuthority, code] of [
        [undefined, 1],
        [cert, 0],
      ] as const) {
        const options = { url: `https://127.0.0.1:${port}/`, secret: hostSecret };
        const host = new PayloadHost(
          certificateAuthority === undefined ? options : { ...options, certificateAuthority },
        );
        await using _listening = await host.listen({ hostname: "127.0.0.1", tls: { key, cert } });
        const plan = await planPayload(prints, limitsOf(4_000), { host }).publish(intent);
        expect(await run(folder.path, guest, Buffer.from(plan.body).toString())).toMatchObject({ code });
      }
      expect(await seen(folder.path)).toBe(printed);
    },
  );

  it("holds a URL with characters that a shell reads otherwise", async () => {
    const url = "http://127.0.0.1/a?b=$(touch x)&c='d'`e`";
    const host = {
      uses: "once",
      urlBytes: url.length + 4,
      encrypts: false,
      certificateAuthority: null,
      publish: async (bytes: Uint8Array) =>
        await Promise.resolve({ url, sha256: createHash("sha256").update(bytes).digest("hex"), key: null }),
    } as const;
    const plan = await planPayload(token, limitsOf(1_000), { host }).publish(intent);
    const text = Buffer.from(plan.body).toString();
    const assignment = text.split("\n").find((line) => line.startsWith("u=")) ?? "";
    const { stdout } = spawnSync("sh", ["-c", `${assignment}\nprintf %s "$u"`]);
    expect(stdout.toString()).toBe(url.replaceAll("'", "%27"));
  });
});
