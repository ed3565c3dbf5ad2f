import { InvalidInputError } from "../../iaas/errors.ts";
import type { CallContext } from "../../iaas/call.ts";
import type { Ec2Client } from "./client.ts";

/** The VPC of a subnet or VPC id; without one, the account's default VPC. */
export async function vpcOf(client: Ec2Client, network: string | null, context: CallContext): Promise<string> {
  const ec2 = await client.connect();
  const options = { abortSignal: context.signal };
  if (network === null) {
    const { Vpcs = [] } = await ec2.describeVpcs({ Filters: [{ Name: "is-default", Values: ["true"] }] }, options);
    const id = Vpcs[0]?.VpcId;
    if (id === undefined)
      throw new InvalidInputError("networks", "is missing: the account has no default VPC", context);
    return id;
  }
  if (network.startsWith("vpc-")) return network;
  const { Subnets = [] } = await ec2.describeSubnets({ SubnetIds: [network] }, options);
  return Subnets[0]?.VpcId ?? network;
}

/** Ids of security groups that are named by name or by id. @throws InvalidInputError for a name that is not there. */
export async function groupIdsOf(
  client: Ec2Client,
  groups: readonly string[],
  network: string | null,
  context: CallContext,
): Promise<string[]> {
  const names = groups.filter((group) => !group.startsWith("sg-"));
  if (names.length === 0) return [...groups];
  const ec2 = await client.connect();
  const Filters = [
    { Name: "group-name", Values: names },
    { Name: "vpc-id", Values: [await vpcOf(client, network, context)] },
  ];
  const { SecurityGroups = [] } = await ec2.describeSecurityGroups({ Filters }, { abortSignal: context.signal });
  const ids = new Map(SecurityGroups.map(({ GroupName = "", GroupId = "" }) => [GroupName, GroupId]));
  return groups.map((group) => {
    const id = group.startsWith("sg-") ? group : ids.get(group);
    if (id !== undefined) return id;
    throw new InvalidInputError(
      "securityGroups",
      `names ${JSON.stringify(group)}, which this network does not have`,
      context,
    );
  });
}
