import type { CallContext, Caller } from "../../iaas/call.ts";
import { NotFoundError } from "../../iaas/errors.ts";
import { type FloatingIp, FloatingIps } from "../../iaas/floating-ips.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import type { Ec2Client } from "./client.ts";
import { ownedBy } from "./filters.ts";
import { tagged, toFloatingIp } from "./mappers.ts";

/** Elastic IPs. */
export class Ec2FloatingIps extends FloatingIps {
  readonly #client: Ec2Client;

  constructor(caller: Caller, client: Ec2Client) {
    super(caller);
    this.#client = client;
  }

  protected override async _allocate(
    { ownership, pool }: { readonly ownership: Ownership; readonly pool: string | null },
    { signal }: CallContext,
  ): Promise<FloatingIp> {
    const ec2 = await this.#client.connect();
    const TagSpecifications = tagged("elastic-ip", ownership);
    const from = pool === null ? {} : { PublicIpv4Pool: pool };
    const { AllocationId: id = "", PublicIp: address = "" } = await ec2.allocateAddress(
      { Domain: "vpc", TagSpecifications, ...from },
      { abortSignal: signal },
    );
    return { id, address, instanceId: null, ownership };
  }

  /** EC2 gives all addresses at once. */
  protected override async _list(
    { owner }: { readonly owner: string },
    { signal }: CallContext,
  ): Promise<Page<FloatingIp>> {
    const ec2 = await this.#client.connect();
    const { Addresses = [] } = await ec2.describeAddresses({ Filters: ownedBy(owner) }, { abortSignal: signal });
    return { items: Addresses.map(toFloatingIp), marker: null };
  }

  protected override async _get({ address }: { readonly address: string }, context: CallContext): Promise<FloatingIp> {
    const ec2 = await this.#client.connect();
    const { Addresses = [] } = await ec2.describeAddresses({ PublicIps: [address] }, { abortSignal: context.signal });
    const [found] = Addresses;
    if (found === undefined) throw new NotFoundError(`there is no address ${address}`, context);
    return toFloatingIp(found);
  }

  protected override async _associate(
    input: { readonly floatingIp: FloatingIp; readonly instanceId: string; readonly move: boolean },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    const { floatingIp, instanceId, move } = input;
    await ec2.associateAddress(
      { AllocationId: floatingIp.id, InstanceId: instanceId, AllowReassociation: move },
      { abortSignal: signal },
    );
  }

  protected override async _disassociate(
    { floatingIp }: { readonly floatingIp: FloatingIp },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    const { Addresses = [] } = await ec2.describeAddresses({ AllocationIds: [floatingIp.id] }, { abortSignal: signal });
    const AssociationId = Addresses[0]?.AssociationId;
    if (AssociationId !== undefined) await ec2.disassociateAddress({ AssociationId }, { abortSignal: signal });
  }

  protected override async _release(
    { floatingIp }: { readonly floatingIp: FloatingIp },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.releaseAddress({ AllocationId: floatingIp.id }, { abortSignal: signal });
  }
}
