import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import nock from "nock";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { all, answer, create, failureOf, pass } from "../../support/ec2.ts";
import { temporaryFolder } from "../../support/folders.ts";

// Sockets as they are: nock puts its own in their place.
beforeAll(() => nock.restore());
afterAll(() => nock.activate());

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, "close");
  }
});

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** As `once(socket, "close")`, which an error would reject. */
async function closing(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once("close", () => resolve());
  });
}

/** An Iaas whose endpoint does to each request what the test says. */
async function createWith(react: (socket: Socket) => void) {
  let requests = 0;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      requests += 1;
      react(socket);
    });
  });
  const made = create({ endpoint: `http://127.0.0.1:${await portOf(server)}` });
  return { ...made, requests: () => requests, server };
}

const body = answer("DescribeRegions", { regionInfo: [{ regionName: "eu-west-1" }] });
const http = (text: string, length = Buffer.byteLength(text)) =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${text}`;

const breaks: [string, (socket: Socket) => void][] = [
  ["is reset", (socket) => socket.resetAndDestroy()],
  ["is closed", (socket) => socket.end()],
  ["breaks within the answer's head", (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-")],
  ["breaks within the answer", (socket) => socket.end(http(body.slice(0, 100), 5_000))],
  ["speaks another protocol", (socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")],
];

describe("a connection to the endpoint", () => {
  it("carries a request and its answer", async () => {
    const { clock, iaas } = await createWith((socket) => socket.end(http(body)));
    expect(await pass(clock, all(iaas.catalog.regions()))).toEqual([{ id: "eu-west-1" }]);
  });

  it("is made for every call at once, so that none waits for another's answer", async () => {
    const waiting: Socket[] = [];
    const { clock, iaas } = await createWith((socket) => {
      waiting.push(socket);
      if (waiting.length === 60) for (const one of waiting) one.end(http(body));
    });
    const calls = Array.from({ length: 60 }, async () => await all(iaas.catalog.regions()));
    expect(await pass(clock, Promise.all(calls))).toHaveLength(60);
  });

  it.each(breaks)(
    "that %s after the request leaves a creation's outcome unknown, and it is not repeated",
    async (_, react) => {
      const { clock, iaas, requests } = await createWith(react);
      await expect(pass(clock, iaas.keyPairs.generate({ name: "ops" }))).rejects.toMatchObject({
        code: "IAAS_OUTCOME_UNKNOWN",
        outcome: "unknown",
        retry: "same",
        cause: { code: "IAAS_UNAVAILABLE", outcome: "unknown" },
      });
      expect(requests()).toBe(1);
    },
  );

  it.each(breaks)("that %s fails a read after four tries", async (_, react) => {
    const { clock, iaas, requests } = await createWith(react);
    await expect(pass(clock, all(iaas.catalog.regions()))).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
    expect(requests()).toBe(4);
  });

  it("that is refused has done nothing, so that a creation is repeated and then fails", async () => {
    const { clock, iaas, server, requests } = await createWith(() => undefined);
    server.close();
    await once(server, "close");
    servers.splice(0);
    await expect(pass(clock, iaas.keyPairs.generate({ name: "ops" }))).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      outcome: "not-applied",
      retry: "same",
      vendorCode: "ECONNREFUSED",
    });
    expect(requests()).toBe(0);
  });

  it("that never answers ends at the deadline: a read in a time-out, a creation with its outcome unknown", async () => {
    const { clock, iaas } = await createWith(() => undefined);
    const short = { timeoutMs: 1_500 };
    await expect(pass(clock, all(iaas.catalog.regions(short)))).rejects.toMatchObject({ code: "IAAS_TIMEOUT" });
    await expect(pass(clock, iaas.keyPairs.generate({ name: "ops", ...short }))).rejects.toMatchObject({
      code: "IAAS_OUTCOME_UNKNOWN",
    });
  });

  it("is closed when the call is aborted, which rejects with the caller's reason", async () => {
    const closed: Promise<unknown>[] = [];
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const { clock, iaas } = await createWith((socket) => {
      closed.push(closing(socket));
      controller.abort(reason);
    });
    expect(await failureOf(pass(clock, all(iaas.catalog.regions({ signal: controller.signal }))))).toBe(reason);
    expect(closed).toHaveLength(1);
    await Promise.all(closed);
  });

  it("is closed when its answer does not end", async () => {
    let sent = 0;
    const closed: Promise<unknown>[] = [];
    const { clock, iaas } = await createWith((socket) => {
      closed.push(closing(socket));
      socket.write("HTTP/1.1 200 OK\r\n\r\n<DescribeRegionsResponse>");
      const more = (): void => {
        while (socket.writable && socket.write(Buffer.alloc(65_536, "x"))) sent += 65_536;
        socket.once("drain", more);
      };
      more();
    });
    await expect(pass(clock, all(iaas.catalog.regions()))).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
    await Promise.all(closed);
    expect(closed).toHaveLength(4);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it("is not made to an endpoint whose certificate nobody vouches for", async () => {
    await using folder = await temporaryFolder();
    const [key, cert] = [join(folder.path, "key.pem"), join(folder.path, "cert.pem")];
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    execFileSync("openssl", [...made, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
    let requests = 0;
    const server = createTlsServer({ key: await readFile(key), cert: await readFile(cert) }, () => {
      requests += 1;
    });
    const { clock, iaas } = create({ endpoint: `https://127.0.0.1:${await portOf(server)}` });
    await expect(pass(clock, iaas.keyPairs.generate({ name: "ops" }))).rejects.toMatchObject({
      code: "IAAS_AUTHENTICATION",
      retry: "never",
      outcome: "not-applied",
      vendorCode: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    expect(requests).toBe(0);
  });

  it("is let go when the Iaas is disposed", async () => {
    const closed: Promise<unknown>[] = [];
    const { clock, iaas } = await createWith((socket) => {
      closed.push(closing(socket));
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
    await pass(clock, all(iaas.catalog.regions()));
    expect(await Promise.race([Promise.all(closed), delay(50, "open")])).toBe("open");
    await iaas[Symbol.asyncDispose]();
    await Promise.all(closed);
    await expect(all(iaas.catalog.regions())).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
  });
});
