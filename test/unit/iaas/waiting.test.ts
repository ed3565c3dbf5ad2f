import { createServer } from "node:net";

import { ProviderFailureError } from "iaaskit";
import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { at, MemoryCloud, MemoryIaas, throttled, unavailable } from "../../support/memory.ts";

async function pending(count: number, capabilities = {}) {
  const clock = new VirtualClock();
  const cloud = new MemoryCloud();
  cloud.firstState = "pending";
  const iaas = new MemoryIaas({ clock, cloud, capabilities });
  const instances = [];
  for (let index = 0; index < count; index += 1) instances.push(await iaas.launch({ key: `k${index}`, image: "i" }));
  cloud.calls.length = 0;
  return { clock, cloud, iaas, instances };
}

describe("waiting", () => {
  it("costs one list call a tick, however many wait", async () => {
    const { clock, cloud, iaas, instances } = await pending(500);
    const waits = Promise.all(instances.map(async (instance) => await iaas.waitUntil(instance, "running")));
    await clock.advance(10_500);
    expect(cloud.count("list")).toBe(11);
    expect(cloud.count("get")).toBe(0);
    for (const { id } of instances) cloud.set(id, { state: "running" });
    expect(await clock.run(waits)).toHaveLength(500);
    expect(cloud.count("list")).toBe(12);
  });

  it("asks for the one instance when only one is waited for", async () => {
    const { clock, cloud, iaas, instances } = await pending(3);
    const wait = iaas.waitUntil(instances[0]!, "running");
    await clock.advance(2_500);
    cloud.set("m-1", { state: "running" });
    await clock.run(wait);
    expect(cloud.count("list")).toBe(0);
  });

  it("stops asking when nobody waits any more", async () => {
    const { clock, cloud, iaas, instances } = await pending(1);
    await expect(clock.run(iaas.waitUntil(instances[0]!, "running", { timeoutMs: 3_000 }))).rejects.toMatchObject({
      code: "IAAS_TIMEOUT",
    });
    const asked = cloud.calls.length;
    await clock.advance(60_000);
    expect(cloud.calls).toHaveLength(asked);
  });

  it("is not ended by polls that the cloud throttles or does not answer", async () => {
    const { clock, cloud, iaas, instances } = await pending(1);
    const faults = Array.from({ length: 60 }, (_, index) => (index % 2 === 0 ? throttled() : unavailable));
    cloud.before("get", ...faults);
    const wait = iaas.waitUntil(instances[0]!, "running");
    await clock.advance(30_000);
    cloud.set("m-1", { state: "running" });
    await expect(clock.run(wait)).resolves.toMatchObject({ state: "running" });
  });

  it("asks less often when the cloud asks for patience", async () => {
    const { clock, cloud, iaas, instances } = await pending(1);
    cloud.before("get", ...Array.from({ length: 1_000 }, () => unavailable));
    const wait = iaas.waitUntil(instances[0]!, "running", { timeoutMs: 300_000 }).catch(() => null);
    await clock.run(wait);
    expect(cloud.count("get")).toBeLessThan(100);
  });

  it("is ended by a poll that will never succeed", async () => {
    const { clock, cloud, iaas, instances } = await pending(1);
    cloud.before("get", () => {
      throw new ProviderFailureError("no more", at);
    });
    await expect(clock.run(iaas.waitUntil(instances[0]!, "running"))).rejects.toMatchObject({ message: "no more" });
  });

  it("rejects with the cloud's reason when the instance fails", async () => {
    const { clock, cloud, iaas, instances } = await pending(1);
    const wait = iaas.waitUntil(instances[0]!, "running");
    cloud.fail("m-1", { vendorCode: "Full", message: "no room" });
    await expect(clock.run(wait)).rejects.toMatchObject({ code: "IAAS_INSUFFICIENT_CAPACITY", vendorCode: "Full" });
  });

  it("rejects when the instance is ended, or is gone", async () => {
    const { clock, cloud, iaas, instances } = await pending(2);
    cloud.set("m-1", { state: "terminated" });
    cloud.instances.delete("m-2");
    for (const instance of instances) {
      await expect(clock.run(iaas.waitUntil(instance, "running"))).rejects.toMatchObject({ code: "IAAS_NOT_FOUND" });
    }
  });

  it("takes an instance that is not visible yet for one that is to come", async () => {
    const { clock, cloud, iaas, instances } = await pending(1, { visibilityLagMs: 30_000 });
    const hidden = cloud.instances.get("m-1")!;
    cloud.instances.delete("m-1");
    const wait = iaas.waitUntil(instances[0]!, "running");
    const get = iaas.get("m-1");
    await clock.advance(10_000);
    cloud.instances.set("m-1", { ...hidden, state: "running" });
    expect((await clock.run(wait)).id).toBe("m-1");
    expect((await clock.run(get)).id).toBe("m-1");
  });

  it("does not take an instance that is not visible yet for one that is ended", async () => {
    const { clock, cloud, iaas } = await pending(1, { visibilityLagMs: 30_000 });
    const hidden = cloud.instances.get("m-1")!;
    cloud.instances.delete("m-1");
    const terminate = iaas.terminate("m-1");
    await clock.advance(10_000);
    cloud.instances.set("m-1", hidden);
    await clock.run(terminate);
    expect(cloud.instances.get("m-1")?.state).toBe("terminated");
  });

  it("for the end is over when the cloud has forgotten the instance", async () => {
    const { clock, cloud, iaas, instances } = await pending(1);
    cloud.instances.delete("m-1");
    await clock.run(iaas.waitUntil(instances[0]!, "terminated"));
  });

  it("for a port is over when a connection to it stays", async () => {
    const cloud = new MemoryCloud();
    const iaas = new MemoryIaas({ cloud, capabilities: { pollIntervalMs: 10 } });
    const instance = await iaas.launch({ key: "k", image: "i" });
    let accepted = 0;
    const server = createServer((socket) => {
      accepted += 1;
      if (accepted === 1) socket.end(); // as a forwarder whose target does not listen yet
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    await iaas.waitUntil(instance, "reachable", { port });
    expect(accepted).toBe(2);
    await new Promise((resolve) => server.close(resolve));
    await expect(iaas.waitUntil(instance, "reachable", { port, timeoutMs: 200 })).rejects.toMatchObject({
      code: "IAAS_TIMEOUT",
    });
    await expect(iaas.waitUntil(instance, "reachable")).rejects.toMatchObject({ field: "port" });
  });
});
