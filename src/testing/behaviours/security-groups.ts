import assert from "node:assert/strict";

import { collect } from "../../iaas/iteration.ts";
import type { SecurityGroup, SecurityGroupRule } from "../../iaas/security-groups.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, refusedField, rejection } from "../expectations.ts";
import { countHook } from "../hook-faults.ts";
import { on } from "../needs.ts";

const web: SecurityGroupRule = { protocol: "tcp", fromPort: 80, toPort: 80, source: { cidr: "0.0.0.0/0" } };
const tls: SecurityGroupRule = { protocol: "tcp", fromPort: 443, toPort: 443, source: { cidr: "10.0.0.0/8" } };
const range: SecurityGroupRule = { protocol: "udp", fromPort: 5000, toPort: 5010, source: { cidr: "192.168.0.0/16" } };

/** Packet filters. */
export const securityGroups: readonly Behaviour[] = [
  {
    id: "security-groups.life",
    name: "a security group is ensured once, its rules come and go, and it is deleted",
    needs: on("securityGroups"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("securityGroups"));
      const { securityGroups: groups } = iaas;
      const name = key("group");
      const group = await groups.ensure({ name, rules: [web] });
      assert.equal((await groups.ensure({ name, rules: [web, tls] })).id, group.id);
      const rulesOf = async (): Promise<unknown> =>
        (await collect(groups.list())).find(({ id }) => id === group.id)?.rules;
      assert.deepEqual(await rulesOf(), [web, tls]);
      await groups.authorize({ id: group.id, rules: [tls] });
      await groups.revoke({ id: group.id, rules: [web] });
      await groups.revoke({ id: group.id, rules: [web] });
      assert.deepEqual(await rulesOf(), [tls]);
      await groups.delete({ id: group.id });
      await groups.delete({ id: group.id });
      assert.deepEqual(await collect(groups.list()), []);
    },
  },
  {
    id: "security-groups.rules",
    name: "rules for a range of ports, for all traffic and for another group are kept as they are",
    needs: on("securityGroups"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("securityGroups"));
      const { securityGroups: groups } = iaas;
      const friends = await groups.ensure({ name: key("friends") });
      const inside: SecurityGroupRule = {
        protocol: "all",
        fromPort: null,
        toPort: null,
        source: { securityGroupId: friends.id },
      };
      const { id } = await groups.ensure({ name: key("group"), rules: [range, inside] });
      const { rules = [] } = (await collect(groups.list())).find((group) => group.id === id) ?? {};
      assert.deepEqual(sorted(rules), sorted([range, inside]));
      await groups.delete({ id });
    },
  },
  {
    id: "security-groups.ports",
    name: "the ports of a launch become a security group, which goes with the instance",
    needs: on("securityGroups"),
    run: async ({ iaas, launch }) => {
      assert.ok(iaas.can("securityGroups"));
      const { id } = await launch({ ports: [{ port: 8080, sources: ["10.0.0.0/8"] }] });
      const [group] = await collect(iaas.securityGroups.list());
      assert.deepEqual(group?.rules, [
        { protocol: "tcp", fromPort: 8080, toPort: 8080, source: { cidr: "10.0.0.0/8" } },
      ]);
      await iaas.terminate(id);
      assert.deepEqual(await collect(iaas.securityGroups.list()), []);
    },
  },
  {
    id: "security-groups.named",
    name: "a launch into a named group makes no other, and terminating leaves the group",
    needs: on("securityGroups"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("securityGroups"));
      const { id, name } = await iaas.securityGroups.ensure({ name: key("group"), rules: [web] });
      const { by } = iaas.capabilities.securityGroups as { readonly by: readonly ("name" | "id")[] };
      const instance = await launch({ securityGroups: [by.includes("id") ? id : name], ports: [{ port: 8080 }] });
      assert.deepEqual(idsOf(await collect(iaas.securityGroups.list())), [id]);
      await iaas.terminate(instance.id);
      assert.deepEqual(idsOf(await collect(iaas.securityGroups.list())), [id]);
    },
  },
  {
    id: "security-groups.foreign",
    name: "a group of another owner is neither listed, nor changed, nor deleted",
    needs: on("securityGroups"),
    run: async ({ iaas, stranger, key }) => {
      assert.ok(iaas.can("securityGroups"));
      const other = await stranger();
      assert.ok(other.can("securityGroups"));
      const { id } = await other.securityGroups.ensure({ name: key("group"), rules: [web] });
      await rejection(iaas.securityGroups.authorize({ id, rules: [tls] }), "IAAS_NOT_FOUND");
      await rejection(iaas.securityGroups.revoke({ id, rules: [web] }), "IAAS_NOT_FOUND");
      await iaas.securityGroups.delete({ id });
      assert.deepEqual(await collect(iaas.securityGroups.list()), []);
      assert.deepEqual((await collect(other.securityGroups.list()))[0]?.rules, [web]);
    },
  },
  {
    id: "security-groups.nothing-new",
    name: "rules that a group has already cost no request to add, and rules that it has not none to take",
    needs: on("securityGroups"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("securityGroups"));
      const { securityGroups: groups } = iaas;
      const { id } = await groups.ensure({ name: key("group"), rules: [web] });
      const [added, taken] = [countHook(groups, "_authorize"), countHook(groups, "_revoke")];
      await groups.authorize({ id, rules: [web] });
      await groups.revoke({ id, rules: [tls] });
      assert.deepEqual([added.calls, taken.calls], [0, 0]);
    },
  },
  {
    id: "security-groups.input",
    name: "a rule that is none is refused before any request",
    needs: on("securityGroups"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("securityGroups"));
      const { securityGroups: groups } = iaas;
      const wrong: readonly (readonly [SecurityGroupRule, string])[] = [
        [{ ...web, protocol: "sctp" as "tcp" }, "protocol"],
        [{ ...web, fromPort: 0 }, "fromPort"],
        [{ ...web, fromPort: 90 }, "toPort"],
        [{ ...web, protocol: "icmp" }, "fromPort"],
        [{ ...web, source: { cidr: "10.0.0.0/33" } }, "source.cidr"],
        [{ ...web, source: { securityGroupId: "" } }, "source.securityGroupId"],
      ];
      for (const [rule, field] of wrong) {
        const ensure = async (): Promise<SecurityGroup> => await groups.ensure({ name: key(), rules: [rule] });
        await refusedField(iaas, ensure, `rules[0].${field}`);
      }
    },
  },
];

function sorted(rules: readonly SecurityGroupRule[]): string[] {
  return rules
    .map(({ protocol, fromPort, toPort, source }) => JSON.stringify([protocol, fromPort, toPort, source]))
    .toSorted();
}
