import {
  AuthenticationError,
  CloudController,
  ConflictError,
  type IaasError,
  InsufficientCapacityError,
  InvalidInputError,
  OutcomeUnknownError,
  PartialFailureError,
  PayloadTooLargeError,
  Payload,
  PermissionDeniedError,
  ProviderFailureError,
  QuotaExceededError,
  TimeoutError,
  UnavailableError,
  UnsupportedCapabilityError,
} from "iaaskit";
import { describe, expect, it } from "vitest";

import { at, full, hang, MemoryIaas, unavailable } from "../../support/memory.ts";
import { setUp, times } from "./support.ts";

const overQuota = (): never => {
  throw new QuotaExceededError("no more than 5", at);
};
const failing = (error: IaasError) => (): never => {
  throw error;
};
const key = "job-1";

describe("a launch tries its candidates", () => {
  it("in the cartridge's order, and takes the first that has room", async () => {
    const { controller, clouds, launches } = await setUp();
    expect(await controller.launch("php", { key })).toMatchObject({
      on: "a",
      instance: { id: "m-1", imageId: "image-a", ownership: { owner: "me", key } },
    });
    expect(launches()).toEqual(["a"]);
    expect(clouds.a.launches[0]).toMatchObject({ image: "image-a" });
  });

  it("in the caller's order, where it names Iaases", async () => {
    const { controller, clouds, launches } = await setUp();
    clouds.c.before("launch", full);
    expect(await controller.launch("php", { key, on: ["c", "b"] })).toMatchObject({ on: "b" });
    expect(launches()).toEqual(["b"]);
    expect(clouds.a.calls).toEqual([]);
    expect(await controller.launch("php", { key: "job-2", on: "c" })).toMatchObject({ on: "c" });
  });

  it("in the order of partitions, where it names these, with what each says", async () => {
    const partitions = [
      { id: "a-1", iaas: "a", partition: { zone: "one" }, tags: { at: "a-1" } },
      { id: "b-1", iaas: "b", partition: { zone: ["two", "three"] }, size: "large" },
    ];
    const { controller, clouds } = await setUp({ partitions });
    clouds.b.before("launch", full, full);
    expect(await controller.launch("php", { key, partition: ["b-1", "a-1"] })).toMatchObject({
      on: "a",
      instance: { placement: { zone: "one" } },
    });
    expect(clouds.a.launches).toMatchObject([{ zone: "one", tags: { at: "a-1" }, size: null }]);
    expect(clouds.b.count("launch")).toBe(2);
    expect(clouds.c.calls).toEqual([]);
  });

  it("with defaults, the partition and overrides in their places", async () => {
    const cartridges = [
      {
        type: "php",
        image: "i",
        tags: { a: "cartridge", b: "cartridge" },
        iaasProviders: [{ type: "a", tags: { b: "iaas", c: "iaas" } }],
      },
    ];
    const partitions = [{ id: "p", iaas: "a", tags: { c: "partition", d: "partition" } }];
    const { controller, clouds } = await setUp({
      cartridges,
      partitions,
      defaults: { tags: { z: "defaults", a: "defaults" } },
    });
    await controller.launch("php", { key, partition: "p", overrides: { tags: { d: "call" }, size: "large" } });
    expect(clouds.a.launches[0]).toMatchObject({
      size: "large",
      tags: { z: "defaults", a: "cartridge", b: "iaas", c: "partition", d: "call" },
    });
  });

  it("with the image of the tenant, and not where there is none for it", async () => {
    const iaasProviders = [
      { type: "a", tenantImages: { other: "i" } },
      { type: "b", tenantImages: { acme: "acme-b" } },
    ];
    const { controller, clouds } = await setUp({ cartridges: [{ type: "php", iaasProviders }] });
    expect(await controller.launch("php", { key, tenant: "acme" })).toMatchObject({ on: "b" });
    expect(clouds.b.launches[0]?.image).toBe("acme-b");
    expect(clouds.a.calls).toEqual([]);
  });

  it("and leaves out those that cannot run it, or are not configured", async () => {
    const iaasProviders = [
      { type: "nowhere", image: "i" },
      { type: "a", image: "i", keyPair: "k" },
      { type: "b", image: "i" },
      { type: "c" },
    ];
    const { controller, clouds, launches } = await setUp({ cartridges: [{ type: "php", iaasProviders }] });
    clouds.b.before("launch", full);
    await expect(controller.launch("php", { key })).rejects.toBeInstanceOf(InsufficientCapacityError);
    expect(launches()).toEqual([]);
    expect([clouds.a.calls, clouds.c.calls]).toEqual([[], []]);
    expect(await controller.launch("php", { key })).toMatchObject({ on: "b" });
  });

  it("and an Iaas once, although the cartridge has two entries for it", async () => {
    const iaasProviders = [
      { type: "a", image: "old" },
      { type: "b", image: "i" },
      { type: "a", image: "new" },
    ];
    const { controller, clouds } = await setUp({ cartridges: [{ type: "php", iaasProviders }] });
    clouds.a.before("launch", full, full);
    expect(await controller.launch("php", { key })).toMatchObject({ on: "b" });
    expect(clouds.a.count("launch")).toBe(1);
  });
});

describe("a launch is refused before any request", () => {
  const partitions = [
    { id: "p", iaas: "a", partition: { host: "h" } },
    { id: "elsewhere", iaas: "c" },
  ];
  const iaasProviders = [
    { type: "a", image: "i" },
    { type: "b", image: "i", keyPair: "k" },
    { type: "d", image: "i" },
  ];
  const refusals: [string, object, object][] = [
    ["without a key", { key: undefined }, { field: "key" }],
    ["with a key that is none", { key: "a//b" }, { field: "key" }],
    ["with a misspelt option", { tenent: "acme" }, { field: "tenent" }],
    ["with no Iaas named", { on: [] }, { field: "on" }],
    ["with no partition named", { partition: [] }, { field: "partition" }],
    ["with an Iaas that the cartridge has not", { on: "c" }, { field: "iaasProviders" }],
    [
      "with an Iaas that is not configured",
      { on: ["a", "d"] },
      { field: "on", rule: 'is "d", which is not configured' },
    ],
    [
      "with an unknown partition",
      { partition: ["q"] },
      { field: "partition", rule: 'is "q", which is not configured' },
    ],
    ["with a partition of an Iaas that the cartridge has not", { partition: "elsewhere" }, { field: "iaasProviders" }],
    ["with a partition that its Iaas cannot do", { partition: "p" }, { field: "partition.host" }],
    ["with no attempts", { attemptsAtMost: 0 }, { field: "attemptsAtMost" }],
    ["with half an attempt", { attemptsAtMost: 1.5 }, { field: "attemptsAtMost" }],
    ["with a misspelt override", { on: "a", overrides: { sise: "x" } }, { field: "sise" }],
  ];
  it.each(refusals)("%s", async (_, options, expected) => {
    const { controller, requests } = await setUp({ cartridges: [{ type: "php", iaasProviders }], partitions });
    const error = await controller.launch("php", { key, ...options }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject(expected);
    expect(requests()).toEqual([]);
  });

  it("of a cartridge that is not configured, and tells which are", async () => {
    const { controller, requests } = await setUp();
    await expect(controller.launch("pph", { key })).rejects.toThrow('cartridge is "pph", which is none of: php');
    expect(requests()).toEqual([]);
  });

  it("on a named Iaas that cannot run it, although another one can, with the error of that Iaas", async () => {
    const { controller, requests } = await setUp({ cartridges: [{ type: "php", iaasProviders }] });
    const error = controller.launch("php", { key, on: ["a", "b"] });
    await expect(error).rejects.toBeInstanceOf(UnsupportedCapabilityError);
    const payload = Payload.raw("x".repeat(101));
    await expect(controller.launch("php", { key, on: "a", overrides: { payload } })).rejects.toBeInstanceOf(
      PayloadTooLargeError,
    );
    expect(requests()).toEqual([]);
  });

  it("where the cartridge can run nowhere, with the reason of each Iaas", async () => {
    const { controller, requests } = await setUp();
    const error = await controller
      .launch("php", { key, overrides: { floatingIp: true } })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    const why = "memory does not support floatingIps: its capability is off";
    expect(error).toMatchObject({ rule: `php can run nowhere: a: ${why}; b: ${why}; c: ${why}` });
    expect(requests()).toEqual([]);
  });
});

describe("a launch goes on elsewhere", () => {
  it("for want of capacity and of quota", async () => {
    const { controller, clouds, live } = await setUp();
    clouds.a.before("launch", full);
    clouds.b.before("launch", overQuota);
    expect(await controller.launch("php", { key })).toMatchObject({ on: "c", instance: { imageId: "image-c" } });
    expect(live()).toEqual(["c/m-1"]);
  });

  it("when the first accepts the instance and then has no room, which ends there", async () => {
    const { clock, controller, clouds, live } = await setUp();
    clouds.a.firstState = "pending";
    const launch = controller.launch("php", { key, overrides: { until: "running" } });
    await clock.advance(1);
    clouds.a.fail("m-1", { vendorCode: "Full", message: "no room after all" });
    expect(await clock.run(launch)).toMatchObject({ on: "b" });
    expect(live()).toEqual(["b/m-1"]);
    expect(clouds.a.instances.get("m-1")?.state).toBe("terminated");
  });

  const others: [string, IaasError, new (...parts: never[]) => IaasError][] = [
    ["it does not answer", new UnavailableError("503", at), UnavailableError],
    ["nobody knows whether it happened", new OutcomeUnknownError("lost", at), OutcomeUnknownError],
    ["the credentials are wrong", new AuthenticationError("who?", at), AuthenticationError],
    ["it is not allowed", new PermissionDeniedError("no", at), PermissionDeniedError],
    ["the image is not there", new InvalidInputError("image", "is not there", at), InvalidInputError],
    ["the name is taken", new ConflictError("name-taken", "taken", at), ConflictError],
    ["something is left behind", new PartialFailureError("left", { ...at, created: [] }), PartialFailureError],
    ["it fails in another way", new ProviderFailureError("broken", at), ProviderFailureError],
  ];
  it.each(others)("not when %s", async (_, error, constructor) => {
    const { clock, controller, clouds, live } = await setUp();
    clouds.a.before("launch", ...times(4, failing(error)));
    await expect(clock.run(controller.launch("php", { key }))).rejects.toBeInstanceOf(constructor);
    expect(live()).toEqual([]);
    expect([clouds.b.count("launch"), clouds.c.count("launch")]).toEqual([0, 0]);
  });

  it("not when an answer was lost, also where the cloud has no tokens", async () => {
    for (const idempotency of ["token", "tag"] as const) {
      const { clock, controller, clouds, live } = await setUp({ capabilities: { a: { idempotency } } });
      clouds.a.after("launch", unavailable);
      expect(await clock.run(controller.launch("php", { key }))).toMatchObject({ on: "a" });
      expect(live()).toEqual(["a/m-1"]);
    }
  });

  it("not beyond the attempts that are allowed", async () => {
    const { controller, clouds } = await setUp();
    clouds.a.before("launch", full, full);
    clouds.b.before("launch", full);
    const error = await controller.launch("php", { key, attemptsAtMost: 2 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InsufficientCapacityError);
    expect((error as Error).message).toBe("no place has room: a: no room; b: no room");
    expect(clouds.c.count("launch")).toBe(0);
    await expect(controller.launch("php", { key, attemptsAtMost: 1 })).rejects.toThrow("no place has room: a: no room");
    expect(clouds.b.count("launch")).toBe(1);
  });

  it("not when there is no more place, and tells what each has said", async () => {
    const { controller, clouds, live } = await setUp();
    clouds.a.before("launch", full);
    clouds.b.before("launch", overQuota);
    clouds.c.before("launch", full);
    const error = await controller.launch("php", { key }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InsufficientCapacityError);
    expect(error).toMatchObject({
      code: "IAAS_INSUFFICIENT_CAPACITY",
      message: "no place has room: a: no room; b: no more than 5; c: no room",
      operation: "launch",
      retry: "elsewhere",
      outcome: "not-applied",
    });
    const { cause } = error as Error;
    expect(cause).toBeInstanceOf(AggregateError);
    expect((cause as AggregateError).errors).toMatchObject([
      { code: "IAAS_INSUFFICIENT_CAPACITY" },
      { code: "IAAS_QUOTA_EXCEEDED" },
      { code: "IAAS_INSUFFICIENT_CAPACITY" },
    ]);
    expect(live()).toEqual([]);
  });

  it("not when all are over quota, which is told as such", async () => {
    const { controller, clouds } = await setUp();
    for (const cloud of Object.values(clouds)) cloud.before("launch", overQuota);
    await expect(controller.launch("php", { key })).rejects.toBeInstanceOf(QuotaExceededError);
  });
});

describe("a key", () => {
  it("has its instance where a failover brought it, after a crash and although the first has room again", async () => {
    const { controller, clouds, restarted, live, launches } = await setUp();
    clouds.a.before("launch", full);
    expect(await controller.launch("php", { key })).toMatchObject({ on: "b", instance: { id: "m-1" } });
    const again = await restarted();
    expect(await again.launch("php", { key })).toMatchObject({ on: "b", instance: { id: "m-1" } });
    expect(await controller.launch("php", { key })).toMatchObject({ on: "b", instance: { id: "m-1" } });
    expect(live()).toEqual(["b/m-1"]);
    expect(launches()).toEqual(["b"]);
  });

  it("has one instance when the crash came before the answer", async () => {
    const { clock, controller, clouds, restarted, live } = await setUp();
    clouds.a.before("launch", full);
    clouds.b.after("launch", hang);
    const lost = controller.launch("php", { key, timeoutMs: 5_000 });
    await expect(clock.run(lost)).rejects.toMatchObject({ outcome: "unknown" });
    const again = await restarted();
    expect(await clock.run(again.launch("php", { key }))).toMatchObject({ on: "b" });
    expect(live()).toEqual(["b/m-1"]);
  });

  it("has its instance beyond the attempts that are allowed", async () => {
    const { controller, clouds, restarted, live } = await setUp();
    clouds.a.before("launch", full);
    clouds.b.before("launch", full);
    await controller.launch("php", { key });
    expect(await (await restarted()).launch("php", { key, attemptsAtMost: 1 })).toMatchObject({ on: "c" });
    expect(live()).toEqual(["c/m-1"]);
  });

  it("has its instance in the second of two partitions of one Iaas", async () => {
    const partitions = [
      { id: "one", iaas: "a", partition: { zone: "one" } },
      { id: "two", iaas: "a", partition: { zone: "two" } },
    ];
    const { controller, clouds, restarted, live } = await setUp({ partitions });
    clouds.a.before("launch", full);
    const options = { key, partition: ["one", "two"] };
    expect(await controller.launch("php", options)).toMatchObject({
      on: "a",
      instance: { placement: { zone: "two" } },
    });
    expect(await (await restarted()).launch("php", { ...options, attemptsAtMost: 1 })).toMatchObject({
      on: "a",
      instance: { id: "m-1", placement: { zone: "two" } },
    });
    expect(live()).toEqual(["a/m-1"]);
  });

  it("stands for one specification", async () => {
    const { controller, live } = await setUp();
    await controller.launch("php", { key });
    const error = controller.launch("php", { key, overrides: { size: "large" } });
    await expect(error).rejects.toMatchObject({ code: "IAAS_CONFLICT", reason: "spec-mismatch" });
    expect(live()).toEqual(["a/m-1"]);
  });

  it("may be launched again where there is room, when its instance has ended", async () => {
    const { controller, clouds, live } = await setUp();
    clouds.a.before("launch", full);
    await controller.launch("php", { key });
    await controller.terminate(key);
    expect(await controller.launch("php", { key })).toMatchObject({ on: "a" });
    expect(live()).toEqual(["a/m-1"]);
  });

  it("gives one instance to many who launch at once", async () => {
    const { controller, clouds, live } = await setUp();
    clouds.a.before("launch", full);
    const placed = await Promise.all(times(5, 0).map(async () => await controller.launch("php", { key })));
    expect(new Set(placed.map(({ on, instance }) => `${on}/${instance.id}`))).toEqual(new Set(["b/m-1"]));
    expect(live()).toEqual(["b/m-1"]);
  });

  it("of a launch that failed may be launched again", async () => {
    const { controller, clouds } = await setUp();
    for (const cloud of Object.values(clouds)) cloud.before("launch", full);
    await expect(controller.launch("php", { key })).rejects.toBeInstanceOf(InsufficientCapacityError);
    expect(await controller.launch("php", { key })).toMatchObject({ on: "a" });
  });

  it("that two controllers have launched on two clouds keeps the older instance, and the other one ends", async () => {
    const { clouds, restarted, live } = await setUp();
    const [one, other] = await Promise.all([restarted(), restarted()]);
    clouds.b.firstState = "pending";
    clouds.a.before("launch", full);
    await one.launch("php", { key });
    await other.launch("php", { key, on: "a" });
    clouds.a.set("m-1", { createdAt: new Date(Date.UTC(2031, 0, 1)) });
    expect(live()).toEqual(["a/m-1", "b/m-1"]);
    expect(await (await restarted()).launch("php", { key })).toMatchObject({ on: "b", instance: { id: "m-1" } });
    expect(live()).toEqual(["b/m-1"]);
  });

  it("of another owner is another key", async () => {
    const { controller, clouds, live } = await setUp();
    await new MemoryIaas({ owner: "somebody-else", cloud: clouds.b }).launch({ key, image: "i" });
    expect(await controller.launch("php", { key })).toMatchObject({ on: "a" });
    expect(live()).toEqual(["a/m-1", "b/m-1"]);
  });
});

describe("the search for a key", () => {
  it("asks every candidate before anything is launched, and no other Iaas", async () => {
    const { controller, clouds } = await setUp();
    await controller.launch("php", { key, on: ["a", "c"] });
    expect(clouds.a.calls[0]).toBe("list");
    expect(clouds.c.calls).toEqual(["list"]);
    expect(clouds.b.calls).toEqual([]);
  });

  it.each(["a", "b", "c"] as const)("ends the launch when %s does not answer", async (down) => {
    const { clock, controller, clouds, launches } = await setUp();
    clouds[down].before("list", ...times(4, unavailable));
    await expect(clock.run(controller.launch("php", { key }))).rejects.toBeInstanceOf(UnavailableError);
    expect(launches()).toEqual([]);
  });

  it("ends the launch when a candidate does not know who is asking", async () => {
    const { controller, clouds, launches } = await setUp();
    clouds.c.before("list", failing(new AuthenticationError("who?", at)));
    await expect(controller.launch("php", { key })).rejects.toBeInstanceOf(AuthenticationError);
    expect(launches()).toEqual([]);
  });

  it("ends the launch when its time is over", async () => {
    const { clock, controller, clouds, launches } = await setUp();
    clouds.c.before("list", hang);
    const start = clock.now();
    const launch = controller.launch("php", { key, timeoutMs: 5_000 });
    await expect(clock.run(launch)).rejects.toBeInstanceOf(TimeoutError);
    expect(clock.now() - start).toBe(5_000);
    expect(launches()).toEqual([]);
  });
});

describe("the time of a launch", () => {
  it("ends at the caller's wish while candidates are still being asked", async () => {
    const { clock, controller, clouds, launches } = await setUp();
    clouds.c.before("list", hang);
    const abort = new AbortController();
    const launch = controller.launch("php", { key, signal: abort.signal });
    await clock.advance(10);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(clock.run(launch)).rejects.toBe(reason);
    expect(clock.now() - Date.UTC(2030, 0, 1)).toBe(10);
    expect(launches()).toEqual([]);
  });

  it("is for all candidates together", async () => {
    const { clock, controller, clouds } = await setUp();
    clouds.a.before("launch", async () => {
      await clock.sleep(4_000);
      full();
    });
    clouds.b.before("launch", hang);
    const start = clock.now();
    await expect(clock.run(controller.launch("php", { key, timeoutMs: 5_000 }))).rejects.toMatchObject({
      outcome: "unknown",
    });
    expect(clock.now() - start).toBe(5_000);
    expect(clouds.c.count("launch")).toBe(0);
  });

  it("ends with an error that says that nothing was launched, when there was none left to begin", async () => {
    const { clock, controller, launches } = await setUp();
    const error = await clock.run(controller.launch("php", { key, timeoutMs: 0 })).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(launches()).toEqual([]);
  });

  it("ends at the caller's wish, with the caller's reason", async () => {
    const { clock, controller, clouds } = await setUp();
    clouds.a.before("launch", hang);
    const abort = new AbortController();
    const launch = controller.launch("php", { key, signal: abort.signal });
    await clock.advance(10);
    abort.abort(new Error("enough"));
    await expect(launch).rejects.toThrow("enough");
    expect(clouds.b.count("launch")).toBe(0);
    const never = controller.launch("php", { key, signal: AbortSignal.abort(new Error("no")) });
    await expect(never).rejects.toThrow("no");
  });
});

describe("a controller", () => {
  it("says on which Iaases a cartridge can run, and why not on others", async () => {
    const iaasProviders = [
      { type: "a", image: "i" },
      { type: "b", tenantImages: { acme: "i" } },
      { type: "nowhere", image: "i" },
    ];
    const { controller, requests } = await setUp({
      cartridges: [{ type: "php", ports: [{ port: 80 }], iaasProviders }],
    });
    const warning = {
      level: "warning",
      message: "no security groups: its ports are open to whoever reaches the instance",
    };
    expect(controller.lint("php")).toEqual([
      { ...warning, on: "a" },
      { level: "error", on: "b", message: "image is missing: the cartridge php has none on b" },
      { level: "error", on: "nowhere", message: "is not configured" },
      { level: "error", on: "c", message: "iaasProviders of the cartridge php has no c; it has: a, b, nowhere" },
    ]);
    expect(controller.lint("php", { tenant: "acme" })).toContainEqual({ ...warning, on: "b" });
    expect(() => controller.lint("pph")).toThrow(InvalidInputError);
    expect(requests()).toEqual([]);
  });

  it("lets go of all its Iaases", async () => {
    const { controller } = await setUp();
    await controller[Symbol.asyncDispose]();
    await expect(controller.launch("php", { key })).rejects.toThrow("has been disposed");
    expect(controller).toBeInstanceOf(CloudController);
  });
});
