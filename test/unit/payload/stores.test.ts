import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { chmod, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  folderPayloadStore,
  InvalidInputError,
  memoryPayloadStore,
  postgresPayloadStore,
  redisPayloadStore,
} from "iaaskit";
import { VirtualClock } from "iaaskit/testing";
import { afterAll, describe, expect, it } from "vitest";

import { temporaryFolder } from "../../support/folders.ts";
import { keepsPayloads } from "../../support/payload-stores.ts";

describe("a store in memory", () => {
  const store = memoryPayloadStore();
  keepsPayloads(() => [store, store]);

  it("does not see what the caller does to the bytes afterwards", async () => {
    const bytes = Buffer.from("before");
    await store.put("a", bytes, { ttlMs: 1_000 });
    bytes.fill(0);
    expect(Buffer.from((await store.take("a")) ?? []).toString()).toBe("before");
  });
});

describe("a store in a folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "iaaskit-test-"));
  afterAll(async () => await rm(folder, { recursive: true }));
  keepsPayloads(() => [folderPayloadStore(folder), folderPayloadStore(folder)]);

  it("keeps its files for its own user alone, in a folder that it makes so", async () => {
    await using parent = await temporaryFolder();
    const path = join(parent.path, "new");
    await folderPayloadStore(path).put("a", Buffer.from("x"), { ttlMs: 1_000 });
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, "a"))).mode & 0o777).toBe(0o600);
  });

  it("leaves no file behind once everything is taken or deleted", async () => {
    await using parent = await temporaryFolder();
    const store = folderPayloadStore(parent.path);
    for (const id of ["a", "b", "c"]) await store.put(id, randomBytes(10), { ttlMs: 1_000 });
    await Promise.all([store.take("a"), store.take("a"), store.delete("b"), store.take("c")]);
    expect(await readdir(parent.path)).toEqual([]);
  });

  it("removes what is over, and what a process that was killed had begun to write or to take", async () => {
    await using parent = await temporaryFolder();
    const clock = new VirtualClock({ startMs: Date.now() });
    const store = folderPayloadStore(parent.path, { clock });
    await store.put("over", randomBytes(10), { ttlMs: 1_000 });
    await writeFile(join(parent.path, "begun.1"), "x");
    await store.put("young", randomBytes(10), { ttlMs: 10 * 60_000 });
    await clock.advance(3 * 60_000);
    await store.put("new", randomBytes(10), { ttlMs: 10 * 60_000 });
    expect((await readdir(parent.path)).toSorted()).toEqual(["new", "young"].toSorted());
  });

  it("says so when it cannot write", async () => {
    await using parent = await temporaryFolder();
    const file = join(parent.path, "file");
    await writeFile(file, "");
    await chmod(file, 0o400);
    await expect(folderPayloadStore(file).put("a", randomBytes(1), { ttlMs: 1_000 })).rejects.toThrow(/EEXIST|ENOTDIR/);
    await expect(folderPayloadStore(file).take("a")).rejects.toThrow("ENOTDIR");
  });
});

/** As much of Redis as the store uses; the real one is asked in the live tests. */
function fakeRedis(asBytes: boolean) {
  const kept = new Map<string, { readonly value: string; readonly endsAt: number }>();
  const take = (key: string) => {
    const entry = kept.get(key);
    kept.delete(key);
    return entry !== undefined && entry.endsAt > Date.now() ? entry.value : null;
  };
  return {
    sendCommand: async ([name, key = "", value = "", , ttlMs]: string[]) => {
      await Promise.resolve();
      if (name === "SET") kept.set(key, { value, endsAt: Date.now() + Number(ttlMs) });
      if (name === "DEL") kept.delete(key);
      const found = name === "GETDEL" ? take(key) : null;
      return found !== null && asBytes ? Buffer.from(found) : found;
    },
  };
}

describe.each([
  ["texts", false],
  ["bytes", true],
])("a store in Redis, by a client that gives %s", (_, asBytes) => {
  const client = fakeRedis(asBytes);
  keepsPayloads(() => [redisPayloadStore(client), redisPayloadStore(client)]);
});

describe("a store in PostgreSQL", () => {
  it("takes in one statement that removes, and lets the database tell the time", async () => {
    const asked: (readonly [string, unknown[]?])[] = [];
    const pool = {
      query: async (...query: [string, unknown[]?]) => {
        asked.push(query);
        return await Promise.resolve({ rows: query[0].includes("RETURNING") ? [{ bytes: Buffer.from("x") }] : [] });
      },
    };
    const store = postgresPayloadStore(pool, { table: "mine" });
    await store.put("a", Buffer.from("x"), { ttlMs: 5_000 });
    expect(asked.at(-1)?.[1]).toEqual(["a", Buffer.from("x"), 5_000]);
    expect(Buffer.from((await store.take("a")) ?? []).toString()).toBe("x");
    expect(asked.at(-1)).toEqual(["DELETE FROM mine WHERE id = $1 AND ends_at > now() RETURNING bytes", ["a"]]);
    await store.delete("a");
    expect(asked.at(-1)).toEqual(["DELETE FROM mine WHERE id = $1", ["a"]]);
  });

  it("refuses a table that would not be a plain name", () => {
    const pool = { query: () => Promise.reject(new Error("not to be called")) };
    for (const table of ["", "a b", "A", 'x"; drop table y', "a".repeat(64)]) {
      expect(() => postgresPayloadStore(pool, { table })).toThrow(InvalidInputError);
    }
  });

  it("makes its table again after it could not", async () => {
    const texts: string[] = [];
    let isDown = true;
    const pool = {
      query: (text: string) => {
        texts.push(text);
        return isDown ? Promise.reject(new Error("down")) : Promise.resolve({ rows: [] });
      },
    };
    const store = postgresPayloadStore(pool);
    await expect(store.take("a")).rejects.toThrow("down");
    isDown = false;
    await expect(store.take("a")).resolves.toBeNull();
    await store.take("b");
    expect(texts.filter((text) => text.includes("CREATE TABLE"))).toHaveLength(2);
  });
});
