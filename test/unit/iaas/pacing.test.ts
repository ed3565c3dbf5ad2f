import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { MemoryCloud, MemoryIaas, throttled } from "../../support/memory.ts";

/** A cloud whose launches cost a token of a bucket, as EC2's do. */
function limited(clock: VirtualClock, { size, perSecond }: { size: number; perSecond: number }) {
  const cloud = new MemoryCloud();
  let tokens = size;
  let filledAt = clock.now();
  const launch = cloud.perform.bind(cloud);
  cloud.perform = async (hook, signal, effect) =>
    await launch(hook, signal, () => {
      if (hook !== "launch") return effect();
      tokens = Math.min(size, tokens + ((clock.now() - filledAt) / 1_000) * perSecond);
      filledAt = clock.now();
      if (tokens < 1) throttled()();
      tokens -= 1;
      return effect();
    });
  cloud.before("launch", ...Array.from({ length: 20_000 }, () => async () => await clock.sleep(50)));
  return cloud;
}

describe("pacing", () => {
  it.each([
    { size: 20, perSecond: 20, launches: 300 },
    { size: 5, perSecond: 2, launches: 100 },
    { size: 100, perSecond: 20, launches: 500 },
  ])(
    "launches $launches at once at the speed of a bucket of $size that gets $perSecond a second",
    async ({ size, perSecond, launches }) => {
      const clock = new VirtualClock();
      const iaas = new MemoryIaas({ clock, cloud: limited(clock, { size, perSecond }) });
      const start = clock.now();
      const all = Array.from(
        { length: launches },
        async (_, index) => await iaas.launch({ key: `k${index}`, image: "i" }),
      );
      const launched = await clock.run(Promise.all(all));
      expect(new Set(launched.map(({ id }) => id)).size).toBe(launches);
      const ideal = ((launches - size) / perSecond) * 1_000;
      expect(clock.now() - start).toBeLessThanOrEqual(ideal * 1.2);
    },
  );

  it("shares the finds of parallel launches in one list call", async () => {
    const clock = new VirtualClock();
    const cloud = new MemoryCloud();
    const iaas = new MemoryIaas({ clock, cloud });
    await Promise.all(
      Array.from({ length: 300 }, async (_, index) => await iaas.launch({ key: `k${index}`, image: "i" })),
    );
    expect(cloud.count("list")).toBe(1);
    expect(cloud.count("launch")).toBe(300);
  });

  it("is not held back for years by a cloud that has its clock wrong", async () => {
    const clock = new VirtualClock();
    const cloud = new MemoryCloud();
    const iaas = new MemoryIaas({ clock, cloud });
    cloud.before("launch", throttled(10 * 365 * 86_400_000));
    await expect(iaas.launch({ key: "a", image: "i" })).rejects.toMatchObject({ code: "IAAS_THROTTLED" });
    await clock.advance(11 * 60_000);
    await expect(iaas.launch({ key: "a", image: "i" })).resolves.toMatchObject({ state: "running" });
  });

  it("lets a request that is aborted leave the queue, and the others go on", async () => {
    const clock = new VirtualClock();
    const iaas = new MemoryIaas({ clock, cloud: limited(clock, { size: 1, perSecond: 1 }) });
    const controller = new AbortController();
    const first = iaas.launch({ key: "a", image: "i" });
    const second = iaas.launch({ key: "b", image: "i", signal: controller.signal }).catch((reason: unknown) => reason);
    const third = iaas.launch({ key: "c", image: "i" });
    await clock.advance(200);
    controller.abort("enough");
    await clock.run(Promise.all([first, third]));
    await expect(second).resolves.toBe("enough");
  });
});
