import type { Caller } from "../../iaas/call.ts";
import { Catalog, type Host, type Region, type Size, type Zone } from "../../iaas/catalog.ts";
import type { Page } from "../../iaas/model.ts";
import type { DockerClient } from "./client.ts";
import { architectureOf } from "./mappers.ts";
import { sizeId } from "./sizes.ts";

const place = "docker";
const cpuSteps = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128];
const memoryStepsMiB = [128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072];
/** What a usual machine has for each CPU, from half a GiB to eight. */
const memoryPerCpuMiB = { least: 512, most: 8_192 };

/** One engine: one region, one zone, one host, and the limits that it can give as sizes. */
export class DockerCatalog extends Catalog {
  readonly #client: DockerClient;

  constructor(caller: Caller, client: DockerClient) {
    super(caller);
    this.#client = client;
  }

  protected override async _regions(): Promise<Page<Region>> {
    return await page([{ id: place }]);
  }

  protected override async _zones(): Promise<Page<Zone>> {
    return await page([{ id: place, region: place }]);
  }

  protected override async _hosts(): Promise<Page<Host>> {
    const { name } = await this.#client.machine();
    return await page([{ id: name, zone: place }]);
  }

  /** A ladder of limits up to the whole machine. A launch takes every other size of the same form too. */
  protected override async _sizes(): Promise<Page<Size>> {
    const machine = await this.#client.machine();
    const architecture = architectureOf(machine.architecture);
    const architectures = architecture === null ? [] : [architecture];
    const sizes = cpuSteps.flatMap((cpus) =>
      memoryStepsMiB
        .filter((memoryMiB) => {
          const perCpu = memoryMiB / cpus;
          return perCpu >= memoryPerCpuMiB.least && perCpu <= memoryPerCpuMiB.most;
        })
        .map((memoryMiB): Size => ({ id: sizeId({ cpus, memoryMiB, pids: null }), cpus, memoryMiB, architectures })),
    );
    return await page(sizes.filter(({ cpus, memoryMiB }) => cpus <= machine.cpus && memoryMiB <= machine.memoryMiB));
  }
}

async function page<T>(items: readonly T[]): Promise<Page<T>> {
  return await Promise.resolve({ items, marker: null });
}
