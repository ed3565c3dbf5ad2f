import { availableParallelism, hostname, totalmem } from "node:os";

import { Catalog, type Host, type Region, type Size, type Zone } from "../../iaas/catalog.ts";
import type { Page } from "../../iaas/model.ts";

/** This machine: one of everything. */
export class LocalCatalog extends Catalog {
  protected override async _regions(): Promise<Page<Region>> {
    return await one({ id: "local" });
  }

  protected override async _zones(): Promise<Page<Zone>> {
    return await one({ id: "local", region: "local" });
  }

  protected override async _hosts(): Promise<Page<Host>> {
    return await one({ id: hostname(), zone: "local" });
  }

  /** What the machine has; an instance may use all of it, and shares it with everything else. */
  protected override async _sizes(): Promise<Page<Size>> {
    const architecture = process.arch === "arm64" ? "arm64" : "x86_64";
    const memoryMiB = Math.floor(totalmem() / 1024 / 1024);
    return await one({ id: machineSize, cpus: availableParallelism(), memoryMiB, architectures: [architecture] });
  }
}

/** The only size. */
export const machineSize = "machine";

async function one<T>(item: T): Promise<Page<T>> {
  return await Promise.resolve({ items: [item], marker: null });
}
