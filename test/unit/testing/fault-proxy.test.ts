import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { type ConnectionFault, faultProxy } from "iaaskit/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const body = "an answer of thirty-two characters";
const served: string[] = [];
const server = createServer((request, response) => {
  served.push(request.url ?? "");
  response.setHeader("connection", "close");
  response.end(body);
});
let target = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.close();
  await once(server, "close");
});

/** What a client sees, and how long it took. */
async function ask(fault: ConnectionFault | null, timeoutMs = 5_000) {
  await using proxy = await faultProxy(target, fault === null ? [] : [fault]);
  const start = performance.now();
  const path = `/${served.length}`;
  const answer = await fetch(proxy.endpoint + path, { signal: AbortSignal.timeout(timeoutMs) })
    .then(async (response) => ({ status: response.status, text: await response.text(), error: null }))
    .catch((error: unknown) => ({ status: null, text: null, error: nameOf(error) }));
  return { ...answer, ms: performance.now() - start, wasServed: served.includes(path) };
}

function nameOf(error: unknown): string {
  const { cause, name } = error as Error;
  return (cause as { code?: string } | undefined)?.code ?? name;
}

describe("a proxy before a back end", () => {
  it("passes everything when nothing goes wrong", async () => {
    expect(await ask(null)).toMatchObject({ status: 200, text: body, wasServed: true });
  });

  it("delays an answer", async () => {
    const { text, ms } = await ask({ kind: "delay", delayMs: 100 });
    expect(text).toBe(body);
    expect(ms).toBeGreaterThan(95);
  });

  it("lets an answer drip", async () => {
    const { text, ms } = await ask({ kind: "drip", bytes: 40, everyMs: 20 });
    expect(text).toBe(body);
    expect(ms).toBeGreaterThan(60);
  });

  it("cuts an answer off, which its reader is told", async () => {
    expect(await ask({ kind: "cut", afterBytes: 110 })).toMatchObject({
      error: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
      wasServed: true,
    });
  });

  it("resets a connection before the first byte of the answer, although the request was served", async () => {
    expect(await ask({ kind: "reset", afterBytes: 0 })).toMatchObject({ error: "ECONNRESET", wasServed: true });
  });

  it("holds an answer for ever, although the request was served", async () => {
    expect(await ask({ kind: "hold" }, 200)).toMatchObject({ error: "TimeoutError", wasServed: true });
  });

  it("loses a request on a connection whose other end is gone", async () => {
    expect(await ask({ kind: "half-open" }, 200)).toMatchObject({ error: "TimeoutError", wasServed: false });
  });

  it("answers in the place of the back end", async () => {
    const portal = { kind: "swap", body: "<html>Log in first</html>" } as const;
    expect(await ask(portal)).toMatchObject({ status: 200, text: "<html>Log in first</html>" });
    expect(await ask({ ...portal, status: 502 })).toMatchObject({ status: 502 });
  });

  it("uses a fault up, behind the connections that it skips", async () => {
    await using proxy = await faultProxy(target, [{ kind: "reset", afterBytes: 0, skip: 1 }]);
    const statuses: unknown[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      statuses.push(await fetch(proxy.endpoint).then(({ status }) => status, nameOf));
    }
    expect(statuses).toEqual([200, "ECONNRESET", 200]);
  });

  it("refuses a fault that is not known, and lists those that are", async () => {
    const fault = { kind: "hiccup" } as unknown as ConnectionFault;
    await expect(faultProxy(target, [fault])).rejects.toThrow(
      'faults have the kind "hiccup", which is none of: delay, drip, cut, reset, hold, half-open, swap',
    );
  });
});
