import { describe, expect, it } from "vitest";

import { answer, create, launched, launchOptions, launchRequest, part, pass } from "../../support/ec2.ts";

describe("networks of a launch", () => {
  const group = { groupId: "sg-11", groupName: "web" };
  const subnets = answer("DescribeSubnets", { subnetSet: [{ subnetId: "subnet-1", vpcId: "vpc-2" }] });
  const vpcs = answer("DescribeVpcs", { vpcSet: [{ vpcId: "vpc-1", isDefault: true }] });
  const groups = answer("DescribeSecurityGroups", { securityGroupInfo: [group] });

  it("have one subnet and groups on the instance itself", async () => {
    const form = await launchRequest({ networks: [{ id: "subnet-1" }], securityGroups: ["sg-1", "sg-2"] });
    expect(form).toMatchObject({ SubnetId: "subnet-1", "SecurityGroupId.1": "sg-1", "SecurityGroupId.2": "sg-2" });
    expect(part(form, "NetworkInterface.")).toEqual({});
  });

  it("have a fixed address, and several subnets, as interfaces", async () => {
    const networks = [{ id: "subnet-1", fixedIp: "10.0.0.9" }, { id: "subnet-2" }];
    const form = await launchRequest({ networks, securityGroups: ["sg-1"] });
    expect(part(form, "NetworkInterface.")).toEqual({
      "NetworkInterface.1.DeviceIndex": "0",
      "NetworkInterface.1.DeleteOnTermination": "true",
      "NetworkInterface.1.SubnetId": "subnet-1",
      "NetworkInterface.1.PrivateIpAddress": "10.0.0.9",
      "NetworkInterface.1.SecurityGroupId.1": "sg-1",
      "NetworkInterface.2.DeviceIndex": "1",
      "NetworkInterface.2.DeleteOnTermination": "true",
      "NetworkInterface.2.SubnetId": "subnet-2",
      "NetworkInterface.2.SecurityGroupId.1": "sg-1",
    });
    expect(form).not.toHaveProperty("SubnetId");
    expect(part(form, "SecurityGroupId.")).toEqual({});
  });

  it("have a public address or none as an interface", async () => {
    const form = await launchRequest({ providerOptions: { ec2: { associatePublicIpAddress: false } } });
    expect(part(form, "NetworkInterface.")).toEqual({
      "NetworkInterface.1.DeviceIndex": "0",
      "NetworkInterface.1.DeleteOnTermination": "true",
      "NetworkInterface.1.AssociatePublicIpAddress": "false",
    });
  });

  it("have groups by name, looked up in the subnet's VPC", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("DescribeSubnets", subnets).on("DescribeSecurityGroups", groups).on("RunInstances", launched);
    await pass(
      clock,
      iaas.launch({ ...launchOptions, networks: [{ id: "subnet-1" }], securityGroups: ["sg-9", "web"] }),
    );
    expect(api.sent("DescribeSecurityGroups")[0]).toMatchObject({
      "Filter.1.Name": "group-name",
      "Filter.1.Value.1": "web",
      "Filter.2.Name": "vpc-id",
      "Filter.2.Value.1": "vpc-2",
    });
    expect(api.sent("RunInstances")[0]).toMatchObject({ "SecurityGroupId.1": "sg-9", "SecurityGroupId.2": "sg-11" });
  });

  it("have groups by name, looked up in the default VPC where no subnet is given", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("DescribeVpcs", vpcs).on("DescribeSecurityGroups", groups).on("RunInstances", launched);
    await pass(clock, iaas.launch({ ...launchOptions, securityGroups: ["web"] }));
    expect(api.sent("DescribeVpcs")[0]).toMatchObject({ "Filter.1.Name": "is-default", "Filter.1.Value.1": "true" });
    expect(api.sent("DescribeSecurityGroups")[0]).toMatchObject({ "Filter.2.Value.1": "vpc-1" });
  });

  it("refuse a group name that is not there, and nothing is launched", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("DescribeVpcs", vpcs).on("DescribeSecurityGroups", groups);
    await expect(pass(clock, iaas.launch({ ...launchOptions, securityGroups: ["wbe"] }))).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "securityGroups",
      rule: expect.stringContaining("wbe") as string,
    });
    expect(api.sent("RunInstances")).toEqual([]);
  });

  it("refuse group names where the account has no default VPC", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("DescribeVpcs", answer("DescribeVpcs", { vpcSet: [] }));
    await expect(pass(clock, iaas.launch({ ...launchOptions, securityGroups: ["web"] }))).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "networks",
    });
  });
});
