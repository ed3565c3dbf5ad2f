import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { conformance, conformanceBehaviours } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { projectPath } from "../../support/folders.ts";
import { FullMemoryCloud, FullMemoryIaas, fullLaunch } from "../../support/memory-full.ts";

const run = promisify(execFile);

describe("the suite under node:test", () => {
  it("runs every behaviour and fails none", async () => {
    const { stdout } = await run(
      process.execPath,
      ["--import", "tsx", "--test", "--test-reporter=tap", projectPath("test/support/conformance-child.ts")],
      { cwd: projectPath("."), env: { ...process.env, NODE_TEST_CONTEXT: undefined }, maxBuffer: 64 * 1024 * 1024 },
    );
    const count = (name: string): number => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(stdout)?.[1]);
    expect({ tests: count("tests"), fail: count("fail"), cancelled: count("cancelled") }).toEqual({
      tests: conformanceBehaviours.length + 1, // and the tracker
      fail: 0,
      cancelled: 0,
    });
    expect(count("pass")).toBeGreaterThan(conformanceBehaviours.length * 0.8);
  }, 60_000);
});

describe("a suite that cannot run", () => {
  const runner = { it: (): void => undefined };
  const create = (owner: string) => new FullMemoryIaas({ owner, cloud: new FullMemoryCloud() });

  it.each([
    ["without a runner", [undefined, { create, launch: fullLaunch }], /the runner must have it\(\)/],
    ["without options", [runner, undefined], /create must be a function/],
    ["without a factory", [runner, { launch: fullLaunch }], /create must be a function .* not undefined/],
    ["without a launch", [runner, { create }], /launch must be a launch .* not undefined/],
    ["with a launch that has no image", [runner, { create, launch: {} }], /with an image, not \{\}/],
  ])("%s says so at once", (_, given, message) => {
    expect(() => Reflect.apply(conformance, undefined, given) as unknown).toThrow(message);
  });

  it.each([
    ["nothing", undefined],
    ["something else", { probe: true }],
    ["a promise of null", Promise.resolve(null)],
  ])("whose factory gives %s says so in each of its tests", async (_, made) => {
    const bodies: (() => Promise<void>)[] = [];
    const collecting = {
      it: (_name: string, body: (context: { skip: () => void }) => Promise<void>) =>
        bodies.push(async () => await body({ skip: () => undefined })),
    };
    Reflect.apply(conformance, undefined, [collecting, { create: () => made, launch: fullLaunch }]);
    await expect(bodies[0]?.()).rejects.toThrow(/create\(\) must give an Iaas, not/);
    await expect(bodies.at(-1)?.()).rejects.toThrow(/create\(\) must give an Iaas, not/);
  });
});
