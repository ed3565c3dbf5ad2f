import type { Call, CallContext, Caller } from "./call.ts";
import { type ErrorOrigin, NotFoundError } from "./errors.ts";
import type { CallOptions, Page } from "./model.ts";
import { Remembered } from "./remembered.ts";
import { check } from "./validation.ts";

export interface Region {
  readonly id: string;
}

export interface Zone {
  readonly id: string;
  readonly region: string;
}

/** A physical or dedicated machine on which an instance may be placed. */
export interface Host {
  readonly id: string;
  readonly zone: string;
}

export type Architecture = "x86_64" | "arm64" | "i386";

/** What an instance is given: flavor, instance type, service offering. */
export interface Size {
  /** What `launch({ size })` takes. */
  readonly id: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly architectures: readonly Architecture[];
}

/** The least that an instance needs. */
export interface SizeRequirement {
  readonly minCpus: number;
  readonly minMemoryMiB: number;
  /** Default `x86_64`. */
  readonly architecture?: Architecture | undefined;
}

/** What a cloud offers, and where. */
export abstract class Catalog {
  readonly #caller: Caller;
  readonly #found: Remembered<Size>;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#found = new Remembered(caller.clock);
  }

  regions(options: CallOptions = {}): AsyncGenerator<Region, void, undefined> {
    return this.#list("catalog.regions", options, async (marker, context) => await this._regions({ marker }, context));
  }

  /** The zones of the Iaas' region. */
  zones(options: CallOptions = {}): AsyncGenerator<Zone, void, undefined> {
    return this.#list("catalog.zones", options, async (marker, context) => await this._zones({ marker }, context));
  }

  /** The hosts that this account may choose. */
  hosts(options: CallOptions = {}): AsyncGenerator<Host, void, undefined> {
    return this.#list("catalog.hosts", options, async (marker, context) => await this._hosts({ marker }, context));
  }

  /** The sizes that are offered now, the smallest first within a page. */
  sizes(options: CallOptions = {}): AsyncGenerator<Size, void, undefined> {
    return this.#list("catalog.sizes", options, async (marker, context) => {
      const page = await this._sizes({ marker }, context);
      return { ...page, items: [...page.items].sort(bySize) };
    });
  }

  /**
   * The smallest size that meets a requirement: fewest CPUs, then least memory, then first by id.
   *
   * @throws NotFoundError when none does.
   */
  async findSize(options: CallOptions & SizeRequirement): Promise<Size> {
    const { minCpus, minMemoryMiB, architecture = "x86_64" } = options;
    const at: ErrorOrigin = { provider: this.#caller.provider, operation: "catalog.findSize" };
    checkRequirement(options, "", at);
    let smallest: Size | undefined;
    for await (const size of this.sizes(options)) {
      const fits = size.cpus >= minCpus && size.memoryMiB >= minMemoryMiB && size.architectures.includes(architecture);
      if (fits && (smallest === undefined || bySize(size, smallest) < 0)) smallest = size;
    }
    if (smallest !== undefined) return smallest;
    throw new NotFoundError(`no size has ${minCpus} CPUs, ${minMemoryMiB} MiB and ${architecture}`, at);
  }

  /** @internal Within a call of the base: as {@link Catalog.findSize}, asked for once in a while only. */
  async resolve(requirement: SizeRequirement, call: Call): Promise<Size> {
    const { minCpus, minMemoryMiB, architecture = "x86_64" } = requirement;
    const asked = { minCpus, minMemoryMiB, architecture };
    return await call.race(this.#found.get(JSON.stringify(asked), async () => await this.findSize(asked)));
  }

  /** One page of the regions that the account may use. */
  protected abstract _regions(input: { readonly marker: string | null }, context: CallContext): Promise<Page<Region>>;
  /** One page of the zones of this region that take instances now. */
  protected abstract _zones(input: { readonly marker: string | null }, context: CallContext): Promise<Page<Zone>>;
  /** One page of the hosts that the account may name. */
  protected abstract _hosts(input: { readonly marker: string | null }, context: CallContext): Promise<Page<Host>>;
  /** One page of the sizes that a launch may name. */
  protected abstract _sizes(input: { readonly marker: string | null }, context: CallContext): Promise<Page<Size>>;

  #list<T extends { readonly id: string }>(
    operation: string,
    options: CallOptions,
    page: (marker: string | null, context: CallContext) => Promise<Page<T>>,
  ): AsyncGenerator<T, void, undefined> {
    return this.#caller.list(operation, { ...options, needs: "catalog" }, page);
  }
}

/** @throws InvalidInputError for a requirement that is none. */
export function checkRequirement(requirement: SizeRequirement, path: string, at: ErrorOrigin): void {
  const prefix = path === "" ? "" : `${path}.`;
  check(requirement.minCpus > 0, `${prefix}minCpus`, "must be a number above 0", at);
  check(requirement.minMemoryMiB > 0, `${prefix}minMemoryMiB`, "must be a number above 0", at);
  const { architecture = "x86_64" } = requirement;
  check(
    ["x86_64", "arm64", "i386"].includes(architecture),
    `${prefix}architecture`,
    "must be x86_64, arm64 or i386",
    at,
  );
}

function bySize(a: Size, b: Size): number {
  return a.cpus - b.cpus || a.memoryMiB - b.memoryMiB || (a.id < b.id ? -1 : 1);
}
