import { randomBytes } from "node:crypto";
import { gunzipSync } from "node:zlib";

import { type AnyIaasError, Payload, payloadFormats } from "iaaskit";
import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { facetsOf } from "../support/facets.ts";
import {
  all,
  auth,
  bed,
  faults,
  iaasOf,
  launchable,
  Operator,
  requestsOf,
  tracked,
  userDataOf,
} from "./support/openstack.ts";

const { describe, expect, it } = vitest;

const operator = await Operator.login();
const leftovers = await tracked(operator);
/** Different in every run, so that a run does not meet another one's machines. */
const run = `run-${randomBytes(4).toString("hex")}`;

const errorOf = async (promise: Promise<unknown>): Promise<AnyIaasError> =>
  await promise.then(
    () => expect.fail("it resolved"),
    (error: unknown) => error as AnyIaasError,
  );

describe("openstack against the real services", () => {
  conformance(vitest, {
    create: async (owner) => {
      const iaas = iaasOf(owner);
      await iaas.probe();
      return iaas;
    },
    launch: { image: bed.image_id, size: "m1.tiny", ports: [{ port: 80 }] },
    tracker: leftovers,
  });
});

describe("user data", () => {
  const big = Payload.file("/opt/big.txt", "a line that repeats\n".repeat(5_000));
  const bytes = Uint8Array.from({ length: 49_149 }, (_, index) => (index * 7 + (index >> 8)) % 256);
  const text = "#!/bin/sh\r\necho 'é € 😀 <&>' \\ $(x)\n\n";

  it.each([
    ["a text", Payload.raw(text), (data: Buffer) => data, Buffer.from(text)],
    ["49,149 bytes of all kinds", Payload.raw(bytes), (data: Buffer) => data, Buffer.from(bytes)],
    ["what looks like base64", Payload.raw("aGVsbG8="), (data: Buffer) => data, Buffer.from("aGVsbG8=")],
    ["what had to be compressed", big, gunzipSync, Buffer.from(payloadFormats.mime.write(big))],
  ])("reaches the hypervisor byte for byte: %s", async (_, payload, decode, expected) => {
    await using iaas = iaasOf(`${run}/user-data`);
    const key = randomBytes(4).toString("hex");
    const { id } = await iaas.launch({ ...launchable, key, payload });
    const data = await userDataOf(id);
    expect(data === null ? null : Buffer.compare(decode(data), expected)).toBe(0);
    await iaas.terminate(id);
  });

  it("is not there when there is no payload", async () => {
    await using iaas = iaasOf(`${run}/user-data`);
    const { id } = await iaas.launch({ ...launchable, key: "none" });
    expect(await userDataOf(id)).toBeNull();
    await iaas.terminate(id);
  });
});

describe("what is wrong", () => {
  it("with the password is told in words", async () => {
    await using iaas = iaasOf(run, { auth: { ...auth, password: "wrong-password" } });
    const error = await errorOf(iaas.probe());
    expect(error).toMatchObject({ code: "IAAS_AUTHENTICATION", retry: "never" });
    expect(error.message).toMatch(
      /^Keystone refuses the user demo for the project demo: wrong name, password or secret/,
    );
  });

  it("with the project is told in words", async () => {
    await using iaas = iaasOf(run, { auth: { ...auth, projectName: "no-such-project" } });
    expect((await errorOf(iaas.probe())).message).toMatch(/the project no-such-project: .*no role in that project/);
  });

  it("with the region is told with the regions that there are", async () => {
    await using iaas = iaasOf(run, { region: "RegionTwo" });
    expect(await errorOf(iaas.probe())).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "region" });
    expect((await errorOf(iaas.probe())).message).toMatch(/RegionTwo; its regions are: RegionOne/);
  });

  it("with the address is told in words", async () => {
    await using iaas = iaasOf(run, { auth: { ...auth, authUrl: "http://127.0.0.1:1/v3" } });
    const error = await errorOf(iaas.probe({ timeoutMs: 20_000 }));
    expect(error).toMatchObject({ code: "IAAS_UNAVAILABLE", vendorCode: "ECONNREFUSED", outcome: "not-applied" });
    expect(error.message).toMatch(/^the endpoint cannot be reached: http:\/\/127\.0\.0\.1:1: /);
  });

  it.each([
    ["a zone", { partition: { zone: "no-such-zone" } }, "partition.zone"],
    ["a flavor", { size: "m9.none" }, "size"],
    ["a key pair", { keyPair: "no-such-key" }, "keyPair"],
    ["a network", { networks: [{ id: "11111111-1111-4111-8111-111111111111" }] }, "networks"],
    ["a host that this user may not choose", { partition: { host: "compute1" } }, "partition.host"],
    ["a tag that Nova cannot keep", { tags: { "a/b": "c" } }, "tags"],
  ])("as %s that does not exist is refused with its field", async (_, more, field) => {
    await using iaas = iaasOf(`${run}/wrong`);
    const error = await errorOf(iaas.launch({ ...launchable, key: "wrong", ...more }));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field });
  });
});

describe("a full quota", () => {
  it("of servers, addresses, key pairs, volumes and groups is a quota, not a policy, and what is there stays", async () => {
    await using iaas = iaasOf(`${run}/tight`, { auth: { ...auth, projectName: "tight" } });
    await iaas.probe();
    const { floatingIps, securityGroups, volumes } = facetsOf(iaas);
    const first = await iaas.launch({ ...launchable, key: "first" });
    await floatingIps.allocate({ key: "first" });
    await volumes.create({ key: "first", sizeGiB: 1 });
    const group = await securityGroups.ensure({ name: "first" });
    const refused = [
      iaas.launch({ ...launchable, key: "second" }),
      floatingIps.allocate({ key: "second" }),
      volumes.create({ key: "second", sizeGiB: 1 }),
      volumes.create({ key: "third", sizeGiB: 100 }),
      securityGroups.ensure({ name: "second" }),
    ];
    const codes = await Promise.all(refused.map(async (call) => (await errorOf(call)).code));
    expect(new Set(codes)).toEqual(new Set(["IAAS_QUOTA_EXCEEDED"]));
    expect((await iaas.get(first.id)).id).toBe(first.id);

    for await (const { address } of floatingIps.list()) await floatingIps.release({ address });
    for await (const { id: volumeId } of volumes.list()) await volumes.delete({ volumeId });
    await securityGroups.delete({ id: group.id });
    await iaas.terminate(first.id);
  });

  it("of a policy is a permission", async () => {
    const { id } = await operator.send<{ id: string }>("GET", `${bed.endpoints.image}/v2/images/${bed.image_id}`);
    await using iaas = iaasOf(`${run}/policy`);
    const source = await iaas.launch({ ...launchable, key: "source", until: "running" });
    const image = await iaas.images.create({ instanceId: source.id, name: `${run}-image` });
    const error = await errorOf(iaas.images.setVisibility({ id: image.id, visibility: "public" }));
    expect(error).toMatchObject({ code: "IAAS_PERMISSION_DENIED", retry: "never" });
    expect(id).toBe(bed.image_id);
    await iaas.images.delete({ id: image.id });
    await iaas.terminate(source.id);
  });
});

describe("a stranger in another project", () => {
  it("neither sees nor reaches what is ours", async () => {
    const owner = `${run}/stranger`;
    await using iaas = iaasOf(owner);
    await using other = iaasOf(owner, {
      auth: { authUrl: bed.auth_url, username: "stranger", password: "password", projectName: "alone" },
    });
    const { id } = await iaas.launch({ ...launchable, key: "mine" });
    expect(await all(other.list())).toEqual([]);
    expect(await errorOf(other.get(id))).toMatchObject({ code: "IAAS_NOT_FOUND" });
    await other.terminate(id);
    expect((await iaas.get(id)).id).toBe(id);
    await iaas.terminate(id);
  });
});

describe("four processes that launch the same keys at once", () => {
  it("agree on one instance for each", async () => {
    const clients = [1, 2, 3, 4].map(() => iaasOf(`${run}/agree`));
    const keys = [1, 2, 3, 4, 5].map((number) => `key-${number}`);
    const launched = await Promise.all(
      clients.flatMap((client) =>
        keys.map(async (key) => await client.launch({ ...launchable, key, until: "running" })),
      ),
    );
    const ids = new Set(launched.map(({ id }) => id));
    expect(ids.size).toBe(keys.length);
    const alive = await all(clients[0]!.list());
    expect(new Set(alive.map(({ id }) => id))).toEqual(ids);
    await Promise.all([...ids].map(async (id) => await clients[0]!.terminate(id)));
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
});

describe("when Nova", () => {
  const ours = { service: "nova", method: "POST", path: "/servers$", agent: "^iaaskit" };

  it.each([
    ["is down for a while", { status: 503, headers: { "Retry-After": "1" }, times: 2 }],
    ["asks for patience in seconds", { status: 429, headers: { "Retry-After": "1" }, times: 2 }],
    [
      "asks for patience as old clouds do",
      {
        status: 413,
        headers: { "Retry-After": "1" },
        times: 2,
        body: { overLimit: { code: 413, message: "This request was rate-limited.", retryAfter: "1" } },
      },
    ],
    [
      "does what was asked, and its answer is lost",
      { status: 504, after: true, times: 1, body: "<html>504 Gateway</html>" },
    ],
    ["is slow", { delay: 3, times: 1 }],
  ])("%s, a launch gives one instance", async (name, rule) => {
    await using iaas = iaasOf(`${run}/faults`);
    const since = Date.now();
    await using _ = await faults({ http: [{ ...ours, ...rule }] });
    const key = randomBytes(4).toString("hex");
    const { id } = await iaas.launch({ ...launchable, key, until: "running" });
    const made = await all(iaas.list({ key }));
    expect(
      made.map((instance) => instance.id),
      name,
    ).toEqual([id]);
    const posts = (await requestsOf("nova", since)).filter(
      ({ method, path }) => method === "POST" && path.endsWith("/servers"),
    );
    expect(posts.filter(({ status }) => status === 202)).toHaveLength(1);
    await iaas.terminate(id);
  });

  it("fails one host, the other takes the instance", async () => {
    await using iaas = iaasOf(`${run}/spawn`);
    await using _ = await faults({ virt: [{ op: "spawn", name: "^half-", host: "compute1", error: "no" }] });
    const { id, state } = await iaas.launch({ ...launchable, key: "half", name: "half-1", until: "running" });
    expect(state).toBe("running");
    await iaas.terminate(id);
  });

  it("fails on every host, it is want of capacity, and nothing is left", async () => {
    await using iaas = iaasOf(`${run}/spawn`);
    await using _ = await faults({ virt: [{ op: "spawn", name: "^bad-", error: "no" }] });
    const error = await errorOf(iaas.launch({ ...launchable, key: "bad", name: "bad-1", until: "running" }));
    expect(error).toMatchObject({ code: "IAAS_INSUFFICIENT_CAPACITY", retry: "elsewhere", vendorCode: "500" });
    expect(await all(iaas.list())).toEqual([]);
  });

  it("gives up for a reason of its own, the reason is told", async () => {
    await using iaas = iaasOf(`${run}/spawn`);
    await using _ = await faults({ virt: [{ op: "spawn", name: "^dead-", abort: "the disk is made of cheese" }] });
    const error = await errorOf(iaas.launch({ ...launchable, key: "dead", name: "dead-1", until: "running" }));
    expect(error.code).toBe("IAAS_PROVIDER_FAILURE");
    expect(error.message).toMatch(/made of cheese/);
  });

  it("tells of a quota in the reason of an instance that failed, it is a quota", async () => {
    await using iaas = iaasOf(`${run}/spawn`);
    const abort = "Exceeded max scheduling attempts 3. Last exception: Quota exceeded for resources: ['port']";
    await using _ = await faults({ virt: [{ op: "spawn", name: "^full-", abort }] });
    const error = await errorOf(iaas.launch({ ...launchable, key: "full", name: "full-1", until: "running" }));
    expect(error).toMatchObject({ code: "IAAS_QUOTA_EXCEEDED", retry: "elsewhere" });
  });

  it("hangs, the launch ends at its deadline, and the instance can be ended", async () => {
    await using iaas = iaasOf(`${run}/hang`);
    const launch = { ...launchable, key: "hung", name: "hung-1", until: "running" } as const;
    {
      await using _ = await faults({ virt: [{ op: "spawn", name: "^hung-", hang: true }] });
      expect(await errorOf(iaas.launch({ ...launch, timeoutMs: 8_000 }))).toMatchObject({ code: "IAAS_TIMEOUT" });
    }
    const { id } = await iaas.launch(launch);
    expect(await all(iaas.list())).toMatchObject([{ id, state: "running" }]);
    await iaas.terminate({ key: "hung" });
  });

  it("has a host that hears nothing, the launch ends at its deadline, and the same launch goes on when it does", async () => {
    await using iaas = iaasOf(`${run}/stopped`);
    const launch = { ...launchable, key: "stopped", partition: { zone: "az2" }, until: "running" } as const;
    {
      await using _ = await faults({ stopped_hosts: ["compute2"] });
      expect(await errorOf(iaas.launch({ ...launch, timeoutMs: 8_000 }))).toMatchObject({ code: "IAAS_TIMEOUT" });
    }
    const { state, placement } = await iaas.launch(launch);
    expect({ state, zone: placement.zone }).toEqual({ state: "running", zone: "az2" });
    await iaas.terminate({ key: "stopped" });
  });
});

describe("this run", () => {
  it("has left nothing in the cloud", async () => {
    expect(await leftovers()).toEqual([]);
  });
});
