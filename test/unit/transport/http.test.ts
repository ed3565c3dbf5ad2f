import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";

import nock from "nock";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { isMetadataService } from "../../../src/transport/addresses.ts";
import { checkEndpoint, HttpClient } from "../../../src/transport/http.ts";
import { networkError } from "../../../src/transport/network-errors.ts";
import { pathOf, queryOf } from "../../../src/transport/paths.ts";
import { retryAfterMs } from "../../../src/transport/retry-after.ts";
import { temporaryFolder } from "../../support/folders.ts";

// Sockets as they are: nock puts its own in their place.
beforeAll(() => nock.restore());
afterAll(() => nock.activate());

const at = { provider: "test", operation: "send" };
const open: { close: () => void }[] = [];
const servers: (Server | TlsServer)[] = [];
afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

async function addressOf(server: Server | TlsServer, scheme = "http"): Promise<string> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function clientOf(connection: ConstructorParameters<typeof HttpClient>[0] = {}): HttpClient {
  const client = new HttpClient(connection);
  open.push({ close: () => client.dispose() });
  return client;
}

/** The answer of a server that does what the test says. */
async function answerOf(listener: RequestListener, signal = AbortSignal.timeout(10_000), path = "/") {
  const address = await addressOf(createServer(listener));
  return await clientOf().send({ method: "GET", url: `${address}${path}`, signal });
}

const failureOf = async (promise: Promise<unknown>): Promise<Error> =>
  await promise.then(
    () => expect.fail("it resolved"),
    (error: unknown) => error as Error,
  );

describe("an answer", () => {
  it("is given whatever its status, with its headers and its text", async () => {
    const answer = await answerOf((_, response) => {
      response.writeHead(418, { "X-Kind": "teapot" }).end("short and stout é");
    });
    expect(answer).toMatchObject({ status: 418, headers: { "x-kind": "teapot" }, text: "short and stout é" });
  });

  it("that was packed is unpacked", async () => {
    const answer = await answerOf((request, response) => {
      expect(request.headers["accept-encoding"]).toBe("gzip");
      response.writeHead(200, { "Content-Encoding": "gzip" }).end(gzipSync("text"));
    });
    expect(answer.text).toBe("text");
  });

  it("that redirects is not followed", async () => {
    let requests = 0;
    const answer = await answerOf((_, response) => {
      requests += 1;
      response.writeHead(302, { Location: "/elsewhere" }).end();
    });
    expect([answer.status, requests]).toEqual([302, 1]);
  });

  it("longer than any cloud's is cut off", async () => {
    const block = Buffer.alloc(1024 * 1024);
    const endless: RequestListener = (_, response) => {
      const more = (): void => void (response.destroyed || response.write(block, more));
      more();
    };
    await expect(answerOf(endless)).rejects.toThrow(/longer than \d+ bytes/);
  });

  it("that would become longer than any cloud's when unpacked is refused", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const packed: RequestListener = (_, response) => {
      response.writeHead(200, { "Content-Encoding": "gzip" }).end(bomb);
    };
    await expect(answerOf(packed)).rejects.toThrow(/larger than/);
  });

  it("that comes in drops ends with the deadline, and with its reason", async () => {
    const controller = new AbortController();
    const reason = new Error("too late");
    let timer: NodeJS.Timeout | undefined;
    const drip: RequestListener = (_, response) => {
      response.writeHead(200);
      timer = setInterval(() => response.write("."), 10);
      setTimeout(() => controller.abort(reason), 50);
    };
    expect(await failureOf(answerOf(drip, controller.signal))).toBe(reason);
    clearInterval(timer);
  });
});

describe("a connection", () => {
  it("is used again", async () => {
    let connections = 0;
    const server = createServer((_, response) => void response.end("x"));
    server.on("connection", () => (connections += 1));
    const url = await addressOf(server);
    const client = clientOf();
    for (let count = 0; count < 3; count += 1) {
      await client.send({ method: "GET", url, signal: AbortSignal.timeout(5_000) });
    }
    expect(connections).toBe(1);
  });

  it("that nobody accepts, or that breaks, is told by its code, and shows neither header, query nor body", async () => {
    const headers = { "X-Auth-Token": "canary-token" };
    const server = createServer((request) => void request.socket.resetAndDestroy());
    const address = await addressOf(server);
    for (const [url, code] of [
      ["http://127.0.0.1:1/x?key=canary-query", "ECONNREFUSED"],
      [`${address}/x?key=canary-query`, "ECONNRESET"],
    ] as const) {
      const body = "canary-body";
      const signal = AbortSignal.timeout(5_000);
      const error = await failureOf(clientOf().send({ method: "POST", url, headers, body, signal }));
      expect(error).toMatchObject({ code });
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain("canary");
      expect(networkError(error, at)).toMatchObject({ code: "IAAS_UNAVAILABLE" });
    }
  });
});

describe("certificates", () => {
  it("are checked against the connection's own authority, and no other connection trusts it", async () => {
    await using folder = await temporaryFolder();
    const [key, cert] = [join(folder.path, "key.pem"), join(folder.path, "cert.pem")];
    const made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
    const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
    execFileSync("openssl", [...made, "-keyout", key, "-out", cert, ...subject], { stdio: "ignore" });
    const ca = await readFile(cert, "utf8");
    const server = createTlsServer({ key: await readFile(key), cert: ca }, (_, response) => void response.end("safe"));
    const url = await addressOf(server, "https");
    const request = { method: "GET", url, signal: AbortSignal.timeout(5_000) } as const;

    expect((await clientOf({ ca }).send(request)).text).toBe("safe");
    const error = networkError(await failureOf(clientOf().send(request)), at);
    expect(error).toMatchObject({ code: "IAAS_AUTHENTICATION", retry: "never" });
    expect(error?.message).toMatch(
      /^the endpoint's certificate is not trusted: https:\/\/127\.0\.0\.1:\d+: self-signed/,
    );
  });
});

describe("an endpoint", () => {
  it.each([
    ["https://cloud.example.org:5000/v3", null],
    ["http://127.0.0.1:5000", null],
    ["http://localhost:5000", null],
    ["http://[::1]:5000", null],
    ["http://cloud.example.org", "is plain http"],
    ["ftp://cloud.example.org", "must begin with https://"],
    ["https://user:secret@cloud.example.org", "must not hold credentials"],
    ["https://169.254.169.254/", "metadata service"],
    ["https://2852039166/", "metadata service"],
    ["https://[::ffff:169.254.169.254]/", "metadata service"],
    ["https://[fd00:ec2::254]/", "metadata service"],
    ["no address", "must be an address"],
  ])("%s: %s", (url, rule) => {
    const checked = (): void => checkEndpoint(url, "endpoint", {}, at);
    if (rule === null) expect(checked).not.toThrow();
    else expect(checked).toThrow(expect.objectContaining({ rule: expect.stringContaining(rule) as string }));
  });

  it("may be plain http where that is wanted", () => {
    expect(() => checkEndpoint("http://cloud.example.org", "e", { allowPlainHttp: true }, at)).not.toThrow();
  });

  it("on a link of this machine alone is a metadata service's, a private address is not", () => {
    expect(["169.254.0.1", "[fe80::1]", "10.0.0.1", "192.0.2.1"].map(isMetadataService)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("a path", () => {
  it("takes each value as one segment", () => {
    expect(pathOf`/servers/${"a/b c?d#e"}/action`).toBe("/servers/a%2Fb%20c%3Fd%23e/action");
    expect(queryOf({ limit: 10, marker: null, id: ["a", "b&c"] })).toBe("?limit=10&id=a&id=b%26c");
  });

  it.each(["", ".", "..", "a\nb", "x".repeat(513)])("refuses %j", (value) => {
    expect(() => pathOf`/servers/${value}`).toThrow(expect.objectContaining({ code: "IAAS_INVALID_INPUT" }));
  });
});

describe("Retry-After", () => {
  it.each([
    ["2", 2_000],
    ["0.5", 500],
    [3, 3_000],
    ["-1", 0],
    ["0", 0],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["soon", undefined],
    ["", undefined],
    [undefined, undefined],
    [{}, undefined],
  ])("%j is %s ms", (value, ms) => {
    expect(retryAfterMs(value)).toBe(ms);
  });

  it("as a date is the time until then", () => {
    const ms = retryAfterMs(new Date(Date.now() + 30_000).toUTCString());
    expect(ms).toBeGreaterThan(25_000);
    expect(ms).toBeLessThanOrEqual(30_000);
  });
});
