import type { CallContext, Caller } from "../../iaas/call.ts";
import { Catalog, type Host, type Region, type Size, type Zone } from "../../iaas/catalog.ts";
import type { Page } from "../../iaas/model.ts";
import { OpenStackRefusal } from "./answers.ts";
import type { OpenStackClient } from "./client.ts";
import { flavorPage } from "./flavors.ts";
import { toSize } from "./mappers.ts";

interface NovaZone {
  readonly zoneName: string;
  readonly zoneState?: { readonly available?: boolean };
  readonly hosts?: Readonly<
    Record<string, Readonly<Record<string, { readonly active?: boolean; readonly available?: boolean }>>>
  > | null;
}

/** Regions of the catalogue, Nova's zones, hosts and flavors. */
export class OpenStackCatalog extends Catalog {
  readonly #client: OpenStackClient;

  constructor(caller: Caller, client: OpenStackClient) {
    super(caller);
    this.#client = client;
  }

  /** Those in which the catalogue has Nova. */
  protected override async _regions(_input: object, context: CallContext): Promise<Page<Region>> {
    const { endpoints } = await this.#client.session(context);
    const regions = new Set(endpoints.filter(({ type }) => type === "compute").map(({ region }) => region));
    return { items: [...regions].map((id) => ({ id })), marker: null };
  }

  protected override async _zones(_input: object, context: CallContext): Promise<Page<Zone>> {
    const region = this.#client.endpointOf("compute", await this.#client.session(context))?.region ?? "";
    const zones = await this.#client.field<NovaZone[]>(
      "compute",
      { path: "/os-availability-zone" },
      zonesField,
      context,
    );
    const usable = zones.filter(({ zoneState }) => zoneState?.available !== false);
    return { items: usable.map(({ zoneName: id }) => ({ id, region })), marker: null };
  }

  /** None for those whom the cloud does not tell: usually only its operators may choose a host. */
  protected override async _hosts(_input: object, context: CallContext): Promise<Page<Host>> {
    const request = { path: "/os-availability-zone/detail" };
    const zones = await this.#client
      .field<NovaZone[]>("compute", request, zonesField, context)
      .catch((error: unknown) => {
        if (error instanceof OpenStackRefusal && error.status === 403) return [];
        throw error;
      });
    const items = zones.flatMap(({ zoneName, hosts }) =>
      Object.entries(hosts ?? {})
        .filter(
          ([, services]) => services["nova-compute"]?.active === true && services["nova-compute"].available === true,
        )
        .map(([id]) => ({ id, zone: zoneName })),
    );
    return { items, marker: null };
  }

  protected override async _sizes(
    { marker }: { readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<Size>> {
    const page = await flavorPage(this.#client, marker, context);
    return { ...page, items: page.items.map(toSize) };
  }
}

const zonesField = "availabilityZoneInfo";
