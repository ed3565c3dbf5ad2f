import type { AddressResource } from "../model/resources.ts";
import { chosen, type Ec2Request, filtered, tagsFor, tagSet } from "./listing.ts";
import { Ec2Refusal } from "./refusals.ts";

export function allocateAddress(request: Ec2Request): object {
  const { id, address } = request.model.addresses.allocate(tagsFor("elastic-ip", request));
  return { publicIp: address, domain: "vpc", allocationId: id };
}

export function describeAddresses(request: Ec2Request): object {
  const { query, model } = request;
  const all = model.addresses.all();
  const byAddress = query.texts("PublicIp").map((address) => {
    const found = all.find((one) => one.address === address);
    if (found === undefined) throw new Ec2Refusal("InvalidAddress.NotFound", `Address '${address}' not found.`);
    return found;
  });
  const named = byAddress.length > 0 ? byAddress : all;
  const found = filtered(
    chosen(query.texts("AllocationId"), named, (id) => model.addresses.get(id)),
    request,
    {
      "allocation-id": ({ id }) => [id],
      "public-ip": ({ address }) => [address],
      "instance-id": ({ association }) => [association?.instanceId ?? null],
      "association-id": ({ association }) => [association?.id ?? null],
      domain: () => ["vpc"],
    },
  );
  return { addressesSet: { item: found.map(described) } };
}

export function associateAddress({ query, model }: Ec2Request): object {
  const id = query.required("AllocationId");
  const move = query.text("AllowReassociation") !== "false";
  const { association } = model.addresses.associate(id, query.required("InstanceId"), move);
  return { return: true, associationId: association?.id };
}

export function disassociateAddress({ query, model }: Ec2Request): object {
  model.addresses.disassociate(query.required("AssociationId"));
  return { return: true };
}

export function releaseAddress({ query, model }: Ec2Request): object {
  model.addresses.release(query.required("AllocationId"));
  return { return: true };
}

function described({ id, address, association, tags }: AddressResource): object {
  return {
    publicIp: address,
    allocationId: id,
    domain: "vpc",
    ...(association === null ? {} : { instanceId: association.instanceId, associationId: association.id }),
    tagSet: tagSet(tags),
  };
}
