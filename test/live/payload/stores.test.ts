import { PayloadHost, type PayloadStore, postgresPayloadStore, redisPayloadStore } from "iaaskit";
import { Pool } from "pg";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { hostSecret, intent } from "../../support/payload-host.ts";
import { keepsPayloads } from "../../support/payload-stores.ts";
import { startPostgres, startRedis, type TestServer } from "../support/servers.ts";

const body = Buffer.from("#!/bin/sh\n");

/** Two controllers with hosts of their own over one back end. */
function servesOnce(stores: () => readonly [PayloadStore, PayloadStore]): void {
  it("lets one of 1,000 guests have a payload, whichever of two hosts they ask", { timeout: 60_000 }, async () => {
    const hosts = stores().map(
      (store) => new PayloadHost({ url: "http://10.0.0.5/", secret: hostSecret, store, refusalsPerMinute: 10_000 }),
    );
    const { url } = (await hosts[0]?.publish(body, intent)) ?? { url: "" };
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, async (_, index) => await hosts[index % 2]?.handle(new Request(url))),
    );
    const served = answers.filter((answer) => answer?.status === 200);
    expect(served).toHaveLength(1);
    expect(await served[0]?.text()).toBe(body.toString());
  });
}

describe("a store in Redis", () => {
  let server: TestServer;
  const clients: ReturnType<typeof createClient>[] = [];
  const stores = () => clients.map((client) => redisPayloadStore(client)) as [PayloadStore, PayloadStore];
  beforeAll(async () => {
    server = await startRedis();
    for (const _ of [1, 2]) {
      const client: ReturnType<typeof createClient> = createClient({
        socket: { host: "127.0.0.1", port: server.port },
      });
      clients.push(client);
      await client.connect();
    }
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    await server[Symbol.asyncDispose]();
  });
  keepsPayloads(stores);
  servesOnce(stores);

  it("keeps its keys apart from others by their prefix, each with an end", async () => {
    const [client] = clients;
    await redisPayloadStore(client!, { prefix: "mine:" }).put("a", body, { ttlMs: 5_000 });
    expect(await client!.keys("mine:*")).toEqual(["mine:a"]);
    expect(await client!.pTTL("mine:a")).toBeGreaterThan(4_000);
    expect(await redisPayloadStore(client!).take("a")).toBeNull();
  });
});

describe("a store in PostgreSQL", () => {
  let server: TestServer;
  const pools: Pool[] = [];
  const stores = () => pools.map((pool) => postgresPayloadStore(pool)) as [PayloadStore, PayloadStore];
  beforeAll(async () => {
    server = await startPostgres();
    for (const _ of [1, 2]) {
      pools.push(new Pool({ host: "127.0.0.1", port: server.port, user: "postgres", database: "postgres", max: 20 }));
    }
  });
  afterAll(async () => {
    await Promise.all(pools.map(async (pool) => await pool.end()));
    await server[Symbol.asyncDispose]();
  });
  keepsPayloads(stores);
  servesOnce(stores);

  it("makes its table once, whoever comes first of 20 at the same time", async () => {
    const [pool] = pools;
    const fresh = Array.from({ length: 20 }, () => postgresPayloadStore(pool!, { table: "fresh" }));
    await Promise.all(fresh.map(async (store, index) => await store.put(String(index), body, { ttlMs: 5_000 })));
    expect((await pool!.query("SELECT count(*)::int AS count FROM fresh")).rows).toEqual([{ count: 20 }]);
  });

  it("removes what is over when something new is put", async () => {
    const [pool] = pools;
    const store = postgresPayloadStore(pool!, { table: "sweeping" });
    await store.put("old", body, { ttlMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await store.put("new", body, { ttlMs: 5_000 });
    expect((await pool!.query("SELECT id FROM sweeping")).rows).toEqual([{ id: "new" }]);
  });
});
