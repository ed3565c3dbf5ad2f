import type { SecurityGroupRule } from "iaaskit";
import { describe, expect, it } from "vitest";

import { all, answer, create, fixture, part, pass, refused } from "../../support/ec2.ts";

const recorded = fixture("describe-security-groups.xml");
const id = "sg-0a1b2c3d4e5f60001";
const none = answer("DescribeSecurityGroups", { securityGroupInfo: [] });
const vpcs = answer("DescribeVpcs", { vpcSet: [{ vpcId: "vpc-1", isDefault: true }] });
const created = answer("CreateSecurityGroup", { groupId: id, return: true });
const authorized = answer("AuthorizeSecurityGroupIngress", { return: true });
const revoked = answer("RevokeSecurityGroupIngress", { return: true });

const tcp = (port: number, cidr = "0.0.0.0/0"): SecurityGroupRule => ({
  protocol: "tcp",
  fromPort: port,
  toPort: port,
  source: { cidr },
});
const whole = (protocol: "icmp" | "all", source: SecurityGroupRule["source"]): SecurityGroupRule => ({
  protocol,
  fromPort: null,
  toPort: null,
  source,
});

describe("a security group on EC2", () => {
  it("is created in the default VPC, tagged at once", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSecurityGroups", none).on("DescribeVpcs", vpcs).on("CreateSecurityGroup", created);
    expect(await pass(clock, iaas.securityGroups.ensure({ name: "web", description: "for the web" }))).toEqual({
      id,
      name: "web",
      rules: [],
      ownership: { owner: "me", key: "web", generation: 0, fingerprint: null },
    });
    const [form] = api.sent("CreateSecurityGroup");
    expect(form).toMatchObject({
      GroupName: "web",
      GroupDescription: "for the web",
      VpcId: "vpc-1",
      "TagSpecification.1.ResourceType": "security-group",
    });
    expect(Object.values(part(form!, "TagSpecification.1.Tag."))).toEqual(
      expect.arrayContaining(["iaaskit:owner", "me", "iaaskit:key", "web"]),
    );
  });

  it("is created in the VPC of a subnet, or in a VPC", async () => {
    for (const network of ["subnet-1", "vpc-7"]) {
      const { api, clock, iaas } = create();
      api.on("DescribeSecurityGroups", none).on("CreateSecurityGroup", created);
      if (network === "subnet-1") {
        api.on("DescribeSubnets", answer("DescribeSubnets", { subnetSet: [{ subnetId: "subnet-1", vpcId: "vpc-7" }] }));
      }
      await pass(clock, iaas.securityGroups.ensure({ name: "web", network }));
      expect(api.sent("CreateSecurityGroup")).toMatchObject([{ VpcId: "vpc-7" }]);
    }
  });

  it("is read with the rules that this library knows, each source a rule", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSecurityGroups", recorded);
    const range = { protocol: "tcp", fromPort: 80, toPort: 81 } as const;
    expect(await pass(clock, all(iaas.securityGroups.list()))).toEqual([
      {
        id,
        name: "web",
        rules: [
          { ...range, source: { cidr: "0.0.0.0/0" } },
          { ...range, source: { cidr: "10.0.0.0/8" } },
          { ...range, source: { cidr: "::/0" } },
          whole("all", { securityGroupId: "sg-0a1b2c3d4e5f60002" }),
          whole("icmp", { cidr: "10.0.0.0/8" }),
        ],
        ownership: { owner: "me", key: "web", generation: 0, fingerprint: null },
      },
    ]);
  });

  it("gets the rules that it has not, in EC2's form", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSecurityGroups", recorded).on("AuthorizeSecurityGroupIngress", authorized);
    const rules = [
      tcp(443),
      tcp(443, "2001:db8::/32"),
      whole("icmp", { cidr: "10.0.0.0/8" }),
      whole("icmp", { cidr: "::/0" }),
      whole("all", { securityGroupId: "sg-9" }),
    ];
    await pass(clock, iaas.securityGroups.authorize({ id, rules }));
    const [form] = api.sent("AuthorizeSecurityGroupIngress");
    expect(form).toMatchObject({ GroupId: id });
    expect(part(form!, "IpPermissions.")).toEqual({
      "IpPermissions.1.IpProtocol": "tcp",
      "IpPermissions.1.FromPort": "443",
      "IpPermissions.1.ToPort": "443",
      "IpPermissions.1.IpRanges.1.CidrIp": "0.0.0.0/0",
      "IpPermissions.2.IpProtocol": "tcp",
      "IpPermissions.2.FromPort": "443",
      "IpPermissions.2.ToPort": "443",
      "IpPermissions.2.Ipv6Ranges.1.CidrIpv6": "2001:db8::/32",
      "IpPermissions.3.IpProtocol": "icmpv6",
      "IpPermissions.3.FromPort": "-1",
      "IpPermissions.3.ToPort": "-1",
      "IpPermissions.3.Ipv6Ranges.1.CidrIpv6": "::/0",
      "IpPermissions.4.IpProtocol": "-1",
      "IpPermissions.4.Groups.1.GroupId": "sg-9",
    });
  });

  it("gets its rules one by one when EC2 refuses them all for one that is there", async () => {
    const { api, clock, iaas } = create();
    const duplicate = refused("InvalidPermission.Duplicate", 400, "the specified rule already exists");
    api
      .on("DescribeSecurityGroups", recorded)
      .on("AuthorizeSecurityGroupIngress", duplicate, authorized, duplicate, authorized);
    await pass(clock, iaas.securityGroups.authorize({ id, rules: [tcp(1), tcp(2), tcp(3)] }));
    const ports = api
      .sent("AuthorizeSecurityGroupIngress")
      .map((form) => [1, 2, 3].flatMap((index) => form[`IpPermissions.${index}.FromPort`] ?? []));
    expect(ports).toEqual([["1", "2", "3"], ["1"], ["2"], ["3"]]);
  });

  it("has the rule already when EC2 refuses the only one", async () => {
    const { api, clock, iaas } = create();
    api
      .on("DescribeSecurityGroups", recorded)
      .on("AuthorizeSecurityGroupIngress", refused("InvalidPermission.Duplicate"));
    await pass(clock, iaas.securityGroups.authorize({ id, rules: [tcp(1)] }));
    expect(api.sent("AuthorizeSecurityGroupIngress")).toHaveLength(1);
  });

  it("tells what else is wrong with one of the rules", async () => {
    const { api, clock, iaas } = create();
    const [duplicate, tooMany] = [
      refused("InvalidPermission.Duplicate"),
      refused("RulesPerSecurityGroupLimitExceeded"),
    ];
    api.on("DescribeSecurityGroups", recorded).on("AuthorizeSecurityGroupIngress", duplicate, duplicate, tooMany);
    await expect(pass(clock, iaas.securityGroups.authorize({ id, rules: [tcp(1), tcp(2)] }))).rejects.toMatchObject({
      code: "IAAS_QUOTA_EXCEEDED",
    });
  });

  it("loses the rules that it has, and asks for nothing when it has none of them", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSecurityGroups", recorded).on("RevokeSecurityGroupIngress", revoked);
    await pass(clock, iaas.securityGroups.revoke({ id, rules: [tcp(9), whole("icmp", { cidr: "10.0.0.0/8" })] }));
    await pass(clock, iaas.securityGroups.revoke({ id, rules: [tcp(9)] }));
    const sent = api.sent("RevokeSecurityGroupIngress");
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ GroupId: id, "IpPermissions.1.IpProtocol": "icmp" });
    expect(sent[0]).not.toHaveProperty("IpPermissions.2.IpProtocol");
  });

  it("loses its rules one by one when one has gone meanwhile", async () => {
    const { api, clock, iaas } = create();
    const missing = refused("InvalidPermission.NotFound");
    api.on("DescribeSecurityGroups", recorded).on("RevokeSecurityGroupIngress", missing, missing, revoked);
    const rules = [whole("icmp", { cidr: "10.0.0.0/8" }), whole("all", { securityGroupId: "sg-0a1b2c3d4e5f60002" })];
    await pass(clock, iaas.securityGroups.revoke({ id, rules }));
    expect(api.sent("RevokeSecurityGroupIngress")).toHaveLength(3);
  });

  it("of a name that somebody else's group has is a conflict", async () => {
    const { api, clock, iaas } = create();
    api
      .on("DescribeSecurityGroups", none)
      .on("DescribeVpcs", vpcs)
      .on("CreateSecurityGroup", refused("InvalidGroup.Duplicate"));
    await expect(pass(clock, iaas.securityGroups.ensure({ name: "web" }))).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "name-taken",
    });
  });

  it("is not deleted while something uses it", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSecurityGroups", recorded).on("DeleteSecurityGroup", refused("DependencyViolation"));
    await expect(pass(clock, iaas.securityGroups.delete({ id }))).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "in-use",
      retry: "later",
    });
  });

  it("is deleted, also when it has gone meanwhile", async () => {
    const { api, clock, iaas } = create();
    api
      .on("DescribeSecurityGroups", recorded)
      .on("DeleteSecurityGroup", answer("DeleteSecurityGroup", { return: true }), refused("InvalidGroup.NotFound"));
    await pass(clock, iaas.securityGroups.delete({ id }));
    await pass(clock, iaas.securityGroups.delete({ id }));
    expect(api.sent("DeleteSecurityGroup")).toMatchObject([{ GroupId: id }, { GroupId: id }]);
  });
});
