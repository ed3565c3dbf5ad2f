import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { PayloadStore } from "iaaskit";
import { expect, it } from "vitest";

const longTtl = { ttlMs: 60_000 };
const newId = () => randomBytes(32).toString("hex");
const someBytes = Uint8Array.from({ length: 2_000 }, (_, index) => index % 256);

/** What every store of payloads does. @param stores Two of them over the same back end, as two controllers have. */
export function keepsPayloads(stores: () => readonly [PayloadStore, PayloadStore]): void {
  it("gives each byte back", async () => {
    const [store, other] = stores();
    const id = newId();
    await store.put(id, someBytes, longTtl);
    expect(Buffer.from((await other.take(id)) ?? []).equals(someBytes)).toBe(true);
  });

  it("gives bytes once", async () => {
    const [store] = stores();
    const id = newId();
    await store.put(id, someBytes, longTtl);
    await store.take(id);
    expect(await store.take(id)).toBeNull();
  });

  it("gives nothing for an id that it does not have", async () => {
    expect(await stores()[0].take(newId())).toBeNull();
  });

  it("replaces bytes of the same id", async () => {
    const [store] = stores();
    const id = newId();
    await store.put(id, Buffer.from("first"), longTtl);
    await store.put(id, Buffer.from("second"), longTtl);
    expect(Buffer.from((await store.take(id)) ?? []).toString()).toBe("second");
    expect(await store.take(id)).toBeNull();
  });

  it("gives nothing after its time", async () => {
    const [store] = stores();
    const id = newId();
    await store.put(id, someBytes, { ttlMs: 30 });
    await delay(60);
    expect(await store.take(id)).toBeNull();
  });

  it("gives nothing that was deleted, and deletes what is not there", async () => {
    const [store] = stores();
    const id = newId();
    await store.put(id, someBytes, longTtl);
    await store.delete(id);
    await store.delete(id);
    expect(await store.take(id)).toBeNull();
  });

  it("keeps empty bytes apart from none", async () => {
    const [store] = stores();
    const id = newId();
    await store.put(id, new Uint8Array(), longTtl);
    expect(await store.take(id)).toHaveLength(0);
  });

  it("gives bytes to exactly one of 1,000 who take them at once, from two stores", { timeout: 60_000 }, async () => {
    const id = newId();
    await stores()[0].put(id, someBytes, longTtl);
    const takes = Array.from({ length: 1_000 }, async (_, index) => await stores()[index % 2 === 0 ? 0 : 1].take(id));
    const taken = (await Promise.all(takes)).filter((bytes) => bytes !== null);
    expect(taken).toHaveLength(1);
  });
}
