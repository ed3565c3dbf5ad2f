import type { SecurityGroupRule } from "../../iaas/security-groups.ts";

/** A rule of a security group in an answer of Neutron's. */
export interface NeutronRule {
  readonly id?: string;
  readonly security_group_id?: string;
  readonly direction: string;
  readonly ethertype: string;
  /** `null`: all. */
  readonly protocol: string | null;
  readonly port_range_min: number | null;
  readonly port_range_max: number | null;
  readonly remote_ip_prefix: string | null;
  readonly remote_group_id: string | null;
}

const protocols: Readonly<Record<string, SecurityGroupRule["protocol"]>> = {
  tcp: "tcp",
  "6": "tcp",
  udp: "udp",
  "17": "udp",
  icmp: "icmp",
  "1": "icmp",
  icmpv6: "icmp",
  "ipv6-icmp": "icmp",
  "58": "icmp",
};

/** The rules that let in, by port, each once. A rule of a protocol that this library has no word for is left out. */
export function toRules(rules: readonly NeutronRule[]): SecurityGroupRule[] {
  const all = rules.flatMap((rule): SecurityGroupRule[] => {
    const protocol = rule.protocol === null ? "all" : protocols[rule.protocol];
    if (rule.direction !== "ingress" || protocol === undefined) return [];
    const hasPorts = protocol === "tcp" || protocol === "udp";
    const everybody = rule.ethertype === "IPv6" ? "::/0" : "0.0.0.0/0";
    const { remote_group_id: group, remote_ip_prefix: cidr } = rule;
    return [
      {
        protocol,
        fromPort: hasPorts ? (rule.port_range_min ?? 1) : null,
        toPort: hasPorts ? (rule.port_range_max ?? 65_535) : null,
        source: group === null ? { cidr: cidr ?? everybody } : { securityGroupId: group },
      },
    ];
  });
  const unique = new Map(all.map((rule) => [JSON.stringify(rule), rule]));
  return [...unique.entries()]
    .toSorted(([a, one], [b, other]) => (one.fromPort ?? 0) - (other.fromPort ?? 0) || (a < b ? -1 : 1))
    .map(([, rule]) => rule);
}

/** Neutron's form of a rule: one for each version of IP. Members of another group are let in by both. */
export function fromRules(groupId: string, { protocol, fromPort, toPort, source }: SecurityGroupRule): NeutronRule[] {
  const cidr = "cidr" in source ? source.cidr : null;
  const versions = cidr === null ? ["IPv4", "IPv6"] : [cidr.includes(":") ? "IPv6" : "IPv4"];
  return versions.map((ethertype) => ({
    security_group_id: groupId,
    direction: "ingress",
    ethertype,
    protocol: protocol === "all" ? null : protocol === "icmp" && ethertype === "IPv6" ? "ipv6-icmp" : protocol,
    port_range_min: fromPort,
    port_range_max: toPort,
    remote_ip_prefix: cidr,
    remote_group_id: "cidr" in source ? null : source.securityGroupId,
  }));
}
