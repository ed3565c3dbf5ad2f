import type { CallContext } from "../../iaas/call.ts";
import type { Clock } from "../../iaas/clock.ts";
import { InvalidInputError } from "../../iaas/errors.ts";
import { Remembered } from "../../iaas/remembered.ts";
import type { OpenStackClient } from "./client.ts";

/** A port in an answer of Neutron's. */
export interface NeutronPort {
  readonly id: string;
  readonly device_id?: string;
  readonly fixed_ips?: readonly { readonly ip_address: string }[];
}

interface NeutronNetwork {
  readonly id: string;
  readonly name?: string;
}

/** What of Neutron changes seldom: what it can do, and its external networks. Asked for once in a while only. */
export class Network {
  readonly #client: OpenStackClient;
  readonly #external: Remembered<readonly NeutronNetwork[]>;
  /** Name or id of the network that floating IPs come from where no pool is named. */
  readonly #usual: string | undefined;

  constructor(client: OpenStackClient, clock: Clock, usual: string | undefined) {
    this.#client = client;
    this.#external = new Remembered(clock);
    this.#usual = usual;
  }

  /** The aliases of the extensions that this installation has, as `router`; none where it has no Neutron. */
  async extensions(context: CallContext): Promise<ReadonlySet<string>> {
    if (!(await this.#client.has("network", context))) return new Set();
    const request = { path: "/extensions" };
    const all = await this.#client.field<{ readonly alias: string }[]>("network", request, "extensions", context);
    return new Set(all.map(({ alias }) => alias));
  }

  /** Id of the external network of that name or id; without one, of the usual or the only one. */
  async externalId(pool: string | null, context: CallContext): Promise<string> {
    const all = await this.#external.get("external", async () => {
      const request = { path: "/networks", query: { "router:external": "true", fields: ["id", "name"] } };
      return await this.#client.field<NeutronNetwork[]>("network", request, "networks", context);
    });
    const wanted = pool ?? this.#usual ?? null;
    const names = all.map(({ id, name = id }) => name).join(", ") || "none";
    const refuse = (rule: string): never => {
      throw new InvalidInputError(pool === null ? "floatingNetwork" : "pool", `${rule}; there are: ${names}`, context);
    };
    const matching = wanted === null ? all : all.filter(({ id, name }) => id === wanted || name === wanted);
    const [only, ...others] = matching;
    if (only === undefined) return refuse(`is ${wanted ?? "missing"}, there is no such external network`);
    if (others.length > 0) return refuse("is missing, and there are several external networks of that name or at all");
    return only.id;
  }

  /** The ports of an instance. */
  async portsOf(instanceId: string, context: CallContext): Promise<readonly NeutronPort[]> {
    const query = { device_id: instanceId, fields: ["id", "fixed_ips"] };
    return await this.#client.field<NeutronPort[]>("network", { path: "/ports", query }, "ports", context);
  }

  /** By a port's id, the instance that it belongs to. */
  async instancesOf(portIds: readonly string[], context: CallContext): Promise<ReadonlyMap<string, string>> {
    if (portIds.length === 0) return new Map();
    const query = { id: portIds, fields: ["id", "device_id"] };
    const ports = await this.#client.field<NeutronPort[]>("network", { path: "/ports", query }, "ports", context);
    return new Map(ports.map(({ id, device_id = "" }) => [id, device_id]));
  }
}
