import { type Clock } from "../../iaas/clock.ts";
import { InvalidInputError } from "../../iaas/errors.ts";
import { check, checkFields } from "../../iaas/validation.ts";
import { VirtualClock } from "../virtual-clock.ts";
import { type RateLimits, TokenBuckets } from "./buckets.ts";
import type { Dialect } from "./dialect.ts";
import { Ec2Dialect } from "./ec2/dialect.ts";
import { type Fault, FaultScript } from "./faults.ts";
import { CloudModel } from "./model/cloud-model.ts";
import { defaultQuotas, defaultTiming, type Quotas, type Timing } from "./model/settings.ts";
import { type Random, randomOf } from "./random.ts";
import { type ServedRequest, SimulationServer } from "./server.ts";

const dialects: Readonly<Record<string, (random: Random) => Dialect>> = {
  ec2: (random) => new Ec2Dialect(random),
};

export interface SimulationOptions {
  /** Which cloud it speaks like. */
  readonly cloud: "ec2";
  /** The same seed gives the same ids and latencies. Default: 1. */
  readonly seed?: number | undefined;
  /** What goes wrong. Default: nothing. */
  readonly faults?: readonly Fault[] | undefined;
  /** How long things take; the others as they are. */
  readonly timing?: Partial<Timing> | undefined;
  /** How many of a kind there may be; the others as they are. */
  readonly quotas?: Partial<Quotas> | undefined;
  /** Instances that a zone has room for. Default: no end. */
  readonly capacity?: Readonly<Record<string, number>> | undefined;
  /** Requests that it lets itself be asked, by action, `*` for each of the others. Default: the cloud's own. */
  readonly rateLimits?: RateLimits | undefined;
  /** Default: a virtual clock. */
  readonly clock?: Clock | undefined;
}

const credentials = { accessKeyId: "AKIASIMULATED", secretAccessKey: "simulated" };
const known: readonly string[] = Object.keys({
  cloud: 0,
  seed: 0,
  faults: 0,
  timing: 0,
  quotas: 0,
  capacity: 0,
  rateLimits: 0,
  clock: 0,
} satisfies Record<keyof SimulationOptions, 0>);

/** Where a simulated cloud is, and how one logs in. */
export interface SimulatedConnection {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  readonly region: string;
  /** Any are taken; these are for clients that want some. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A simulated cloud that listens on 127.0.0.1, until it is disposed. */
export interface SimulatedCloud<C extends Clock = VirtualClock> extends AsyncDisposable {
  /** Options of an Iaas of this cloud. */
  readonly connection: SimulatedConnection & { readonly clock: C };
  /** A launch that it can do. */
  readonly launch: { readonly image: string; readonly size: string };
  /** What the cloud lives by. */
  readonly clock: C;
  /** What it has served, in the order of the answers. */
  readonly requests: readonly ServedRequest[];
  /** What there is that did not come with the cloud: its kind, id and key. Asks no API. */
  readonly tracker: () => Promise<readonly string[]>;
  /** Let something else go wrong from now on. */
  readonly inject: (fault: Fault) => void;
}

/**
 * Start a cloud that exists in this process only: it honours what the real one does (tokens, limits, states that take
 * time, reads that lag), does what its fault script says, and lives by a clock that a test moves.
 *
 * @example
 * await using cloud = await simulate({ cloud: "ec2", faults: [{ kind: "throttle", on: "RunInstances", times: 3 }] });
 * const iaas = new Ec2Iaas({ owner: "me", ...cloud.connection });
 * const instance = await cloud.clock.run(iaas.launch({ key: "job-1", ...cloud.launch, until: "running" }));
 * @throws InvalidInputError for a cloud or a fault that is not known; the error lists those that are.
 */
export async function simulate(options: SimulationOptions): Promise<SimulatedCloud>;
export async function simulate<C extends Clock>(
  options: SimulationOptions & { readonly clock: C },
): Promise<SimulatedCloud<C>>;
export async function simulate(options: SimulationOptions): Promise<SimulatedCloud<Clock>> {
  const at = { provider: "simulation", operation: "simulate" };
  checkFields(options, known, "", at);
  const { cloud, seed = 1, faults = [], timing = {}, quotas = {}, capacity = {} } = options;
  const { clock = new VirtualClock({ patienceMs: 2_000 }) } = options;
  checkFields(timing, Object.keys(defaultTiming), "timing", at);
  checkFields(quotas, Object.keys(defaultQuotas), "quotas", at);
  const makeDialect = Object.hasOwn(dialects, cloud) ? dialects[cloud] : undefined;
  if (makeDialect === undefined) {
    const all = Object.keys(dialects).join(", ");
    throw new InvalidInputError("cloud", `is ${JSON.stringify(cloud)}, which is none of: ${all}`, at);
  }
  const random = randomOf(seed);
  const dialect = makeDialect(random);
  const script = new FaultScript(faults);
  const { offer, rateLimits } = dialect;
  const unknownZone = Object.keys(capacity).find((zone) => !offer.zones.includes(zone));
  check(unknownZone === undefined, "capacity", `names a zone that is none of: ${offer.zones.join(", ")}`, at);
  const settings = {
    offer,
    timing: { ...defaultTiming, ...timing },
    quotas: { ...defaultQuotas, ...quotas },
    capacity,
  };
  const model = new CloudModel(settings, clock, random);
  const buckets = new TokenBuckets(options.rateLimits ?? rateLimits, clock);
  const server = new SimulationServer({ dialect, model, faults: script, buckets, clock, random });
  const endpoint = await server.listen();
  const [image] = offer.images;
  const [size] = offer.sizes;
  return {
    connection: { endpoint, region: offer.region, credentials, clock },
    launch: { image: image?.id ?? "", size: size?.id ?? "" },
    clock,
    requests: server.requests,
    tracker: async () => await Promise.resolve(model.leftovers()),
    inject: (fault) => script.add(fault),
    [Symbol.asyncDispose]: async () => await server.close(),
  };
}
