import { InvalidInputError, PartialFailureError, ProviderFailureError, UnavailableError } from "iaaskit";
import { describe, expect, it } from "vitest";

import { at, full, hang, unavailable } from "../../support/memory.ts";
import { collect, setUp, times } from "./support.ts";

const key = "job-1";
const broken = (): never => {
  throw new ProviderFailureError("broken", at);
};

/** One instance of the key on each Iaas: what two controllers may have made that did not know of each other. */
async function everywhere() {
  const context = await setUp();
  for (const on of ["a", "b", "c"]) await context.controller.iaases.get(on)?.launch({ key, image: "i" });
  return context;
}

describe("a list", () => {
  it("has the owner's instances of all Iaases", async () => {
    const { controller, clouds } = await setUp();
    await controller.launch("php", { key: "one" });
    clouds.a.before("launch", full);
    await controller.launch("php", { key: "two" });
    await controller.launch("php", { key: "three", on: "c" });
    expect(await collect(controller.list())).toEqual(["a/one", "b/two", "c/three"]);
  });

  it("asks an Iaas when it comes to it, and no sooner", async () => {
    const { controller, clouds } = await everywhere();
    const before = clouds.b.count("list");
    for await (const { on } of controller.list()) {
      expect(on).toBe("a");
      break;
    }
    expect(clouds.b.count("list")).toBe(before);
  });

  it("fails with the Iaas that does not answer, behind those that do", async () => {
    const { clock, controller, clouds } = await everywhere();
    clouds.b.before("list", ...times(4, unavailable));
    const seen: string[] = [];
    const all = (async () => {
      for await (const { on } of controller.list()) seen.push(on);
    })();
    await expect(clock.run(all)).rejects.toBeInstanceOf(UnavailableError);
    expect(seen).toEqual(["a"]);
  });

  it("ends at the caller's wish", async () => {
    const { controller } = await everywhere();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(collect(controller.list({ signal }))).rejects.toThrow("enough");
  });
});

describe("terminating a key", () => {
  it("ends its instance wherever it is", async () => {
    const { controller, clouds, restarted, live } = await setUp();
    clouds.a.before("launch", full);
    await controller.launch("php", { key });
    await controller.launch("php", { key: "other" });
    await (await restarted()).terminate(key);
    expect(live()).toEqual(["a/m-1"]);
  });

  it("ends all, where there are several", async () => {
    const { controller, live } = await everywhere();
    await controller.terminate(key);
    expect(live()).toEqual([]);
  });

  it("is success when there is none, or it has ended before", async () => {
    const { controller, requests } = await setUp();
    await controller.terminate(key);
    await controller.launch("php", { key });
    await controller.terminate(key);
    await controller.terminate(key);
    expect(requests().filter((hook) => hook === "terminate")).toHaveLength(1);
  });

  it("ends what it can where one Iaas fails, and throws that one's error", async () => {
    const { clock, controller, clouds, live } = await everywhere();
    clouds.a.before("terminate", broken);
    await expect(clock.run(controller.terminate(key))).rejects.toBeInstanceOf(ProviderFailureError);
    expect(live()).toEqual(["a/m-1"]);
    await controller.terminate(key);
    expect(live()).toEqual([]);
  });

  it("ends what it can where several fail, and tells of each", async () => {
    const { clock, controller, clouds, live } = await everywhere();
    clouds.a.before("terminate", broken);
    clouds.c.before("list", ...times(4, unavailable));
    const error = await clock.run(controller.terminate(key)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PartialFailureError);
    expect(error).toMatchObject({ code: "IAAS_PARTIAL_FAILURE", operation: "terminate", message: "a: broken; c: 503" });
    expect((error as Error).cause).toBeInstanceOf(AggregateError);
    expect(((error as Error).cause as AggregateError).errors).toMatchObject([
      { code: "IAAS_PROVIDER_FAILURE" },
      { code: "IAAS_UNAVAILABLE" },
    ]);
    expect(live()).toEqual(["a/m-1", "c/m-1"]);
  });

  it("ends the others in time where one hangs", async () => {
    const { clock, controller, clouds, live } = await everywhere();
    clouds.b.before("terminate", hang);
    const start = clock.now();
    const error = await clock.run(controller.terminate(key, { timeoutMs: 5_000 })).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ outcome: "unknown" });
    expect(clock.now() - start).toBe(5_000);
    expect(live()).toEqual(["b/m-1"]);
  });

  it("ends at the caller's wish with the caller's reason, however many Iaases there are", async () => {
    const { clock, controller, clouds } = await everywhere();
    for (const cloud of Object.values(clouds)) cloud.before("terminate", hang);
    const abort = new AbortController();
    const end = controller.terminate(key, { signal: abort.signal });
    await clock.advance(10);
    const reason = new Error("enough");
    abort.abort(reason);
    await expect(end).rejects.toBe(reason);
  });

  it("waits for a launch of the same key that is under way", async () => {
    const { clock, controller, clouds, live } = await setUp();
    clouds.a.after("launch", async () => await clock.sleep(1_000));
    const launch = controller.launch("php", { key });
    await clock.advance(10);
    const end = controller.terminate(key);
    await clock.run(Promise.all([launch, end]));
    expect(live()).toEqual([]);
  });

  it("is refused for a key that is none, before any request", async () => {
    const { controller, requests } = await setUp();
    for (const bad of ["", "a//b", "a b"]) {
      await expect(controller.terminate(bad)).rejects.toBeInstanceOf(InvalidInputError);
    }
    expect(requests()).toEqual([]);
  });
});
