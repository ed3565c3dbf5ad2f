import { Payload, PayloadTooLargeError, ProviderFailureError, Secret, UnavailableError } from "iaaskit";
import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { at, full, MemoryCloud, MemoryIaas, unavailable } from "../../support/memory.ts";

function create(options: ConstructorParameters<typeof MemoryIaas>[0] = {}) {
  const clock = new VirtualClock();
  const cloud = new MemoryCloud();
  return { clock, cloud, iaas: new MemoryIaas({ clock, cloud, ...options }) };
}
const options = { key: "job-1", image: "debian" };
const tagged = { capabilities: { idempotency: "tag" } } as const;

describe("launching by key", () => {
  it("sends owner, key, generation and a fingerprint with the instance, and a token made of them", async () => {
    const { cloud, iaas } = create();
    await iaas.launch({ ...options, tags: { team: "red" } });
    const [input] = cloud.launches;
    expect(input?.tags).toMatchObject({
      "iaaskit:owner": "me",
      "iaaskit:key": "job-1",
      "iaaskit:generation": "0",
      team: "red",
    });
    expect(input?.tags["iaaskit:fingerprint"]).toMatch(/^[0-9a-f]{24}$/);
    expect(input?.token).toMatch(/^[0-9a-f]{32}$/);
    expect(input?.name).toMatch(/^job-1-[0-9a-f]{8}$/);
    expect(Object.isFrozen(input)).toBe(true);
  });

  it("makes the same name and token each time, and another token in another zone and for another size", async () => {
    const { cloud, iaas } = create();
    for (const more of [{}, {}, { partition: { zone: "b" } }, { size: "large" }]) {
      await iaas.launch({ ...options, ...more });
      await iaas.terminate({ key: options.key });
      cloud.instances.clear();
      cloud.tokens.clear();
    }
    const [first, again, zone, size] = cloud.launches;
    expect(again).toMatchObject({ name: first?.name, token: first?.token });
    expect(new Set([first?.token, zone?.token, size?.token]).size).toBe(3);
  });

  it("sends the same token again when a launch went unanswered, and makes one instance", async () => {
    const { clock, cloud, iaas } = create();
    cloud.after("launch", unavailable, unavailable);
    await clock.run(iaas.launch(options));
    expect(cloud.launches).toHaveLength(3);
    expect(new Set(cloud.launches.map(({ token }) => token)).size).toBe(1);
    expect(cloud.instances.size).toBe(1);
  });

  it("finds what an unanswered launch has made where the cloud has no tokens", async () => {
    const { clock, cloud, iaas } = create(tagged);
    cloud.after("launch", unavailable);
    const instance = await clock.run(iaas.launch(options));
    expect(instance.id).toBe("m-1");
    expect(cloud.count("launch")).toBe(1);
    expect(cloud.instances.size).toBe(1);
  });

  it("launches again where the cloud has no tokens and the unanswered launch has made nothing", async () => {
    const { clock, cloud, iaas } = create(tagged);
    cloud.before("launch", unavailable);
    await clock.run(iaas.launch(options));
    expect(cloud.count("launch")).toBe(2);
    expect(cloud.instances.size).toBe(1);
  });

  it("keeps the oldest of two instances that two processes have launched, and ends the other", async () => {
    const cloud = new MemoryCloud();
    const [first, second] = [new MemoryIaas({ cloud, ...tagged }), new MemoryIaas({ cloud, ...tagged })];
    // Both find nothing, then both launch.
    let arrived = 0;
    const together = async () => {
      arrived += 1;
      while (arrived < 2) await new Promise((resolve) => setImmediate(resolve));
    };
    cloud.before("launch", together, together);
    const [a, b] = await Promise.all([first.launch(options), second.launch(options)]);
    expect(cloud.count("launch")).toBe(2);
    const live = [...cloud.instances.values()].filter(({ state }) => state === "running");
    expect(live.map(({ id }) => id)).toEqual(["m-1"]);
    expect(b.id).toBe("m-1");
    expect(a.id).toBe("m-1");
  });

  it("adopts what is there, and asks the cloud to launch nothing", async () => {
    const { cloud, iaas } = create();
    const first = await iaas.launch(options);
    const other = new MemoryIaas({ cloud });
    expect((await other.launch(options)).id).toBe(first.id);
    expect(cloud.count("launch")).toBe(1);
  });

  it("launches the next generation after one that has ended", async () => {
    const { cloud, iaas } = create();
    await iaas.launch(options);
    await iaas.terminate({ key: options.key });
    const second = await iaas.launch(options);
    expect(second).toMatchObject({ id: "m-2", ownership: { generation: 1 } });
    expect(cloud.launches.map(({ token }) => token)[0]).not.toBe(cloud.launches[1]?.token);
  });

  it("launches the next generation when the cloud has forgotten the instance and not its token", async () => {
    const { cloud, iaas } = create();
    await iaas.launch(options);
    cloud.instances.clear();
    expect((await iaas.launch(options)).ownership.generation).toBe(1);
  });

  it("ends an instance that has failed before it launches the next one", async () => {
    const { cloud, iaas } = create();
    const { id } = await iaas.launch(options);
    cloud.fail(id, { vendorCode: "Full", message: "no room" });
    const second = await iaas.launch(options);
    expect(second.ownership.generation).toBe(1);
    expect(cloud.instances.get(id)?.state).toBe("terminated");
  });

  it("refuses the same key for another specification, and says for which instance it stands", async () => {
    const { iaas } = create();
    await iaas.launch(options);
    const error = iaas.launch({ ...options, size: "large" });
    await expect(error).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "spec-mismatch",
      message: expect.stringContaining("m-1"),
    });
  });

  it("takes a secret of the payload that has changed for the same specification", async () => {
    const { cloud, iaas } = create();
    const payload = (token: string) => Payload.environment({ T: new Secret(token) });
    const format = { payloadFormat: "env-file", allowInlineSecrets: true } as const;
    await iaas.launch({ ...options, ...format, payload: payload("first") });
    await expect(iaas.launch({ ...options, ...format, payload: payload("other") })).resolves.toMatchObject({
      id: "m-1",
    });
    expect(cloud.count("launch")).toBe(1);
  });

  it("starts an adopted instance that is stopped when it shall run", async () => {
    const { clock, cloud, iaas } = create({ capabilities: { stop: true } });
    const { id } = await iaas.launch(options);
    cloud.set(id, { state: "stopped" });
    expect((await clock.run(iaas.launch({ ...options, until: "running" }))).state).toBe("running");
    expect(cloud.count("start")).toBe(1);
  });
});

describe("zones", () => {
  const zones = { ...options, partition: { zone: ["a", "b"] } };

  it("are tried in order while they have no room", async () => {
    const { cloud, iaas } = create();
    cloud.before("launch", full);
    expect((await iaas.launch(zones)).placement.zone).toBe("b");
  });

  it("are not left while it is unknown whether the first has begun", async () => {
    const { clock, cloud, iaas } = create();
    cloud.after("launch", ...Array.from({ length: 4 }, () => unavailable));
    await expect(clock.run(iaas.launch(zones))).rejects.toMatchObject({ outcome: "unknown" });
    expect(new Set(cloud.launches.map(({ zone }) => zone))).toEqual(new Set(["a"]));
  });

  it("are left when the first accepted the instance and then had no room", async () => {
    const { clock, cloud, iaas } = create();
    cloud.firstState = "pending";
    const launch = iaas.launch({ ...zones, until: "running" });
    await clock.advance(1);
    cloud.fail("m-1", { vendorCode: "Full", message: "no room after all" });
    await clock.advance(2_000);
    cloud.set("m-2", { state: "running" });
    expect(await clock.run(launch)).toMatchObject({ id: "m-2", placement: { zone: "b" } });
    expect(cloud.instances.get("m-1")?.state).toBe("terminated");
  });

  it("give the capacity error of the last one when none has room", async () => {
    const { cloud, iaas } = create();
    cloud.before("launch", full, full);
    await expect(iaas.launch(zones)).rejects.toMatchObject({ code: "IAAS_INSUFFICIENT_CAPACITY", retry: "elsewhere" });
  });
});

describe("a launch that fails", () => {
  it("ends the instance when the cloud gives up on it, and tells the cloud's reason", async () => {
    const { clock, cloud, iaas } = create();
    cloud.firstState = "pending";
    const launch = iaas.launch({ ...options, until: "running" });
    await clock.advance(1);
    cloud.fail("m-1", { vendorCode: "Full", message: "no room after all" });
    await expect(clock.run(launch)).rejects.toMatchObject({
      code: "IAAS_INSUFFICIENT_CAPACITY",
      message: "no room after all",
    });
    expect(cloud.instances.get("m-1")?.state).toBe("terminated");
  });

  it("names what exists when it cannot be undone", async () => {
    const { clock, cloud, iaas } = create();
    cloud.firstState = "pending";
    cloud.before("terminate", () => {
      throw new ProviderFailureError("not today", at);
    });
    const launch = iaas.launch({ ...options, until: "running" });
    await clock.advance(1);
    cloud.fail("m-1", { vendorCode: "Broken", message: "it broke" });
    await expect(clock.run(launch)).rejects.toMatchObject({
      code: "IAAS_PARTIAL_FAILURE",
      created: [{ kind: "instance", id: "m-1" }],
      cause: { message: "it broke" },
    });
  });

  it("leaves the instance when its time is over, and names it", async () => {
    const { clock, cloud, iaas } = create();
    cloud.firstState = "pending";
    const launch = iaas.launch({ ...options, until: "running", timeoutMs: 5_000 });
    await expect(clock.run(launch)).rejects.toMatchObject({
      code: "IAAS_TIMEOUT",
      created: [{ kind: "instance", id: "m-1" }],
    });
    expect(cloud.instances.get("m-1")?.state).toBe("pending");
    cloud.set("m-1", { state: "running" });
    expect((await clock.run(iaas.launch({ ...options, until: "running" }))).id).toBe("m-1");
  });

  it("leaves an instance that it has only adopted", async () => {
    const { clock, cloud, iaas } = create();
    const { id } = await iaas.launch(options);
    cloud.set(id, { state: "pending" });
    const launch = iaas.launch({ ...options, until: "running" });
    await clock.advance(1);
    cloud.fail(id, { vendorCode: "Broken", message: "it broke" });
    await expect(clock.run(launch)).rejects.toMatchObject({ code: "IAAS_PROVIDER_FAILURE" });
    expect(cloud.count("terminate")).toBe(0);
  });

  it("makes nothing when the cloud cannot be asked for the key", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before(
      "list",
      ...Array.from({ length: 4 }, () => () => {
        throw new UnavailableError("down", at);
      }),
    );
    await expect(clock.run(iaas.launch(options))).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
    expect(cloud.count("launch")).toBe(0);
  });
});

describe("what a launch is given", () => {
  const refusals: [string, object, string][] = [
    ["no key", { key: undefined }, "key"],
    ["a key with //", { key: "a//b" }, "key"],
    ["a misspelt field", { sise: "large" }, "sise"],
    ["a misspelt level of the partition", { partition: { zoen: "a" } }, "partition.zoen"],
    ["a host where none can be chosen", { partition: { host: "h" } }, "partition.host"],
    ["an empty list of zones", { partition: { zone: [] } }, "partition.zone"],
    ["a name that the cloud refuses", { name: "Upper" }, "name"],
    ["a name that is too long", { name: "n".repeat(41) }, "name"],
    ["a network where none can be chosen", { networks: [{ id: "n" }] }, "networks"],
    ["a port that is none", { ports: [{ port: 0 }] }, "ports[0].port"],
    ["a source that is no block", { ports: [{ port: 80, sources: ["10.0.0.0"] }] }, "ports[0].sources"],
    ["a tag of ours", { tags: { "iaaskit:owner": "you" } }, "tags.iaaskit:owner"],
    ["a tag whose value is too long", { tags: { t: "v".repeat(131) } }, "tags.t"],
    ["a region that is another's", { partition: { region: "there" } }, "partition.region"],
    ["settings of a provider that has none", { providerOptions: { memory: { a: 1 } } }, "providerOptions.memory"],
    ["reachable without a port", { until: "reachable" }, "ports"],
  ];
  it.each(refusals)("is refused with %s, and nothing is launched", async (_, change, field) => {
    const { cloud, iaas } = create();
    await expect(iaas.launch({ ...options, ...change })).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", field });
    expect(cloud.count("launch")).toBe(0);
  });

  it.each([
    ["keyPair", { keyPair: "k" }, "keyPairs"],
    ["securityGroups", { securityGroups: ["g"] }, "securityGroups"],
    ["floatingIp", { floatingIp: true as const }, "floatingIps"],
    ["volumes", { volumes: [{ sizeGiB: 1 }] }, "volumes"],
    ["a size by requirement", { size: { minCpus: 1, minMemoryMiB: 1 } }, "catalog"],
  ])("is refused with %s where the Iaas has no such capability", async (_, change, capability) => {
    const { cloud, iaas } = create();
    await expect(iaas.launch({ ...options, ...change })).rejects.toMatchObject({
      code: "IAAS_UNSUPPORTED_CAPABILITY",
      capability,
    });
    expect(cloud.calls).toEqual([]);
  });

  it("may have a payload of exactly the limit, and not one byte more", async () => {
    const { cloud, iaas } = create();
    await iaas.launch({ ...options, payload: Payload.raw("x".repeat(100)) });
    const error = await iaas
      .launch({ key: "k2", image: "i", payload: Payload.raw("x".repeat(101)) })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error).toMatchObject({ code: "IAAS_PAYLOAD_TOO_LARGE", field: "payload", sizeBytes: 101, limitBytes: 100 });
    expect(cloud.count("launch")).toBe(1);
  });

  it("may not have a secret that others can read back, unless the caller says so", async () => {
    const { iaas } = create();
    const payload = Payload.environment({ TOKEN: new Secret("s3cret") });
    const error = iaas.launch({ ...options, payload, payloadFormat: "env-file" });
    await expect(error).rejects.toMatchObject({ field: "payload.environment.TOKEN" });
    await iaas.launch({ ...options, payload, payloadFormat: "env-file", allowInlineSecrets: true });
  });

  it("refuses an owner that is missing when the Iaas is made", () => {
    expect(() => new MemoryIaas({ owner: "" })).toThrow(
      expect.objectContaining({ code: "IAAS_INVALID_INPUT", field: "owner" }),
    );
  });
});
