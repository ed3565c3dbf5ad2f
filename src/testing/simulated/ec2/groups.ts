import type { GroupResource, Rule } from "../model/resources.ts";
import { chosen, type Ec2Request, filtered, paged, tagsFor, tagSet } from "./listing.ts";
import type { Query } from "./query.ts";

export function createSecurityGroup(request: Ec2Request): object {
  const { query, model } = request;
  const description = query.required("GroupDescription");
  const { id } = model.groups.create(query.required("GroupName"), description, tagsFor("security-group", request));
  return { return: true, groupId: id };
}

export function describeSecurityGroups(request: Ec2Request): object {
  const { query, model, account } = request;
  const ids = query.texts("GroupId");
  const found = filtered(
    chosen(ids, model.groups.all(), (id) => model.groups.get(id)),
    request,
    {
      "group-id": ({ id }) => [id],
      "group-name": ({ name }) => [name],
      "vpc-id": ({ networkId }) => [networkId],
      description: ({ description }) => [description],
    },
  );
  const { items, nextToken } = paged(found, request, { idsGiven: ids.length > 0 });
  return { securityGroupInfo: { item: items.map((group) => described(group, account)) }, nextToken };
}

export function authorizeIngress({ query, model }: Ec2Request): object {
  model.groups.authorize(query.required("GroupId"), rulesOf(query));
  return { return: true };
}

export function revokeIngress({ query, model }: Ec2Request): object {
  model.groups.revoke(query.required("GroupId"), rulesOf(query));
  return { return: true };
}

export function deleteSecurityGroup({ query, model }: Ec2Request): object {
  model.groups.delete(query.required("GroupId"));
  return { return: true };
}

export function describeVpcs(request: Ec2Request): object {
  const { groups } = request.model;
  const vpcs = filtered([{ id: groups.networkId }], request, {
    "is-default": () => ["true"],
    "vpc-id": ({ id }) => [id],
  });
  const item = vpcs.map(({ id }) => ({ vpcId: id, state: "available", cidrBlock: "172.31.0.0/16", isDefault: true }));
  return { vpcSet: { item } };
}

export function describeSubnets(request: Ec2Request): object {
  const { groups, settings } = request.model;
  const [zone = ""] = settings.offer.zones;
  const subnets = filtered([{ id: groups.subnetId }], request, {
    "subnet-id": ({ id }) => [id],
    "vpc-id": () => [groups.networkId],
    "availability-zone": () => [zone],
  });
  const item = subnets.map(({ id }) => ({
    subnetId: id,
    vpcId: groups.networkId,
    state: "available",
    cidrBlock: "172.31.0.0/16",
    availableIpAddressCount: 65_000,
    availabilityZone: zone,
    defaultForAz: true,
  }));
  return { subnetSet: { item } };
}

/** Every source of every range is a rule. */
function rulesOf(query: Query): Rule[] {
  return query.parts("IpPermissions").flatMap((permission) => {
    const range = {
      protocol: permission.required("IpProtocol"),
      fromPort: permission.integer("FromPort"),
      toPort: permission.integer("ToPort"),
    };
    const sources = [
      ...permission.parts("IpRanges").map((one) => one.required("CidrIp")),
      ...permission.parts("Ipv6Ranges").map((one) => one.required("CidrIpv6")),
      ...permission.parts("Groups").map((one) => one.required("GroupId")),
    ];
    return sources.map((source) => ({ ...range, source }));
  });
}

function described({ id, name, description, networkId, rules, tags }: GroupResource, account: string): object {
  return {
    ownerId: account,
    groupId: id,
    groupName: name,
    groupDescription: description,
    vpcId: networkId,
    ipPermissions: { item: [...rules.values()].map((rule) => permission(rule, account)) },
    ipPermissionsEgress: {},
    tagSet: tagSet(tags),
  };
}

function permission({ protocol, fromPort, toPort, source }: Rule, account: string): object {
  return {
    ipProtocol: protocol,
    ...(fromPort === null ? {} : { fromPort }),
    ...(toPort === null ? {} : { toPort }),
    groups: { item: source.startsWith("sg-") ? [{ userId: account, groupId: source }] : [] },
    ipRanges: { item: source.includes(".") ? [{ cidrIp: source }] : [] },
    ipv6Ranges: { item: source.includes(":") ? [{ cidrIpv6: source }] : [] },
  };
}
