import assert from "node:assert/strict";

import { Iaas } from "../iaas/iaas.ts";
import { isOn } from "../iaas/capabilities.ts";
import type { LaunchOptions } from "../iaas/launch-options.ts";
import { type Behaviour, Trials } from "./behaviour.ts";
import { contract } from "./behaviours/contract.ts";
import { facets } from "./behaviours/facets.ts";
import { idempotency } from "./behaviours/idempotency.ts";
import { input } from "./behaviours/input.ts";
import { lifecycle } from "./behaviours/lifecycle.ts";

/** The test runner: vitest's and `node:test`'s own modules both fit. */
export interface ConformanceRunner {
  readonly it: (name: string, body: (context: { readonly skip: (reason: string) => void }) => Promise<void>) => unknown;
}

export interface ConformanceOptions {
  /** Makes an Iaas for an owner: of the account or simulator under test, the same one each time. */
  readonly create: (owner: string) => Iaas | Promise<Iaas>;
  /** A launch that this cloud can do: image, size, and at least one port where it publishes ports. */
  readonly launch: Omit<LaunchOptions, "key">;
  /**
   * Asks the cloud itself, not the Iaas, what is left in the end: names of what should not be there.
   */
  readonly tracker?: (() => Promise<readonly string[]>) | undefined;
}

const behaviours: readonly Behaviour[] = [...contract, ...input, ...lifecycle, ...idempotency, ...facets];

/**
 * Try every behaviour that a provider must have. What runs follows its capabilities: nothing can be switched off.
 *
 * @example
 * import * as vitest from "vitest";
 * conformance(vitest, { create: (owner) => new MyIaas({ owner }), launch: { image: "debian", size: "small" } });
 */
export function conformance(runner: ConformanceRunner, options: ConformanceOptions): void {
  const { create, launch, tracker } = options;
  assert.equal(typeof create, "function", "conformance() needs create: a function that makes an Iaas for an owner");
  for (const { id, name, needs, run } of behaviours) {
    runner.it(`[${id}] ${name}`, async (context) => {
      const trials = new Trials(create, launch);
      const trial = await trials.begin();
      assert.ok(trial.iaas instanceof Iaas, "create() must give an Iaas");
      try {
        if (needs === undefined || isOn(trial.iaas.capabilities, needs)) await run(trial);
        else context.skip(`does not apply: ${needs} is off, which facets.off and calls.off try`);
      } finally {
        await trials.end();
      }
    });
  }
  if (tracker === undefined) return;
  runner.it("[tracker.empty] nothing is left at the cloud", async () => {
    assert.deepEqual(await tracker(), []);
  });
}
