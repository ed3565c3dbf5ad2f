import type { CallContext } from "../../iaas/call.ts";
import { type Clock, systemClock } from "../../iaas/clock.ts";
import { InvalidInputError } from "../../iaas/errors.ts";
import type { Page } from "../../iaas/model.ts";
import { Remembered } from "../../iaas/remembered.ts";
import type { OpenStackClient } from "./client.ts";
import type { NovaFlavor } from "./mappers.ts";
import { pageOf } from "./pages.ts";

/** Nova's flavors: a launch names them by id or by name, Nova wants the id. Asked for once in a while only. */
export class Flavors {
  readonly #client: OpenStackClient;
  readonly #known: Remembered<readonly NovaFlavor[]>;

  constructor(client: OpenStackClient, clock: Clock = systemClock) {
    this.#client = client;
    this.#known = new Remembered(clock);
  }

  /** @throws InvalidInputError when there is none of that id or name, or several of that name. */
  async idOf(size: string, context: CallContext): Promise<string> {
    const flavors = await this.#known.get("all", async () => await this.#all(context));
    if (flavors.some(({ id }) => id === size)) return size;
    const [named, ...others] = flavors.filter(({ name }) => name === size);
    const there = flavors.map(({ name }) => name).join(", ") || "none";
    if (named === undefined) {
      throw new InvalidInputError(
        "size",
        `is ${JSON.stringify(size)}, there is no such flavor; there are: ${there}`,
        context,
      );
    }
    if (others.length === 0) return named.id;
    const ids = [named, ...others].map(({ id }) => id).join(", ");
    throw new InvalidInputError("size", `is ${JSON.stringify(size)}, the name of several flavors: ${ids}`, context);
  }

  async #all(context: CallContext): Promise<readonly NovaFlavor[]> {
    const all: NovaFlavor[] = [];
    for (let marker: string | null = null; ;) {
      const page: Page<NovaFlavor> = await flavorPage(this.#client, marker, context);
      all.push(...page.items);
      marker = page.marker;
      if (marker === null) return all;
    }
  }
}

/** One page of the flavors that the project may use. */
export async function flavorPage(
  client: OpenStackClient,
  marker: string | null,
  context: CallContext,
): Promise<Page<NovaFlavor>> {
  const request = { service: "compute", path: "/flavors/detail", field: "flavors", marker } as const;
  return await pageOf<NovaFlavor>(client, request, ({ id }) => id, context);
}
