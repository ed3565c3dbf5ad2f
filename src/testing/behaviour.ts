import { tracingChannel } from "node:diagnostics_channel";
import { randomBytes } from "node:crypto";

import type { CapabilityPath } from "../iaas/capabilities.ts";
import type { Iaas } from "../iaas/iaas.ts";
import type { LaunchOptions } from "../iaas/launch-options.ts";
import type { Instance } from "../iaas/model.ts";
import type { CallTrace } from "../iaas/tracing.ts";

/** What a behaviour is tried with. */
export interface Trial {
  /** An Iaas of an owner that nobody else has. */
  readonly iaas: Iaas;
  /** Another Iaas of the same owner, as another process would have. */
  readonly twin: () => Promise<Iaas>;
  /** An Iaas of another owner at the same cloud. */
  readonly stranger: () => Promise<Iaas>;
  /** A key that nobody has used. */
  readonly key: (name?: string) => string;
  /** The options of a launch that this cloud can do, with a key of its own. */
  readonly launchOptions: (more?: Partial<LaunchOptions>) => LaunchOptions;
  /** Launch and wait until it runs. */
  readonly launch: (more?: Partial<LaunchOptions>) => Promise<Instance>;
}

/** One thing that every provider does, or that every provider with a capability does. */
export interface Behaviour {
  /** Stays the same for ever: other documents refer to it. */
  readonly id: string;
  /** A sentence. */
  readonly name: string;
  /** Without it the behaviour does not apply. */
  readonly needs?: CapabilityPath;
  readonly run: (trial: Trial) => Promise<void>;
}

/** Makes trials for one provider; what they have launched is ended by {@link Trials.end}. */
export class Trials {
  readonly #create: (owner: string) => Iaas | Promise<Iaas>;
  readonly #base: Omit<LaunchOptions, "key">;
  /** One for each owner; twins besides. */
  readonly #open: Iaas[] = [];
  readonly #twins: Iaas[] = [];

  constructor(create: (owner: string) => Iaas | Promise<Iaas>, base: Omit<LaunchOptions, "key">) {
    this.#create = create;
    this.#base = base;
  }

  async begin(): Promise<Trial> {
    const owner = `conformance/${randomBytes(4).toString("hex")}`;
    const make = async (name: string, kept: Iaas[]): Promise<Iaas> => {
      const made = await this.#create(name);
      kept.push(made);
      return made;
    };
    const iaas = await make(owner, this.#open);
    let keys = 0;
    const key = (name = "key"): string => `${name}-${(keys += 1)}-${randomBytes(3).toString("hex")}`;
    const launchOptions = (more: Partial<LaunchOptions> = {}): LaunchOptions => ({
      ...this.#base,
      key: key(),
      ...more,
    });
    return {
      iaas,
      key,
      launchOptions,
      twin: async () => await make(owner, this.#twins),
      stranger: async () => await make(`${owner}-stranger`, this.#open),
      launch: async (more) => await iaas.launch(launchOptions({ until: "running", ...more })),
    };
  }

  /** Ends what the trials have left, and lets go of them. */
  async end(): Promise<void> {
    for (const iaas of this.#open.splice(0)) {
      for await (const instance of iaas.list()) await iaas.terminate(instance.id);
      await iaas[Symbol.asyncDispose]();
    }
    for (const twin of this.#twins.splice(0)) await twin[Symbol.asyncDispose]();
  }
}

/** How many requests the calls of an Iaas send to the cloud while `body` runs. */
export async function requestsOf(iaas: Iaas, body: () => Promise<unknown>): Promise<number> {
  let requests = 0;
  const { asyncEnd } = tracingChannel<CallTrace, CallTrace>("iaaskit:call");
  const count = (message: unknown): void => {
    const trace = message as CallTrace;
    if (trace.owner === iaas.owner) requests += trace.requests;
  };
  asyncEnd.subscribe(count);
  try {
    await body();
  } finally {
    asyncEnd.unsubscribe(count);
  }
  return requests;
}
