import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import * as fc from "fast-check";
import { PayloadHost } from "iaaskit";
import { expect, it } from "vitest";

import { ask, hostSecret, intent, pathOf, servedHost } from "../../support/payload-host.ts";

const body = Buffer.from("#!/bin/sh\n");
const refusalsPerMinute = 1_000_000;

/** A text with one to three changes: of a character, of its place, of the way it is written. */
function mutationsOf(text: string): fc.Arbitrary<string> {
  const character = fc.oneof(
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
    fc.constantFrom("/", "%2F", ".", "?", "#", "\u00E9", "\0"),
  );
  const place = fc.nat({ max: text.length - 1 });
  const change = fc.oneof(
    fc.record({ at: place, removed: fc.nat({ max: 2 }), inserted: character }),
    fc.record({ at: place, removed: fc.integer({ min: 1, max: 30 }), inserted: fc.constant("") }),
    place.map((at) => ({ at, removed: 1, inserted: `%${text.charCodeAt(at).toString(16)}` })),
    place.map((at) => ({ at, removed: 1, inserted: swapped(text.charAt(at)) })),
    place.map((at) => ({ at, removed: 0, inserted: text.slice(at) })),
  );
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) =>
      changes.reduce((now, { at, removed, inserted }) => now.slice(0, at) + inserted + now.slice(at + removed), text),
    );
}

function swapped(letter: string): string {
  return letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase();
}

it("of 100,000 URLs that are not quite right none is accepted", { timeout: 200_000 }, async () => {
  const host = new PayloadHost({ url: "http://10.0.0.5/p/", secret: hostSecret, refusalsPerMinute });
  const { url } = await host.publish(body, intent);
  const path = pathOf(url);
  let [tried, accepted] = [0, 0];
  for (const mutated of fc.sample(mutationsOf(path), 130_000)) {
    if (tried === 100_000) break;
    const target = `http://10.0.0.5${mutated.startsWith("/") ? "" : "/"}${mutated}`;
    if (!URL.canParse(target)) continue;
    const { pathname, search } = new URL(target);
    if (pathname + search === path) continue; // the same, written otherwise
    tried += 1;
    if ((await host.handle(new Request(target))).status !== 404) accepted += 1;
  }
  expect({ tried, accepted }).toEqual({ tried: 100_000, accepted: 0 });
  expect((await host.handle(new Request(url))).status).toBe(200);
});

it("of 3,000 request lines that are not quite right none is accepted", { timeout: 200_000 }, async () => {
  await using served = await servedHost({ path: "p/", refusalsPerMinute });
  const path = pathOf((await served.host.publish(body, intent)).url);
  let accepted = 0;
  for (const mutated of fc.sample(mutationsOf(path), 3_000)) {
    if (mutated === path || /[\s#]|[^\x21-\x7E]/.test(mutated)) continue; // no request line holds these
    if ((await ask(served.port, mutated)).status === 200) accepted += 1;
  }
  expect(accepted).toBe(0);
  expect((await ask(served.port, path)).status).toBe(200);
});

it("a delivery that is cut off at each kilobyte may be fetched again, whole", { timeout: 200_000 }, async () => {
  await using served = await servedHost();
  const large = Buffer.alloc(8 * 1024 * 1024, "0123456789abcdef");
  const path = pathOf((await served.host.publish(large, intent)).url);
  for (let kilobytes = 1; kilobytes <= 100; kilobytes += 1) {
    const socket = connect(served.port, "127.0.0.1");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    let seen = 0;
    await new Promise<void>((resolve) => {
      socket.on("data", ({ length }: Buffer) => {
        seen += length;
        if (seen >= kilobytes * 1024) resolve();
      });
    });
    socket.resetAndDestroy();
    await delay(10);
  }
  const { status, body: whole } = await ask(served.port, path);
  expect([status, whole.length]).toEqual([200, large.length]);
  expect((await ask(served.port, path)).status).toBe(404);
});

it("1,000 guests who connect at once get one payload", { timeout: 60_000 }, async () => {
  await using served = await servedHost({ refusalsPerMinute });
  const path = pathOf((await served.host.publish(body, intent)).url);
  const answers = await Promise.all(Array.from({ length: 1_000 }, async () => await ask(served.port, path)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
});
