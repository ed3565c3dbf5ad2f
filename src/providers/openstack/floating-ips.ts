import { isIPv4 } from "node:net";

import type { CallContext, Caller } from "../../iaas/call.ts";
import type { Clock } from "../../iaas/clock.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../../iaas/errors.ts";
import { type FloatingIp, FloatingIps } from "../../iaas/floating-ips.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { pathOf } from "../../transport/paths.ts";
import { OpenStackRefusal } from "./answers.ts";
import type { OpenStackClient } from "./client.ts";
import { type NovaServer, toInstance } from "./mappers.ts";
import { markOf, ownershipIn } from "./marks.ts";
import type { Network } from "./network.ts";
import { pageOf } from "./pages.ts";

interface NeutronFloatingIp {
  readonly id: string;
  readonly floating_ip_address: string;
  readonly port_id?: string | null;
  readonly port_details?: { readonly device_id?: string } | null;
  readonly description?: string;
  readonly revision_number?: number;
}

/** An address of an instance, and the port that has it. */
interface Place {
  readonly port_id: string;
  readonly fixed_ip_address: string;
}

/** The least time after which it is looked who has an address that several may have claimed. */
const leastSettleMs = 1_000;
/** How often, and for how long in all, Nova is asked whether it shows a new address. */
const lookEveryMs = 1_000;
const looksAtMost = 10;

/** Neutron's floating IPs. */
export class OpenStackFloatingIps extends FloatingIps {
  readonly #client: OpenStackClient;
  readonly #network: Network;
  readonly #clock: Clock;

  constructor(caller: Caller, client: OpenStackClient, network: Network) {
    super(caller);
    this.#clock = caller.clock;
    this.#client = client;
    this.#network = network;
  }

  protected override async _allocate(
    { ownership, pool }: { readonly ownership: Ownership; readonly pool: string | null },
    context: CallContext,
  ): Promise<FloatingIp> {
    const floating_network_id = await this.#network.externalId(pool, context);
    const body = { floatingip: { floating_network_id, description: markOf(ownership) } };
    const request = { method: "POST", path: "/floatingips", body } as const;
    const { id, floating_ip_address: address } = await this.#client.field<NeutronFloatingIp>(
      "network",
      request,
      "floatingip",
      context,
    );
    return { id, address, instanceId: null, ownership };
  }

  protected override async _list(
    { marker }: { readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<FloatingIp>> {
    const request = { service: "network", path: "/floatingips", field: "floatingips", marker } as const;
    const page = await pageOf<NeutronFloatingIp>(this.#client, request, ({ id }) => id, context);
    return { ...page, items: await this.#mapped(page.items, context) };
  }

  protected override async _get({ address }: { readonly address: string }, context: CallContext): Promise<FloatingIp> {
    const request = { path: "/floatingips", query: { floating_ip_address: address } };
    const found = await this.#client.field<NeutronFloatingIp[]>("network", request, "floatingips", context);
    const [floatingIp] = await this.#mapped(found, context);
    if (floatingIp === undefined) throw new NotFoundError(`there is no address ${address}`, context);
    return floatingIp;
  }

  /**
   * To the first of the instance's addresses that a router connects with the address' network. Neutron would move an
   * address that is in use; without `move` it is told what we have seen, and refuses when that is no longer so. It
   * checks that before it writes, and not in one step: of requests at the same time the last one has the address.
   */
  protected override async _associate(
    input: { readonly floatingIp: FloatingIp; readonly instanceId: string; readonly move: boolean },
    context: CallContext,
  ): Promise<void> {
    const { floatingIp, instanceId, move } = input;
    const path = pathOf`/floatingips/${floatingIp.id}`;
    const seen = await this.#client.field<NeutronFloatingIp>("network", { path }, "floatingip", context);
    const isFree = seen.port_id === null || seen.port_id === undefined;
    if (!isFree && !move) throw new ConflictError("in-use", `${floatingIp.address} leads elsewhere`, context);
    const headers = move ? {} : { "If-Match": `revision_number=${seen.revision_number ?? 0}` };
    let refusal: unknown;
    for (const place of await this.#placesOf(instanceId, context)) {
      const request = { method: "PUT", path, headers, body: { floatingip: place } } as const;
      try {
        const began = this.#clock.now();
        await this.#client.request("network", request, context);
        if (!move) await this.#verify(floatingIp, place.port_id, this.#clock.now() - began, context);
        await this.#shown(floatingIp.address, instanceId, context);
        return;
      } catch (error) {
        if (!isUnconnected(error)) throw error;
        refusal ??= error;
      }
    }
    throw refusal;
  }

  protected override async _disassociate(
    { floatingIp }: { readonly floatingIp: FloatingIp },
    context: CallContext,
  ): Promise<void> {
    const path = pathOf`/floatingips/${floatingIp.id}`;
    await this.#client.request("network", { method: "PUT", path, body: { floatingip: { port_id: null } } }, context);
  }

  protected override async _release(
    { floatingIp }: { readonly floatingIp: FloatingIp },
    context: CallContext,
  ): Promise<void> {
    const path = pathOf`/floatingips/${floatingIp.id}`;
    await this.#client.request("network", { method: "DELETE", path }, context);
  }

  /** Looks who has the address once all have written who saw it free: they take about as long as this one took. */
  async #verify({ id, address }: FloatingIp, portId: string, tookMs: number, context: CallContext): Promise<void> {
    await this.#clock.sleep(Math.max(leastSettleMs, 2 * tookMs), context.signal);
    const path = pathOf`/floatingips/${id}`;
    const { port_id: now } = await this.#client.field<NeutronFloatingIp>("network", { path }, "floatingip", context);
    if (now !== portId) throw new ConflictError("in-use", `${address} was led elsewhere at the same time`, context);
  }

  /** Neutron tells Nova of it, which shows it a moment later; one that was not told finds out within a minute. */
  async #shown(address: string, instanceId: string, context: CallContext): Promise<void> {
    const request = { path: pathOf`/servers/${instanceId}` };
    for (let look = 0; look < looksAtMost; look += 1) {
      const server = await this.#client.field<NovaServer>("compute", request, "server", context);
      if (toInstance(server, null).addresses.public.includes(address)) return;
      await this.#clock.sleep(lookEveryMs, context.signal);
    }
  }

  /** The IPv4 addresses of the instance, each with its port. */
  async #placesOf(instanceId: string, context: CallContext): Promise<Place[]> {
    const ports = await this.#network.portsOf(instanceId, context);
    const places = ports.flatMap(({ id, fixed_ips = [] }) =>
      fixed_ips
        .map(({ ip_address }) => ip_address)
        .filter((address) => isIPv4(address))
        .map((address) => ({ port_id: id, fixed_ip_address: address })),
    );
    if (places.length > 0) return places;
    const server = await this.#client.field<{ readonly status?: string }>(
      "compute",
      { path: pathOf`/servers/${instanceId}` },
      "server",
      context,
    );
    if (server.status === "BUILD") throw new ConflictError("wrong-state", `${instanceId} has no port yet`, context);
    throw new InvalidInputError("instanceId", `is ${instanceId}, which has no IPv4 address in any network`, context);
  }

  /** An address tells its port; older clouds do not tell the port's instance with it. */
  async #mapped(found: readonly NeutronFloatingIp[], context: CallContext): Promise<FloatingIp[]> {
    const untold = found.flatMap(({ port_id, port_details }) =>
      typeof port_id === "string" && port_details === undefined ? [port_id] : [],
    );
    const instances = await this.#network.instancesOf(untold, context);
    return found.map(({ id, floating_ip_address: address, port_id, port_details, description }) => {
      const instanceId = port_details?.device_id ?? instances.get(port_id ?? "") ?? "";
      const leadsTo = typeof port_id === "string" && instanceId === "" ? port_id : instanceId;
      return { id, address, instanceId: leadsTo === "" ? null : leadsTo, ownership: ownershipIn(description) };
    });
  }
}

/** No router leads from the port to the address' network. */
function isUnconnected(error: unknown): boolean {
  return error instanceof OpenStackRefusal && error.name === "ExternalGatewayForFloatingIPNotFound";
}
