import { ProviderFailureError } from "iaaskit";
import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { at, MemoryCloud, MemoryIaas } from "../../support/memory.ts";

const quarterHourMs = 15 * 60_000;

async function filled(count: number) {
  const clock = new VirtualClock();
  const cloud = new MemoryCloud();
  const iaas = new MemoryIaas({ clock, cloud });
  for (let index = 0; index < count; index += 1) await iaas.launch({ key: `k${index}`, image: "i" });
  return { clock, cloud, iaas };
}
const live = (cloud: MemoryCloud) => [...cloud.instances.values()].filter(({ state }) => state === "running").length;

describe("sweeping", () => {
  it("marks in one pass, deletes in a later one, and not before the minimum age", async () => {
    const { clock, cloud, iaas } = await filled(3);
    const options = { keep: ["k0"], dryRun: false };
    await expect(iaas.sweep(options)).resolves.toMatchObject({
      found: 3,
      marked: [{ id: "m-2" }, { id: "m-3" }],
      deleted: [],
    });
    await expect(iaas.sweep(options)).resolves.toMatchObject({ marked: [], deleted: [] });
    await clock.advance(quarterHourMs + 10);
    await expect(iaas.sweep(options)).resolves.toMatchObject({ deleted: [{ id: "m-2" }, { id: "m-3" }] });
    expect(live(cloud)).toBe(1);
  });

  it("forgets the mark of what somebody claims in between", async () => {
    const { clock, cloud, iaas } = await filled(1);
    await iaas.sweep({ keep: [], dryRun: false });
    await clock.advance(quarterHourMs + 10);
    await iaas.sweep({ keep: ["k0"], dryRun: false });
    await expect(iaas.sweep({ keep: [], dryRun: false })).resolves.toMatchObject({
      marked: [{ id: "m-1" }],
      deleted: [],
    });
    expect(live(cloud)).toBe(1);
  });

  it("deletes nothing unless it is told to", async () => {
    const { clock, cloud, iaas } = await filled(1);
    for (let pass = 0; pass < 3; pass += 1) {
      await iaas.sweep({ keep: [] });
      await clock.advance(quarterHourMs + 10);
    }
    expect(live(cloud)).toBe(1);
  });

  it("deletes nothing when a page of the list is missing", async () => {
    const { clock, cloud, iaas } = await filled(4);
    await iaas.sweep({ keep: ["k0"], dryRun: false });
    await clock.advance(quarterHourMs + 10);
    cloud.pageSize = 2;
    cloud.before(
      "list",
      () => undefined,
      () => {
        throw new ProviderFailureError("broken", at);
      },
    );
    await expect(iaas.sweep({ keep: ["k0"], dryRun: false })).rejects.toMatchObject({ message: "broken" });
    expect(live(cloud)).toBe(4);
  });

  it("stops when more would go than looks sane", async () => {
    const { clock, cloud, iaas } = await filled(6);
    await iaas.sweep({ keep: [], dryRun: false });
    await clock.advance(quarterHourMs + 10);
    const report = await iaas.sweep({ keep: [], dryRun: false });
    expect(report).toMatchObject({ deleted: [], stopped: expect.stringContaining("6 of 6 would go, 5 may") });
    expect(live(cloud)).toBe(6);
  });

  it("takes a test of each resource instead of a list of keys", async () => {
    const { clock, cloud, iaas } = await filled(2);
    const options = {
      keep: ({ key, kind }: { key: string; kind: string }) => kind === "instance" && key === "k1",
      dryRun: false,
    };
    await iaas.sweep(options);
    await clock.advance(quarterHourMs + 10);
    await iaas.sweep(options);
    expect([...cloud.instances.values()].map(({ state }) => state)).toEqual(["terminated", "running"]);
  });

  it("tells what could not be deleted, and deletes the rest", async () => {
    const { clock, cloud, iaas } = await filled(2);
    await iaas.sweep({ keep: [], dryRun: false });
    await clock.advance(quarterHourMs + 10);
    cloud.before("terminate", () => {
      throw new ProviderFailureError("not today", at);
    });
    const report = await clock.run(iaas.sweep({ keep: [], dryRun: false }));
    expect(report).toMatchObject({ deleted: [{ id: "m-2" }], failed: [{ id: "m-1", reason: "not today" }] });
  });

  it("never touches what belongs to another owner", async () => {
    const { clock, cloud } = await filled(2);
    const other = new MemoryIaas({ clock, cloud, owner: "you" });
    await other.sweep({ keep: [], minAgeMs: 0, dryRun: false });
    await expect(other.sweep({ keep: [], minAgeMs: 0, dryRun: false })).resolves.toMatchObject({
      found: 0,
      deleted: [],
    });
    expect(live(cloud)).toBe(2);
  });

  it("refuses to run without keep", async () => {
    const { iaas } = await filled(0);
    await expect(iaas.sweep({} as never)).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", field: "keep" });
  });
});
