import type { CallContext, Caller } from "../../iaas/call.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { type SecurityGroup, type SecurityGroupRule, SecurityGroups } from "../../iaas/security-groups.ts";
import { pathOf } from "../../transport/paths.ts";
import { OpenStackRefusal } from "./answers.ts";
import type { OpenStackClient } from "./client.ts";
import { markOf, ownershipIn } from "./marks.ts";
import { pageOf } from "./pages.ts";
import { fromRules, type NeutronRule, toRules } from "./rules.ts";

interface NeutronGroup {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly security_group_rules?: readonly NeutronRule[];
}

/** Neutron's security groups: a project's, for all of its networks. */
export class OpenStackSecurityGroups extends SecurityGroups {
  readonly #client: OpenStackClient;

  constructor(caller: Caller, client: OpenStackClient) {
    super(caller);
    this.#client = client;
  }

  protected override async _create(
    input: { readonly name: string; readonly description: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<SecurityGroup> {
    const { name, description, ownership } = input;
    const body = { security_group: { name, description: markOf(ownership, description) } };
    const request = { method: "POST", path: "/security-groups", body } as const;
    const { id } = await this.#client.field<NeutronGroup>("network", request, "security_group", context);
    return { id, name, rules: [], ownership };
  }

  protected override async _list(
    { marker }: { readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<SecurityGroup>> {
    const request = { service: "network", path: "/security-groups", field: "security_groups", marker } as const;
    const page = await pageOf<NeutronGroup>(this.#client, request, ({ id }) => id, context);
    return {
      ...page,
      items: page.items.map(({ id, name, description, security_group_rules = [] }) => ({
        id,
        name,
        rules: toRules(security_group_rules),
        ownership: ownershipIn(description),
      })),
    };
  }

  protected override async _authorize(
    { group, rules }: { readonly group: SecurityGroup; readonly rules: readonly SecurityGroupRule[] },
    context: CallContext,
  ): Promise<void> {
    const wanted = rules.flatMap((rule) => fromRules(group.id, rule));
    try {
      await this.#add({ security_group_rules: wanted }, context);
    } catch (error) {
      if (!isPresent(error)) throw error;
      // Neutron refuses all for one that is there already: then they go one by one.
      for (const rule of wanted) {
        await this.#add({ security_group_rule: rule }, context).catch((single: unknown) => {
          if (!isPresent(single)) throw single;
        });
      }
    }
  }

  protected override async _revoke(
    { group, rules }: { readonly group: SecurityGroup; readonly rules: readonly SecurityGroupRule[] },
    context: CallContext,
  ): Promise<void> {
    const path = pathOf`/security-groups/${group.id}`;
    const found = await this.#client.field<NeutronGroup>("network", { path }, "security_group", context);
    const asked = new Set(rules.map((rule) => JSON.stringify(toRules(fromRules(group.id, rule)))));
    for (const rule of found.security_group_rules ?? []) {
      if (rule.id === undefined || !asked.has(JSON.stringify(toRules([rule])))) continue;
      const request = { method: "DELETE", path: pathOf`/security-group-rules/${rule.id}` } as const;
      await this.#client.request("network", request, context).catch((error: unknown) => {
        if (!(error instanceof OpenStackRefusal && error.status === 404)) throw error;
      });
    }
  }

  protected override async _delete({ group }: { readonly group: SecurityGroup }, context: CallContext): Promise<void> {
    const path = pathOf`/security-groups/${group.id}`;
    await this.#client.request("network", { method: "DELETE", path }, context);
  }

  async #add(body: object, context: CallContext): Promise<void> {
    await this.#client.request("network", { method: "POST", path: "/security-group-rules", body }, context);
  }
}

function isPresent(error: unknown): boolean {
  return error instanceof OpenStackRefusal && error.name === "SecurityGroupRuleExists";
}
