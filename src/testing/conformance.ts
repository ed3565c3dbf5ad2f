import assert from "node:assert/strict";
import { inspect } from "node:util";

import { type Clock, systemClock } from "../iaas/clock.ts";
import type { Iaas } from "../iaas/iaas.ts";
import type { LaunchOptions } from "../iaas/launch-options.ts";
import { behaviours } from "./behaviours.ts";
import { Trials } from "./trials.ts";

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
  /** Asks the cloud itself what an instance was told: the bytes of its payload, `null` for none. */
  readonly payloadOf?: ((instanceId: string) => Promise<Uint8Array | null>) | undefined;
  /** The clock that `create` gives to the Iaas; the default is this machine's. */
  readonly clock?: Clock | undefined;
  /** Credentials that `create` gives to the Iaas: no error and no trace may show them. */
  readonly secrets?: readonly string[] | undefined;
}

/** One behaviour of the suite, for lists of them. */
export interface ConformanceBehaviour {
  /** Stays the same for ever. */
  readonly id: string;
  /** A sentence. */
  readonly name: string;
  /** What must be for it to apply, as `floatingIps on`; `null`: it always does. */
  readonly needs: string | null;
}

/** Every behaviour that {@link conformance} tries, in its order. */
export const conformanceBehaviours: readonly ConformanceBehaviour[] = Object.freeze(
  behaviours.map(({ id, name, needs }) => Object.freeze({ id, name, needs: needs?.text ?? null })),
);

/**
 * Try every behaviour that a provider must have. What runs follows its capabilities: nothing can be switched off.
 *
 * @example
 * import * as vitest from "vitest";
 * conformance(vitest, { create: (owner) => new MyIaas({ owner }), launch: { image: "debian", size: "small" } });
 *
 * @throws TypeError when the runner has no `it`, or an option is missing.
 */
export function conformance(runner: ConformanceRunner, options: ConformanceOptions): void {
  requireRunner(runner);
  requireOptions(options);
  const { create, launch, tracker, payloadOf = null, secrets = [], clock = systemClock } = options;
  for (const { id, name, needs, run } of behaviours) {
    runner.it(`[${id}] ${name}`, async (context) => {
      const trials = new Trials({ create, launch, payloadOf, secrets, clock });
      await awake(async () => {
        try {
          const trial = await trials.begin();
          if (needs === undefined || needs.isMet(trial.iaas.capabilities, trial)) await run(trial);
          else context.skip(`does not apply: it needs ${needs.text}`);
        } finally {
          await trials.end();
        }
      });
    });
  }
  if (tracker === undefined) return;
  runner.it("[tracker.empty] nothing is left at the cloud", async () => {
    assert.deepEqual(await tracker(), []);
  });
}

/** Keeps the process alive meanwhile: deadlines alone do not, and a runner would take that for the end. */
async function awake(body: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => undefined, 60_000);
  try {
    await body();
  } finally {
    clearInterval(timer);
  }
}

function requireRunner(runner: unknown): void {
  if (typeof Reflect.get(Object(runner), "it") === "function") return;
  throw new TypeError(
    `conformance(): the runner must have it(), as vitest and node:test have; given: ${inspect(runner)}`,
  );
}

function requireOptions(options: unknown): void {
  const { create, launch } = Object(options) as Partial<Record<string, unknown>>;
  if (typeof create !== "function") {
    throw new TypeError(
      `conformance(): create must be a function that makes an Iaas for an owner, not ${inspect(create)}`,
    );
  }
  if (typeof Reflect.get(Object(launch), "image") !== "string") {
    throw new TypeError(
      `conformance(): launch must be a launch that this cloud can do, with an image, not ${inspect(launch)}`,
    );
  }
}
