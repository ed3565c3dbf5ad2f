import { inspect } from "node:util";

import { IaasError, ProviderFailureError, type ThrottledError } from "iaaskit";
import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { at, hang, MemoryCloud, MemoryIaas, throttled, unavailable } from "../../support/memory.ts";

function create(options: ConstructorParameters<typeof MemoryIaas>[0] = {}) {
  const clock = new VirtualClock();
  const cloud = new MemoryCloud();
  return { clock, cloud, iaas: new MemoryIaas({ clock, cloud, ...options }) };
}

describe("a call", () => {
  it("repeats a read that the cloud did not answer, and gives up after four times", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("probe", unavailable, unavailable);
    await expect(clock.run(iaas.probe())).resolves.toMatchObject({ account: "memory" });
    expect(cloud.count("probe")).toBe(3);
    cloud.before("probe", unavailable, unavailable, unavailable, unavailable, unavailable);
    await expect(clock.run(iaas.probe())).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
    expect(cloud.count("probe")).toBe(7);
  });

  it("repeats a throttled request for as long as there is time", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("probe", ...Array.from({ length: 20 }, () => throttled()));
    await clock.run(iaas.probe());
    expect(cloud.count("probe")).toBe(21);
  });

  it("waits as long as Retry-After says", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("probe", throttled(20_000));
    const start = clock.now();
    await clock.run(iaas.probe());
    expect(clock.now() - start).toBeGreaterThanOrEqual(20_000);
    expect(clock.now() - start).toBeLessThanOrEqual(21_100);
  });

  it("rejects at once when Retry-After is longer than its time", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("probe", throttled(10 * 365 * 86_400_000));
    const start = clock.now();
    const error = await clock.run(iaas.probe()).catch((reason: unknown) => reason as ThrottledError);
    expect(error).toMatchObject({ code: "IAAS_THROTTLED", retry: "later", retryAfterMs: 10 * 365 * 86_400_000 });
    expect(clock.now()).toBe(start);
  });

  it("does not ask a dead endpoint again and again on behalf of everybody", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("probe", ...Array.from({ length: 5_000 }, () => unavailable));
    const calls = Array.from({ length: 1_000 }, async () => await iaas.probe().catch(() => null));
    await clock.run(Promise.all(calls));
    expect(cloud.count("probe")).toBeLessThanOrEqual(1_100);
  });

  it("ends at its deadline although the hook hangs", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("probe", async () => await new Promise(() => undefined));
    const start = clock.now();
    await expect(clock.run(iaas.probe({ timeoutMs: 5_000 }))).rejects.toMatchObject({
      code: "IAAS_TIMEOUT",
      operation: "probe",
    });
    expect(clock.now() - start).toBe(5_000);
  });

  it("rejects with the caller's own reason as soon as the signal aborts", async () => {
    const { cloud, iaas } = create();
    cloud.before("probe", hang);
    const controller = new AbortController();
    const probe = iaas.probe({ signal: controller.signal });
    controller.abort("enough");
    await expect(probe).rejects.toBe("enough");
  });

  it("says that the outcome is unknown when a launch is unanswered at its deadline", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("launch", hang);
    const launch = iaas.launch({ key: "k", image: "i", timeoutMs: 5_000 });
    await expect(clock.run(launch)).rejects.toMatchObject({
      code: "IAAS_OUTCOME_UNKNOWN",
      outcome: "unknown",
      retry: "same",
    });
  });

  it("tells the throttling when it was what took the time", async () => {
    const { clock, cloud, iaas } = create();
    cloud.before("probe", ...Array.from({ length: 1_000 }, () => throttled()));
    await expect(clock.run(iaas.probe({ timeoutMs: 3_000 }))).rejects.toMatchObject({ code: "IAAS_THROTTLED" });
  });

  it("shows no secret of the connection, in whatever form the cloud echoes it", async () => {
    const secret = "canary/secret+value==";
    const { cloud, iaas } = create({ secrets: [secret] });
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64"), JSON.stringify(secret)];
    cloud.before("probe", () => {
      const cause = Object.assign(new Error(`bad ${forms.join(" ")}`), { config: { headers: { token: secret } } });
      throw Object.assign(new Error(`refused ${forms.join(" ")}`, { cause }), { request: { body: secret } });
    });
    const error = await iaas.probe().catch((reason: unknown) => reason);
    expect(IaasError.is(error)).toBe(true);
    const shown =
      inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + String((error as Error).stack);
    for (const form of [...forms, "canary"]) expect(shown).not.toContain(form);
    expect(shown).toContain("[secret]");
  });

  it("keeps an error that a hook throws as it is", async () => {
    const { cloud, iaas } = create();
    const own = new ProviderFailureError("own", { ...at, vendorCode: "X1" });
    cloud.before("probe", () => {
      throw own;
    });
    await expect(iaas.probe()).rejects.toBe(own);
  });

  it("ends everything under way when the Iaas is disposed", async () => {
    const { cloud, iaas } = create();
    cloud.before("probe", hang);
    const probe = iaas.probe();
    await iaas[Symbol.asyncDispose]();
    await expect(probe).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      message: expect.stringContaining("disposed"),
    });
  });
});

describe("a list", () => {
  async function filled(count: number, pageSize: number) {
    const { iaas, cloud, clock } = create();
    for (let index = 0; index < count; index += 1) await iaas.launch({ key: `k${index}`, image: "i" });
    cloud.pageSize = pageSize;
    cloud.calls.length = 0;
    return { iaas, cloud, clock };
  }

  it("asks for a page when its first item is wanted, and for no other", async () => {
    const { iaas, cloud } = await filled(10, 3);
    for await (const instance of iaas.list()) {
      expect(instance.id).toBe("m-1");
      break;
    }
    expect(cloud.count("list")).toBe(1);
  });

  it("gives everything, page by page", async () => {
    const { iaas, cloud } = await filled(10, 3);
    const ids: string[] = [];
    for await (const { id } of iaas.list()) ids.push(id);
    expect(ids).toHaveLength(10);
    expect(cloud.count("list")).toBe(4);
  });

  it("fails when one of its pages does", async () => {
    const { iaas, cloud } = await filled(10, 3);
    cloud.before(
      "list",
      () => undefined,
      () => {
        throw new ProviderFailureError("broken", at);
      },
    );
    const ids: string[] = [];
    const read = (async () => {
      for await (const { id } of iaas.list()) ids.push(id);
    })();
    await expect(read).rejects.toMatchObject({ code: "IAAS_PROVIDER_FAILURE" });
    expect(ids).toHaveLength(3);
  });

  it("stops when the cloud gives the same marker twice", async () => {
    class Looping extends MemoryIaas {
      protected override async _list() {
        return await Promise.resolve({ items: [], marker: "again" });
      }
    }
    const iaas = new Looping();
    const read = (async () => {
      for await (const instance of iaas.list()) expect(instance).toBeUndefined();
    })();
    await expect(read).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE", message: expect.stringContaining("marker") });
  });

  it("gives an instance once that stands on two pages", async () => {
    const { iaas, cloud } = await filled(4, 2);
    const twice = cloud.instances.get("m-2")!;
    cloud.before(
      "list",
      () => undefined,
      () => {
        cloud.instances.delete("m-3");
        cloud.instances.delete("m-4");
        cloud.instances.set("m-3", { ...twice });
      },
    );
    const ids: string[] = [];
    for await (const { id } of iaas.list()) ids.push(id);
    expect(ids).toEqual(["m-1", "m-2"]);
  });
});
