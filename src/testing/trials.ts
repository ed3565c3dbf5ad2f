import { randomBytes } from "node:crypto";
import { inspect } from "node:util";

import { Iaas } from "../iaas/iaas.ts";
import { collect } from "../iaas/iteration.ts";
import type { LaunchOptions } from "../iaas/launch-options.ts";
import type { Trial } from "./behaviour.ts";
import { within } from "./expectations.ts";
import type { Tools } from "./needs.ts";
import { watchCalls } from "./traces.ts";

export interface TrialSettings extends Tools {
  readonly create: (owner: string) => Iaas | Promise<Iaas>;
  readonly launch: Omit<LaunchOptions, "key">;
}

/** Longer than this letting go must not take. */
const disposedWithinMs = 5_000;
/** Calls that make something that may be left behind. */
const making = /^launch$|\.(allocate|create|ensure|import|generate|snapshot)$/;

/** Makes the trial of one behaviour; what it has made is removed by {@link Trials.end}. */
export class Trials {
  readonly #settings: TrialSettings;
  readonly #opened: Iaas[] = [];
  /** By owner, the calls that may have made something. */
  readonly #made = new Map<string, Set<string>>();
  #stopWatching = (): void => undefined;

  constructor(settings: TrialSettings) {
    this.#settings = settings;
  }

  async begin(): Promise<Trial> {
    const owner = `conformance/${randomBytes(4).toString("hex")}`;
    const { launch: base, payloadOf, secrets, clock } = this.#settings;
    this.#stopWatching = watchCalls((trace) => {
      if (!trace.owner.startsWith(owner) || !making.test(trace.operation)) return;
      this.#made.set(trace.owner, (this.#made.get(trace.owner) ?? new Set()).add(trace.operation));
    });
    const iaas = await this.#probed(owner);
    let keys = 0;
    const key = (name = "key"): string => `${name}-${(keys += 1)}-${randomBytes(3).toString("hex")}`;
    const launchOptions = (more: Partial<LaunchOptions> = {}): LaunchOptions => ({ ...base, key: key(), ...more });
    return {
      iaas,
      key,
      payloadOf,
      secrets,
      clock,
      launchOptions,
      twin: async () => await this.#probed(owner),
      unprobed: async () => await this.#open(owner),
      stranger: async () => await this.#probed(`${owner}-stranger`),
      create: async (name) => await this.#settings.create(name),
      zone: async () => {
        if (!iaas.can("catalog")) return {};
        const zones = await collect(iaas.catalog.zones());
        return zones[0] === undefined ? {} : { zone: zones[0].id };
      },
      launch: async (more) => await iaas.launch(launchOptions({ until: "running", ...more })),
    };
  }

  /** Removes what the trial has left at the cloud, and lets go of its Iaases. */
  async end(): Promise<void> {
    this.#stopWatching();
    await within(
      disposedWithinMs,
      Promise.all(this.#opened.splice(0).map(async (iaas) => await iaas[Symbol.asyncDispose]())),
    );
    for (const [owner, calls] of this.#made) {
      await using cleaner = await this.#probed(owner); // one whose hooks nobody has changed
      await removeWhat(calls, cleaner);
    }
  }

  async #open(owner: string): Promise<Iaas> {
    const made: unknown = await this.#settings.create(owner);
    if (!(made instanceof Iaas)) throw new TypeError(`conformance(): create() must give an Iaas, not ${inspect(made)}`);
    this.#opened.push(made);
    return made;
  }

  /** With every flag settled that depends on the installation. */
  async #probed(owner: string): Promise<Iaas> {
    const iaas = await this.#open(owner);
    if (Object.values(iaas.capabilities).includes("probe")) await iaas.probe();
    return iaas;
  }
}

/** Removes what these calls may have left; lists that are long at some clouds are asked for only where it matters. */
async function removeWhat(calls: ReadonlySet<string>, iaas: Iaas): Promise<void> {
  const launched = calls.has("launch");
  if (launched) for (const { id } of await collect(iaas.list())) await iaas.terminate(id);
  if (calls.has("images.create") && iaas.can("images.create")) {
    for (const { id } of await collect(iaas.images.list())) await iaas.images.delete({ id });
  }
  if ((launched || calls.has("floatingIps.allocate")) && iaas.can("floatingIps")) {
    for (const { address } of await collect(iaas.floatingIps.list())) await iaas.floatingIps.release({ address });
  }
  if (calls.has("volumes.snapshot") && iaas.can("volumes.snapshots")) {
    for (const { id } of await collect(iaas.volumes.listSnapshots())) {
      await iaas.volumes.deleteSnapshot({ snapshotId: id });
    }
  }
  if ((launched || calls.has("volumes.create")) && iaas.can("volumes")) {
    for (const { id } of await collect(iaas.volumes.list())) {
      await iaas.volumes.detach({ volumeId: id });
      await iaas.volumes.delete({ volumeId: id });
    }
  }
  if ((launched || calls.has("securityGroups.ensure")) && iaas.can("securityGroups")) {
    for (const { id } of await collect(iaas.securityGroups.list())) await iaas.securityGroups.delete({ id });
  }
  if ((calls.has("keyPairs.import") || calls.has("keyPairs.generate")) && iaas.can("keyPairs")) {
    for (const { name } of await collect(iaas.keyPairs.list())) await iaas.keyPairs.delete({ name });
  }
}
