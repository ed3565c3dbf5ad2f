import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { gzipSync } from "node:zlib";

import { Payload, payloadFormats, type PayloadLimits, planPayload, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { projectPath, temporaryFolder } from "../../support/folders.ts";
import { intent, servedHost } from "../../support/payload-host.ts";

const shells = [["dash"], ["bash"], ["busybox", "ash"]].filter(([program = ""]) =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program))),
);

interface Guest {
  readonly folder: string;
  /** Boots it: runs the script as `iaaskit-payload.service` does. */
  readonly boot: (
    environment?: Record<string, string>,
  ) => Promise<{ readonly code: number | null; readonly output: string }>;
  readonly seen: (name: string) => Promise<string | null>;
}

function guestIn(folder: string, [shell = "", ...words]: readonly string[]): Guest {
  const seen = async (name: string) => await readFile(join(folder, name), "utf8").catch(() => null);
  const boot: Guest["boot"] = async (environment = {}) => {
    const script = (await readFile(projectPath("guest/iaaskit-payload.sh"), "utf8")).replace("0 1 2 4 8 15", "0 .1");
    await mkdir(join(folder, "tmp"), { recursive: true });
    const child = spawn(shell, [...words, "-c", script], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env["PATH"],
        TMPDIR: join(folder, "tmp"),
        IAASKIT_DIR: join(folder, "etc"),
        IAASKIT_STATE: join(folder, "state"),
        IAASKIT_METADATA: "http://127.0.0.1:1",
        IAASKIT_INSTANCE: "i-1",
        OUT: folder,
        ...environment,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await once(child, "close");
    return { code: child.exitCode, output };
  };
  return { folder, boot, seen };
}

async function place(guest: Guest, plan: { readonly files: readonly { path: string; content: Uint8Array }[] }) {
  await mkdir(join(guest.folder, "etc"), { recursive: true });
  for (const { path, content } of plan.files) {
    await writeFile(join(guest.folder, path.replace("/etc/iaaskit", "etc")), content);
  }
}

async function metadataService(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    environment: { IAASKIT_METADATA: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const limits = (maxBytes: number): PayloadLimits => ({
  channel: "files",
  maxBytes: { value: maxBytes, source: "ours" },
  maxFiles: { value: 5, source: "ours" },
  measuredOn: "raw",
  gzip: true,
  confidential: false,
});
const payload = Payload.environment({ HOST: "a b", NOISE: randomBytes(400).toString("hex") }).and(
  Payload.script('#!/bin/sh\nprintf "%s|%s\\n" "$HOST" "${#NOISE}" >>"$OUT/ran"\n'),
);
const script = payloadFormats.shell.write(payload);

describe.each(shells.map((shell) => ({ shell, title: shell.join(" ") })))(
  "a baked-in script in $title",
  ({ shell }) => {
    it.each([
      ["raw", 4_000],
      ["gzip", 1_800],
      ["split", 1_000],
      ["split-gzip", Math.floor(script.byteLength / 5) - 1],
    ])("runs what a plan has put into files, once: %s", async (encoding, maxBytes) => {
      await using folder = await temporaryFolder();
      const guest = guestIn(folder.path, shell);
      const unpacked = encoding === "split" ? { ...limits(maxBytes), gzip: false } : limits(maxBytes);
      const plan = planPayload(payload, unpacked);
      expect(plan.encoding).toBe(encoding);
      await place(guest, plan);
      expect(await guest.boot()).toMatchObject({ code: 0 });
      expect(await guest.boot()).toMatchObject({ code: 0, output: "iaaskit: this instance has had its payload\n" });
      expect(await guest.seen("ran")).toBe("a b|800\n");
      expect(await guest.seen("etc/payload.report")).toBe("ok environment\nok script script\n");
      expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
    });

    it("runs the stub that fetches what is too long for the files", async () => {
      await using folder = await temporaryFolder();
      await using served = await servedHost();
      const guest = guestIn(folder.path, shell);
      const hosted = payload.and(Payload.environment({ TOKEN: new Secret("t") }));
      const plan = await planPayload(hosted, limits(1_000), { host: served.host }).publish(intent);
      expect(plan.encoding).toBe("hosted");
      await place(guest, plan);
      expect(await guest.boot()).toMatchObject({ code: 0 });
      expect(await guest.seen("ran")).toBe("a b|800\n");
      expect(await readdir(join(folder.path, "tmp"))).toEqual([]);
    });

    it.each<[string, RequestListener]>([
      [
        "that wants a token",
        ({ method, url, headers }, response) => {
          if (method === "PUT" && url === "/latest/api/token") response.end("secret-token");
          else if (headers["x-aws-ec2-metadata-token"] === "secret-token") response.end(script);
          else response.writeHead(401).end();
        },
      ],
      [
        "that knows no tokens",
        ({ method }, response) => (method === "GET" ? response.end(script) : response.writeHead(405).end()),
      ],
      [
        "that gives gzip",
        ({ method }, response) => (method === "GET" ? response.end(gzipSync(script)) : response.writeHead(405).end()),
      ],
    ])("runs the user data of a metadata service %s", async (_, listener) => {
      await using folder = await temporaryFolder();
      await using service = await metadataService(listener);
      const guest = guestIn(folder.path, shell);
      expect(await guest.boot(service.environment)).toMatchObject({ code: 0 });
      expect(await guest.seen("ran")).toBe("a b|800\n");
    });

    it("runs again in another instance, made of the first one's disk", async () => {
      await using folder = await temporaryFolder();
      const guest = guestIn(folder.path, shell);
      await place(guest, planPayload(payload, limits(4_000)));
      await guest.boot();
      await guest.boot({ IAASKIT_INSTANCE: "i-2" });
      expect(await guest.seen("ran")).toBe("a b|800\na b|800\n");
    });

    it("fails when a script of the payload does", async () => {
      await using folder = await temporaryFolder();
      const guest = guestIn(folder.path, shell);
      const bad = Payload.script("#!/bin/sh\nexit 3\n", { name: "bad" });
      await place(guest, planPayload(bad, limits(4_000)));
      expect(await guest.boot()).toMatchObject({ code: 1, output: "iaaskit: script bad failed\n" });
      expect(await guest.seen("etc/payload.report")).toBe("failed with 3: script bad\n");
    });

    it("succeeds where there is no payload, and says so", async () => {
      await using folder = await temporaryFolder();
      const { code, output } = await guestIn(folder.path, shell).boot();
      expect(code).toBe(0);
      expect(output).toContain("iaaskit: this instance has no payload\n");
    });

    it("refuses what is no script", async () => {
      await using folder = await temporaryFolder();
      const guest = guestIn(folder.path, shell);
      await place(guest, planPayload(Payload.raw("<html>"), limits(4_000)));
      expect(await guest.boot()).toMatchObject({ code: 1, output: "iaaskit: the payload is no script\n" });
    });
  },
);
