import { describe, expect, it } from "vitest";

import { KeyedLock } from "../../../src/iaas/keyed-lock.ts";

const wait = async (ms: number) => await new Promise((resolve) => setTimeout(resolve, ms));

describe("a lock by key", () => {
  it("runs the tasks of a key one after the other, in their order, also after one has failed", async () => {
    const lock = new KeyedLock();
    const order: string[] = [];
    const task = (name: string, ms: number) => async () => {
      order.push(`${name} begins`);
      await wait(ms);
      order.push(`${name} ends`);
      if (name === "a") throw new Error("a failed");
    };
    const runs = [lock.run("k", task("a", 15)), lock.run("k", task("b", 5)), lock.run("k", task("c", 0))];
    const [a, b, c] = await Promise.allSettled(runs);
    expect(order).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    expect([a?.status, b?.status, c?.status]).toEqual(["rejected", "fulfilled", "fulfilled"]);
  });

  it("runs tasks of different keys side by side", async () => {
    const lock = new KeyedLock();
    let running = 0;
    let most = 0;
    const task = async () => {
      running += 1;
      most = Math.max(most, running);
      await wait(10);
      running -= 1;
    };
    await Promise.all(["a", "b", "c"].map(async (key) => await lock.run(key, task)));
    expect(most).toBe(3);
  });

  it("ends a wait that is aborted at once, does not run its task, and keeps the order of the others", async () => {
    const lock = new KeyedLock();
    const ran: string[] = [];
    const controller = new AbortController();
    const first = lock.run("k", async () => {
      await wait(20);
      ran.push("first");
    });
    const second = lock.run("k", async () => await Promise.resolve(ran.push("second")), controller.signal);
    const third = lock.run("k", async () => await Promise.resolve(ran.push("third")));
    controller.abort("enough");
    await expect(second).rejects.toBe("enough");
    expect(ran).toEqual([]);
    await Promise.all([first, third]);
    expect(ran).toEqual(["first", "third"]);
  });
});
