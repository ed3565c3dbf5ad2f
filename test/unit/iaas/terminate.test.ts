import { ProviderFailureError } from "iaaskit";
import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { collect } from "../../../src/iaas/iteration.ts";
import { at, MemoryCloud, MemoryIaas, unavailable } from "../../support/memory.ts";

function create() {
  const clock = new VirtualClock();
  const cloud = new MemoryCloud();
  return { clock, cloud, iaas: new MemoryIaas({ clock, cloud }) };
}

describe("terminating", () => {
  it("asks again when the cloud did not answer", async () => {
    const { clock, cloud, iaas } = create();
    const { id } = await iaas.launch({ key: "k", image: "i" });
    cloud.before("terminate", unavailable);
    cloud.after("terminate", () => undefined, unavailable);
    await clock.run(iaas.terminate(id));
    expect(cloud.instances.get(id)?.state).toBe("terminated");
  });

  it("ends every instance of a key", async () => {
    const { cloud, iaas } = create();
    const { id } = await iaas.launch({ key: "k", image: "i" });
    cloud.instances.set("m-2", { ...cloud.instances.get(id)!, id: "m-2" });
    await iaas.terminate({ key: "k" });
    expect([...cloud.instances.values()].map(({ state }) => state)).toEqual(["terminated", "terminated"]);
  });

  it("resolves when the instance has ended, not when that has begun", async () => {
    const { clock, cloud, iaas } = create();
    const { id } = await iaas.launch({ key: "k", image: "i" });
    cloud.after("terminate", () => cloud.set(id, { state: "terminating" }));
    let ended = false;
    const terminate = iaas.terminate(id).then(() => (ended = true));
    await clock.advance(5_000);
    expect(ended).toBe(false);
    cloud.set(id, { state: "terminated" });
    await clock.run(terminate);
  });

  it("waits for a launch of the same key that is under way", async () => {
    const { clock, cloud, iaas } = create();
    cloud.firstState = "pending";
    const launch = iaas.launch({ key: "k", image: "i", until: "running" });
    const terminate = iaas.terminate({ key: "k" });
    await clock.advance(3_000);
    expect(cloud.count("terminate")).toBe(0);
    cloud.set("m-1", { state: "running" });
    await clock.run(launch);
    await clock.run(terminate);
    expect(cloud.instances.get("m-1")?.state).toBe("terminated");
  });

  it("ends what this process has just made and no list shows yet", async () => {
    const clock = new VirtualClock();
    const cloud = new MemoryCloud();
    const iaas = new MemoryIaas({ clock, cloud, capabilities: { visibilityLagMs: 60_000 } });
    const { id } = await iaas.launch({ key: "k", image: "i" });
    cloud.hidden.add(id);
    expect(await collect(iaas.list())).toEqual([]);
    expect(await collect(iaas.list({ key: "k" }))).toMatchObject([{ id }]);
    await clock.run(iaas.terminate({ key: "k" }));
    expect(cloud.instances.get(id)?.state).toBe("terminated");
  });

  it("does not wait for a launch of the same key once it is aborted", async () => {
    const { clock, cloud, iaas } = create();
    cloud.firstState = "pending";
    const launch = iaas.launch({ key: "k", image: "i", until: "running" });
    await clock.advance(1);
    const enough = new AbortController();
    const terminate = iaas.terminate({ key: "k" }, { signal: enough.signal });
    enough.abort(new Error("enough"));
    await expect(terminate).rejects.toThrow("enough");
    expect(cloud.count("terminate")).toBe(0);
    cloud.set("m-1", { state: "running" });
    await clock.run(launch);
  });

  it("passes on why the cloud refuses", async () => {
    const { cloud, iaas } = create();
    const { id } = await iaas.launch({ key: "k", image: "i" });
    cloud.before("terminate", () => {
      throw new ProviderFailureError("protected", at);
    });
    await expect(iaas.terminate(id)).rejects.toMatchObject({ code: "IAAS_PROVIDER_FAILURE", message: "protected" });
  });
});
