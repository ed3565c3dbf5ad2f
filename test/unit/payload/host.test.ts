import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { inspect } from "node:util";

import {
  folderPayloadStore,
  InvalidInputError,
  memoryPayloadStore,
  PayloadHost,
  type PayloadHostOptions,
  type PayloadStore,
  Secret,
} from "iaaskit";
import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { temporaryFolder } from "../../support/folders.ts";
import { ask, freePort, hostSecret, intent, pathOf, servedHost } from "../../support/payload-host.ts";

const body = Buffer.from("#!/bin/sh\necho payload\n");
const minute = 60_000;

/** A host without a server, and the way to ask it. */
function bareHost(options: Partial<PayloadHostOptions> = {}) {
  const host = new PayloadHost({ url: "http://10.0.0.5/p/", secret: hostSecret, ...options });
  const fetchFrom = async (url: string, init?: RequestInit, remoteAddress = "10.0.0.9") =>
    await host.handle(new Request(url, init), { remoteAddress });
  return { host, fetchFrom };
}

describe("a URL", () => {
  it("ends in 22 characters, so that a stub of 255 bytes holds it", async () => {
    const { host } = bareHost();
    const { url } = await host.publish(body, intent);
    expect(url).toMatch(/^http:\/\/10\.0\.0\.5\/p\/[A-Za-z0-9_-]{22}$/);
    expect(url).toHaveLength(host.urlBytes);
  });

  it("is the same for the same launch and the same bytes, also from another host of the same secret", async () => {
    const urls = await Promise.all([bareHost(), bareHost()].map(async ({ host }) => await host.publish(body, intent)));
    expect(urls[0]).toEqual(urls[1]);
  });

  it.each([
    ["owner", { ...intent, owner: "you" }, body, hostSecret],
    ["key", { ...intent, key: "two" }, body, hostSecret],
    ["generation", { ...intent, generation: 1 }, body, hostSecret],
    ["bytes", intent, Buffer.from("other"), hostSecret],
    ["secret", intent, body, hostSecret.toUpperCase()],
  ])("is another for another %s", async (_, otherIntent, otherBody, secret) => {
    const one = await bareHost().host.publish(body, intent);
    const other = await bareHost({ secret }).host.publish(otherBody, otherIntent);
    expect(other.url).not.toBe(one.url);
  });

  it("cannot be made by moving a character from the owner to the key", async () => {
    const { host } = bareHost();
    const one = await host.publish(body, { owner: "ab", key: "c", generation: 0 });
    const other = await host.publish(body, { owner: "a", key: "bc", generation: 0 });
    expect(other.url).not.toBe(one.url);
  });
});

describe("a delivery", () => {
  it("gives the bytes once", async () => {
    const { host, fetchFrom } = bareHost();
    const { url } = await host.publish(body, intent);
    const first = await fetchFrom(url);
    expect([first.status, await first.text()]).toEqual([200, body.toString()]);
    expect((await fetchFrom(url)).status).toBe(404);
  });

  it("may not be kept by whoever is in between", async () => {
    const { host, fetchFrom } = bareHost();
    const { headers } = await fetchFrom((await host.publish(body, intent)).url);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-length")).toBe(String(body.length));
  });

  it("is over after 15 minutes", async () => {
    const clock = new VirtualClock();
    const { host, fetchFrom } = bareHost({ clock });
    const [early, late] = [await host.publish(body, intent), await host.publish(body, { ...intent, key: "late" })];
    await clock.advance(15 * minute - 1);
    expect((await fetchFrom(early.url)).status).toBe(200);
    await clock.advance(1);
    expect((await fetchFrom(late.url)).status).toBe(404);
  });

  it("is over at its end also where the store does not look at the time", async () => {
    const clock = new VirtualClock();
    const kept = new Map<string, Uint8Array>();
    const store: PayloadStore = {
      put: async (id, bytes) => await Promise.resolve(void kept.set(id, bytes)),
      take: async (id) => await Promise.resolve(kept.get(id) ?? null),
      delete: async (id) => await Promise.resolve(void kept.delete(id)),
    };
    const { host, fetchFrom } = bareHost({ clock, store, ttlMs: 5_000 });
    const { url } = await host.publish(body, intent);
    await clock.advance(5_000);
    expect((await fetchFrom(url)).status).toBe(404);
  });

  it("lives again when the same launch is repeated", async () => {
    const { host, fetchFrom } = bareHost();
    const { url } = await host.publish(body, intent);
    await fetchFrom(url);
    expect(await host.publish(body, intent)).toMatchObject({ url });
    expect((await fetchFrom(url)).status).toBe(200);
  });

  it("is over when it is revoked; twice is success, and another's URL is refused", async () => {
    const { host, fetchFrom } = bareHost();
    const { url } = await host.publish(body, intent);
    await host.revoke(url);
    await host.revoke(url);
    expect((await fetchFrom(url)).status).toBe(404);
    await expect(host.revoke("http://elsewhere/p/AAAAAAAAAAAAAAAAAAAAAA")).rejects.toThrow(InvalidInputError);
  });

  it("survives a restart between making the URL and fetching it", async () => {
    await using folder = await temporaryFolder();
    const store = () => folderPayloadStore(folder.path);
    const { url } = await bareHost({ store: store() }).host.publish(body, intent);
    const { fetchFrom } = bareHost({ store: store() });
    expect(await (await fetchFrom(url)).text()).toBe(body.toString());
    expect((await fetchFrom(url)).status).toBe(404);
  });

  it("goes to exactly one of 1,000 who ask at once", async () => {
    const { host, fetchFrom } = bareHost({ refusalsPerMinute: 10_000 });
    const { url } = await host.publish(body, intent);
    const answers = await Promise.all(Array.from({ length: 1_000 }, async () => await fetchFrom(url)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});

describe("a secret", () => {
  const [old, current] = [hostSecret, new Secret("another secret that has 32 bytes")];

  it("may be changed without an end to the URLs that the old one made", async () => {
    const store = memoryPayloadStore();
    const { url } = await bareHost({ store, secret: old }).host.publish(body, intent);
    const { host, fetchFrom } = bareHost({ store, secret: [current, old] });
    expect((await host.publish(body, intent)).url).not.toBe(url);
    expect((await fetchFrom(url)).status).toBe(200);
  });

  it("ends the URLs that it made when it is left out", async () => {
    const store = memoryPayloadStore();
    const { url } = await bareHost({ store, secret: old }).host.publish(body, intent);
    expect((await bareHost({ store, secret: current }).fetchFrom(url)).status).toBe(404);
  });

  it("is what makes a URL: bytes that somebody else has put into the store are not served", async () => {
    const kept = new Map<string, Uint8Array>();
    const store: PayloadStore = {
      put: async (id, bytes) => await Promise.resolve(void kept.set(id, bytes)),
      take: async (id) => await Promise.resolve(kept.get(id) ?? null),
      delete: async (id) => await Promise.resolve(void kept.delete(id)),
    };
    const { host, fetchFrom } = bareHost({ store, refusalsPerMinute: 10_000 });
    const { url } = await host.publish(body, intent);
    const [[id = "", sealed = new Uint8Array()] = []] = kept;
    for (let index = 0; index < sealed.length; index += 1) {
      const changed = Uint8Array.from(sealed, (byte, at) => (at === index ? byte ^ 1 : byte));
      kept.set(id, changed);
      const { status } = await fetchFrom(url);
      // The time is not part of the proof: the store's own end is.
      const isTime = index < sealed.indexOf(10) && Buffer.from(changed).toString().includes('"endsAt"');
      expect(status === 404 || isTime, `byte ${index}`).toBe(true);
    }
    for (const planted of ["", "x", "{}\nx", "null\n", '{"owner":1}\nx']) {
      kept.set(id, Buffer.from(planted));
      expect((await fetchFrom(url)).status).toBe(404);
    }
    kept.set(id, sealed);
    expect((await fetchFrom(url)).status).toBe(200);
  });

  it("shows neither in the host nor in what it publishes", async () => {
    const { host } = bareHost({ encrypt: true });
    const published = await host.publish(body, intent);
    const shown = inspect([host, published], { depth: null, showHidden: true }) + JSON.stringify([host, published]);
    expect(shown).not.toContain(hostSecret);
    expect(shown).not.toContain(published.key?.reveal());
  });
});

describe("a refusal", () => {
  it("is the same answer for everything that is wrong", async () => {
    const clock = new VirtualClock();
    await using served = await servedHost({ clock, path: "p/" });
    const { host, port } = served;
    const burnt = pathOf((await host.publish(body, intent)).url);
    await ask(port, burnt);
    const over = pathOf((await host.publish(body, { ...intent, key: "over" })).url);
    await clock.advance(15 * minute);
    const live = pathOf((await host.publish(body, { ...intent, key: "live" })).url);
    const wrong: (readonly [string, string?])[] = [
      [burnt],
      [over],
      ["/"],
      ["/p"],
      ["/p/"],
      [`${live}x`],
      [live.slice(0, -1)],
      [`${live}/`],
      [`${live}?`],
      [`${live}?x=1`],
      [`/p/./${live.slice(3)}`],
      [`/x/..${live}`],
      [`/${live}`],
      [`http://127.0.0.1:${port}${live}`],
      [live.replace("/p/", "/P/")],
      [live.replace("/p/", "/%70/")],
      [`/p/${encodeURIComponent("\0")}`],
      ["/p/../../etc/passwd"],
      [`/p/${"a".repeat(10_000)}`],
      ...["POST", "PUT", "DELETE", "OPTIONS", "PATCH"].map((method) => [live, method] as const),
    ];
    const answers = [];
    for (const [path, method] of wrong) answers.push(await ask(port, path, method));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 404, body: "not found\n" });
    expect((await ask(port, live, "HEAD")).status).toBe(404);
    expect((await ask(port, live)).status).toBe(200);
  });

  it("meets everyone of an address that has had too many in a minute, and nobody else", async () => {
    const clock = new VirtualClock();
    const { host, fetchFrom } = bareHost({ clock, refusalsPerMinute: 5 });
    const { url } = await host.publish(body, intent);
    for (let guess = 0; guess < 5; guess += 1) await fetchFrom(`${url.slice(0, -1)}${guess}`, {}, "10.9.9.9");
    expect((await fetchFrom(url, {}, "10.9.9.9")).status).toBe(404);
    expect((await fetchFrom(url, {}, "10.0.0.9")).status).toBe(200);
    const { url: next } = await host.publish(body, { ...intent, key: "next" });
    await clock.advance(minute);
    expect((await fetchFrom(next, {}, "10.9.9.9")).status).toBe(200);
  });

  it("asks the store for nothing once an address has had too many", async () => {
    let takes = 0;
    const take = async () => {
      takes += 1;
      return await Promise.resolve(null);
    };
    const { host, fetchFrom } = bareHost({ store: { ...memoryPayloadStore(), take }, refusalsPerMinute: 3 });
    for (let guess = 0; guess < 20; guess += 1) await fetchFrom(`${host.url}${"A".repeat(22)}`);
    expect(takes).toBe(3);
  });

  it("forgets the quietest of very many addresses, and grows no further", async () => {
    const { host, fetchFrom } = bareHost({ refusalsPerMinute: 1 });
    const { url } = await host.publish(body, intent);
    await fetchFrom(host.url, {}, "first");
    expect((await fetchFrom(url, {}, "first")).status).toBe(404);
    for (let index = 0; index < 10_000; index += 1) await host.open("GET", "/", `address ${index}`);
    expect((await fetchFrom(url, {}, "first")).status).toBe(200);
  });
});

/** A client that reads so many bytes of the answer, and then resets the connection. */
async function cutAfter(port: number, path: string, bytes: number, headers = ""): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
  let seen = 0;
  if (bytes > 0) {
    await new Promise<void>((resolve) => {
      socket.on("data", ({ length }: Buffer) => {
        seen += length;
        if (seen >= bytes) resolve();
      });
    });
  } else await delay(50); // all of a short body has come, and nobody reads it
  socket.resetAndDestroy();
  await delay(30);
}

describe("a delivery that is cut off", () => {
  const large = Buffer.alloc(4 * 1024 * 1024, "x");

  it.each<[string, Buffer, number, string?]>([
    ["a short body of which nothing was read", body, 0],
    ["the same, by a client that wants no second answer", body, 0, "Connection: close\r\n"],
    ["after its first bytes", large, 1],
    ["in its middle", large, 2_000_000],
  ])("may be fetched again: %s", async (_, bytes, after, headers = "") => {
    await using served = await servedHost();
    const path = pathOf((await served.host.publish(bytes, intent)).url);
    await cutAfter(served.port, path, after, headers);
    const again = await ask(served.port, path);
    expect(again.status).toBe(200);
    expect(again.body).toBe(bytes.toString());
    expect((await ask(served.port, path)).status).toBe(404);
  });

  it("may be fetched again for 60 seconds and no longer, from this host and no other", async () => {
    const clock = new VirtualClock();
    const store = memoryPayloadStore({ clock });
    await using served = await servedHost({ clock, store });
    const paths = [];
    for (const key of ["early", "late", "elsewhere"]) {
      paths.push(pathOf((await served.host.publish(large, { ...intent, key })).url));
    }
    for (const path of paths) await cutAfter(served.port, path, 1_000);
    const [early = "", late = "", elsewhere = ""] = paths;
    const other = new PayloadHost({ url: served.host.url, secret: hostSecret, store, clock });
    expect((await other.handle(new Request(new URL(elsewhere, served.host.url)))).status).toBe(404);
    await clock.advance(minute - 1);
    expect((await ask(served.port, early)).status).toBe(200);
    await clock.advance(1);
    expect((await ask(served.port, late)).status).toBe(404);
  });

  it("may be fetched again when the guest had gone before the store answered", async () => {
    const kept = memoryPayloadStore();
    let answer = (): void => undefined;
    const asked = new Promise<void>((resolve) => (answer = resolve));
    const take = async (id: string) => {
      answer();
      await delay(100);
      return await kept.take(id);
    };
    await using served = await servedHost({ store: { ...kept, take } });
    const path = pathOf((await served.host.publish(body, intent)).url);
    const socket = connect(served.port, "127.0.0.1");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await asked;
    socket.resetAndDestroy();
    await delay(200);
    expect((await ask(served.port, path)).status).toBe(200);
  });

  it("is not given to a second guest while the first still reads", async () => {
    await using served = await servedHost();
    const path = pathOf((await served.host.publish(large, intent)).url);
    const slow = connect(served.port, "127.0.0.1");
    slow.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(slow, "readable");
    expect((await ask(served.port, path)).status).toBe(404);
    slow.resetAndDestroy();
    await delay(20);
    expect((await ask(served.port, path)).status).toBe(200);
  });
});

describe("a store that fails", () => {
  const down: PayloadStore = {
    put: () => Promise.reject(new Error("connection refused")),
    take: () => Promise.reject(new Error("connection refused")),
    delete: () => Promise.reject(new Error("connection refused")),
  };

  it("fails the publishing, which may be repeated", async () => {
    const { host } = bareHost({ store: down });
    await expect(host.publish(body, intent)).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      retry: "same",
      outcome: "not-applied",
      message: "the store of payloads did not take it: connection refused",
    });
  });

  it("answers 503 to the guest, who asks again, and tells the one who runs the host", async () => {
    const seen: unknown[] = [];
    await using served = await servedHost({ store: down, onError: (error) => seen.push(error) });
    expect((await ask(served.port, `/${"A".repeat(22)}`)).status).toBe(503);
    expect(seen).toMatchObject([{ message: "connection refused" }]);
  });

  it("rejects what a framework asked, which has an answer of its own", async () => {
    const { host } = bareHost({ store: down });
    const request = new Request(`${host.url}${"A".repeat(22)}`);
    await expect(host.handle(request)).rejects.toThrow("connection refused");
  });

  it("warns the process where nobody is told", async () => {
    await using served = await servedHost({ store: down });
    const warned = once(process, "warning");
    await ask(served.port, `/${"A".repeat(22)}`);
    expect((await warned)[0]).toMatchObject({ message: "the store of payloads failed: connection refused" });
  });
});

describe("a host that listens", () => {
  it("serves on the port of its URL, and ends", async () => {
    const port = await freePort();
    const host = new PayloadHost({ url: `http://127.0.0.1:${port}/`, secret: hostSecret });
    const server = await host.listen({ hostname: "127.0.0.1" });
    expect(server.port).toBe(port);
    expect((await ask(port, pathOf((await host.publish(body, intent)).url))).body).toBe(body.toString());
    await server.close();
    await server.close();
    await expect(ask(port, "/")).rejects.toThrow("ECONNREFUSED");
  });

  it("says so when the port is taken", async () => {
    const port = await freePort();
    const host = new PayloadHost({ url: `http://127.0.0.1:${port}/`, secret: hostSecret });
    await using _server = await host.listen({ hostname: "127.0.0.1" });
    await expect(host.listen({ hostname: "127.0.0.1" })).rejects.toThrow("EADDRINUSE");
  });

  it("refuses headers that are too long", async () => {
    const host = new PayloadHost({ url: "http://127.0.0.1/", secret: hostSecret });
    await using server = await host.listen({ hostname: "127.0.0.1", port: 0 });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`);
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toContain("431");
    socket.destroy();
  });

  it("ends a connection that does not come to the point within 10 seconds", { timeout: 20_000 }, async () => {
    const host = new PayloadHost({ url: "http://127.0.0.1/", secret: hostSecret });
    await using server = await host.listen({ hostname: "127.0.0.1", port: 0 });
    const socket = connect(server.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\n");
    const started = Date.now();
    socket.resume();
    await once(socket, "close");
    expect(Date.now() - started).toBeGreaterThan(9_000);
    expect(Date.now() - started).toBeLessThan(14_000);
  });

  it.each<[string, object]>([
    ["port", { port: 70_000 }],
    ["porz", { porz: 1 }],
  ])("refuses a wrong option: %s", async (field, options) => {
    const host = new PayloadHost({ url: "http://127.0.0.1/", secret: hostSecret });
    await expect(host.listen(options)).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", field });
  });
});

describe("a host's options", () => {
  it.each<[string, object]>([
    ["url", { url: "ftp://x/" }],
    ["url", { url: "/relative" }],
    ["url", { url: "http://user:pass@x/" }],
    ["url", { url: "http://x/?q" }],
    ["url", { url: "http://x/#f" }],
    ["secret", { secret: "short" }],
    ["secret", { secret: [hostSecret, "short"] }],
    ["secret", { secret: [hostSecret, hostSecret, hostSecret] }],
    ["secret", { secret: undefined }],
    ["ttlMs", { ttlMs: 0 }],
    ["ttlMs", { ttlMs: 25 * 60 * minute }],
    ["refusalsPerMinute", { refusalsPerMinute: 0.5 }],
    ["stor", { stor: 1 }],
  ])("are refused with a wrong %s", (field, change) => {
    const options = { url: "http://x/", secret: hostSecret, ...change };
    expect(() => new PayloadHost(options)).toThrow(expect.objectContaining({ code: "IAAS_INVALID_INPUT", field }));
  });

  it("may leave the slash at the end of the URL out", () => {
    expect(new PayloadHost({ url: "http://x/p", secret: hostSecret }).url).toBe("http://x/p/");
  });
});
