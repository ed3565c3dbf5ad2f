import type { Iaas } from "iaaskit";
import { conformance } from "iaaskit/testing";

import { FastClock } from "../../../support/fast-clock.ts";
import { FullMemoryCloud, type FullMemoryOptions, fullLaunch } from "../../../support/memory-full.ts";

/** A provider with one defect. */
export interface Mutant {
  /** What it does wrong. */
  readonly defect: string;
  /** The behaviours that it must fail. */
  readonly caughtBy: readonly string[];
  readonly create: (options: FullMemoryOptions) => Iaas;
  readonly prepare?: (cloud: FullMemoryCloud) => void;
}

export type Verdict = "passes" | "fails" | "does not apply";

const secrets = ["the-password-of-the-account"];

/** How a provider does in one behaviour of the suite. */
export async function verdictOn(id: string, { create, prepare }: Pick<Mutant, "create" | "prepare">): Promise<Verdict> {
  const cloud = new FullMemoryCloud();
  const clock = new FastClock();
  prepare?.(cloud);
  const bodies = new Map<string, Parameters<Parameters<typeof conformance>[0]["it"]>[1]>();
  conformance(
    { it: (name, body) => bodies.set(/^\[(.+?)\]/.exec(name)?.[1] ?? name, body) },
    {
      create: (owner) => create({ owner, cloud, clock, secrets }),
      launch: fullLaunch,
      payloadOf: async (instanceId) => await Promise.resolve(cloud.payloads.get(instanceId) ?? null),
      clock,
      secrets,
    },
  );
  const body = bodies.get(id);
  if (body === undefined) throw new Error(`there is no behaviour ${id}`);
  let verdict: Verdict = "passes";
  try {
    await body({ skip: () => (verdict = "does not apply") });
  } catch {
    verdict = "fails"; // with whatever: the behaviour has caught it
  }
  return verdict;
}
