import type { CallContext, Caller } from "../../iaas/call.ts";
import { Catalog, type Host, type Region, type Size, type Zone } from "../../iaas/catalog.ts";
import type { Page } from "../../iaas/model.ts";
import type { Ec2Client } from "./client.ts";
import { pageOf } from "./filters.ts";
import { toSize } from "./mappers.ts";

type PageInput = { readonly marker: string | null };

/** Regions, zones, dedicated hosts and instance types. */
export class Ec2Catalog extends Catalog {
  readonly #client: Ec2Client;

  constructor(caller: Caller, client: Ec2Client) {
    super(caller);
    this.#client = client;
  }

  /** The regions that the account has enabled. */
  protected override async _regions(_input: PageInput, { signal }: CallContext): Promise<Page<Region>> {
    const ec2 = await this.#client.connect();
    const { Regions = [] } = await ec2.describeRegions({}, { abortSignal: signal });
    return { items: Regions.map(({ RegionName = "" }) => ({ id: RegionName })), marker: null };
  }

  protected override async _zones(_input: PageInput, { signal }: CallContext): Promise<Page<Zone>> {
    const ec2 = await this.#client.connect();
    const { AvailabilityZones = [] } = await ec2.describeAvailabilityZones({}, { abortSignal: signal });
    const usable = AvailabilityZones.filter(({ State }) => State === "available");
    return {
      items: usable.map(({ ZoneName = "", RegionName = "" }) => ({ id: ZoneName, region: RegionName })),
      marker: null,
    };
  }

  protected override async _hosts({ marker }: PageInput, { signal }: CallContext): Promise<Page<Host>> {
    const ec2 = await this.#client.connect();
    const { Hosts = [], NextToken } = await ec2.describeHosts(pageOf(marker, 500), { abortSignal: signal });
    const usable = Hosts.filter(({ State }) => State === "available");
    const items = usable.map(({ HostId = "", AvailabilityZone = "" }) => ({ id: HostId, zone: AvailabilityZone }));
    return { items, marker: NextToken ?? null };
  }

  /** Virtual machines of the current generation: bare metal takes minutes longer to start and costs far more. */
  protected override async _sizes({ marker }: PageInput, { signal }: CallContext): Promise<Page<Size>> {
    const ec2 = await this.#client.connect();
    const Filters = [
      { Name: "current-generation", Values: ["true"] },
      { Name: "bare-metal", Values: ["false"] },
    ];
    const { InstanceTypes = [], NextToken } = await ec2.describeInstanceTypes(
      { Filters, ...pageOf(marker, 100) },
      { abortSignal: signal },
    );
    return { items: InstanceTypes.map(toSize), marker: NextToken ?? null };
  }
}
