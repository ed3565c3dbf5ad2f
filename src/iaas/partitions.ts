import type { Call } from "./call.ts";
import type { Catalog } from "./catalog.ts";
import type { Clock } from "./clock.ts";
import { collect } from "./iteration.ts";
import { checkPartition, type PartitionOptions } from "./launch-options.ts";
import { Remembered } from "./remembered.ts";
import { check } from "./validation.ts";

type Level = "zone" | "host";

/** Checks where an instance may run. Asks the cloud for its zones and hosts once in a while only. */
export class Partitions {
  readonly #region: string | null;
  readonly #catalog: Catalog | undefined;
  readonly #ids: Remembered<readonly string[]>;

  constructor(region: string | null, catalog: Catalog | undefined, clock: Clock) {
    this.#region = region;
    this.#catalog = catalog;
    this.#ids = new Remembered(clock);
  }

  /** @throws InvalidInputError naming the level that is wrong, and what there is. */
  async check(partition: PartitionOptions, call: Call): Promise<void> {
    checkPartition(partition, call.capabilities, call.at);
    const { region, zone, host } = partition;
    const isHere = region === undefined || region === this.#region;
    check(isHere, "partition.region", `is ${JSON.stringify(region)}, this Iaas is in ${this.#region}`, call.at);
    if (zone !== undefined) await this.#checkLevel("zone", [zone].flat(), call);
    if (host !== undefined) await this.#checkLevel("host", [host], call);
  }

  async #checkLevel(level: Level, asked: readonly string[], call: Call): Promise<void> {
    const catalog = this.#catalog;
    if (catalog === undefined) return;
    const ids = await call.race(this.#ids.get(level, async () => await idsOf(level, catalog)));
    for (const id of asked) {
      const place = this.#region === null ? "" : ` in ${this.#region}`;
      const rule = `is ${JSON.stringify(id)}, there is no such ${level}${place}; there are: ${ids.join(", ") || "none"}`;
      check(ids.includes(id), `partition.${level}`, rule, call.at);
    }
  }
}

async function idsOf(level: Level, catalog: Catalog): Promise<readonly string[]> {
  const all = await collect<{ readonly id: string }>(level === "zone" ? catalog.zones() : catalog.hosts());
  return all.map(({ id }) => id);
}
