import type { Iaas } from "../iaas/iaas.ts";
import type { LaunchOptions } from "../iaas/launch-options.ts";
import type { Instance } from "../iaas/model.ts";
import type { Need, Tools } from "./needs.ts";

/** What a behaviour is tried with. */
export interface Trial extends Tools {
  /** An Iaas of an owner that nobody else has. */
  readonly iaas: Iaas;
  /** Another Iaas of the same owner, as another process would have. */
  readonly twin: () => Promise<Iaas>;
  /** As `twin`, and nobody has called its `probe()` yet. */
  readonly unprobed: () => Promise<Iaas>;
  /** An Iaas of another owner at the same cloud. */
  readonly stranger: () => Promise<Iaas>;
  /** An Iaas of a given owner, as it comes from the factory: nothing is done for it. */
  readonly create: (owner: string) => Promise<unknown>;
  /** A key that nobody has used. */
  readonly key: (name?: string) => string;
  /** The options of a launch that this cloud can do, with a key of its own. */
  readonly launchOptions: (more?: Partial<LaunchOptions>) => LaunchOptions;
  /** A zone in which a volume can be made, where it has to be named. */
  readonly zone: () => Promise<{ readonly zone?: string }>;
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
  readonly needs?: Need;
  readonly run: (trial: Trial) => Promise<void>;
}
