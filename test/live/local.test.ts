import { describe, expect, it } from "vitest";

import { countOperations, surviveKill } from "../support/local-crash.ts";

describe("a launch on this machine", () => {
  it("survives being killed at every one of its operations: one instance, and nothing is left", async () => {
    const operations = await countOperations();
    expect(operations).toBeGreaterThan(20);
    let killed = 0;
    for (let killAt = 1; killAt <= operations; killAt += 1) if (await surviveKill(killAt)) killed += 1;
    // The last ones may come too late: how often a port is tried depends on the machine's speed.
    expect(killed).toBeGreaterThan(operations * 0.9);
    console.log(`killed at ${killed} points of ${operations}`);
  });
});
