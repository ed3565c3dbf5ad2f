import type { IpPermission } from "@aws-sdk/client-ec2";

import type { CallContext, Caller } from "../../iaas/call.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { type SecurityGroup, type SecurityGroupRule, SecurityGroups } from "../../iaas/security-groups.ts";
import type { Ec2Client } from "./client.ts";
import { hasName } from "./errors.ts";
import { ownedBy, pageOf } from "./filters.ts";
import { tagged, toPermission, toSecurityGroup } from "./mappers.ts";
import { vpcOf } from "./networks.ts";

/** Security groups of a VPC. */
export class Ec2SecurityGroups extends SecurityGroups {
  readonly #client: Ec2Client;

  constructor(caller: Caller, client: Ec2Client) {
    super(caller);
    this.#client = client;
  }

  protected override async _create(
    input: {
      readonly name: string;
      readonly description: string;
      readonly network: string | null;
      readonly ownership: Ownership;
    },
    context: CallContext,
  ): Promise<SecurityGroup> {
    const ec2 = await this.#client.connect();
    const { name, description, network, ownership } = input;
    const { GroupId: id = "" } = await ec2.createSecurityGroup(
      {
        GroupName: name,
        Description: description,
        VpcId: await vpcOf(this.#client, network, context),
        TagSpecifications: tagged("security-group", ownership),
      },
      { abortSignal: context.signal },
    );
    return { id, name, rules: [], ownership };
  }

  protected override async _list(
    { owner, marker }: { readonly owner: string; readonly marker: string | null },
    { signal }: CallContext,
  ): Promise<Page<SecurityGroup>> {
    const ec2 = await this.#client.connect();
    const { SecurityGroups: groups = [], NextToken } = await ec2.describeSecurityGroups(
      { Filters: ownedBy(owner), ...pageOf(marker) },
      { abortSignal: signal },
    );
    return { items: groups.map(toSecurityGroup), marker: NextToken ?? null };
  }

  protected override async _authorize(
    { group, rules }: { readonly group: SecurityGroup; readonly rules: readonly SecurityGroupRule[] },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    await eachOrAll(rules, "InvalidPermission.Duplicate", async (IpPermissions) => {
      await ec2.authorizeSecurityGroupIngress({ GroupId: group.id, IpPermissions }, { abortSignal: signal });
    });
  }

  protected override async _revoke(
    { group, rules }: { readonly group: SecurityGroup; readonly rules: readonly SecurityGroupRule[] },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    await eachOrAll(rules, "InvalidPermission.NotFound", async (IpPermissions) => {
      await ec2.revokeSecurityGroupIngress({ GroupId: group.id, IpPermissions }, { abortSignal: signal });
    });
  }

  protected override async _delete(
    { group }: { readonly group: SecurityGroup },
    { signal }: CallContext,
  ): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.deleteSecurityGroup({ GroupId: group.id }, { abortSignal: signal });
  }
}

/** EC2 refuses a whole request for one rule that is as it shall be already: then they go one by one. */
async function eachOrAll(
  rules: readonly SecurityGroupRule[],
  alreadySo: string,
  send: (permissions: IpPermission[]) => Promise<void>,
): Promise<void> {
  const permissions = rules.map(toPermission);
  try {
    await send(permissions);
  } catch (error) {
    if (!hasName(error, alreadySo)) throw error;
    if (permissions.length === 1) return;
    for (const permission of permissions) {
      await send([permission]).catch((single: unknown) => {
        if (!hasName(single, alreadySo)) throw single;
      });
    }
  }
}
