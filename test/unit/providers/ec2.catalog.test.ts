import { describe, expect, it } from "vitest";

import { all, answer, create, launched, launchOptions, pass, type Xml } from "../../support/ec2.ts";

function size(instanceType: string, cpus: number, memoryMiB: number, ...architectures: string[]): Xml {
  return {
    instanceType,
    currentGeneration: true,
    bareMetal: false,
    hypervisor: "nitro",
    processorInfo: { supportedArchitectures: architectures },
    vCpuInfo: { defaultVCpus: cpus },
    memoryInfo: { sizeInMiB: memoryMiB },
  };
}
const zone = (zoneName: string, zoneState: string): Xml => ({ zoneName, zoneState, regionName: "eu-west-1" });
const host = (hostId: string, state: string): Xml => ({ hostId, state, availabilityZone: "eu-west-1a" });
const sizes = (next: string | null, ...found: Xml[]) =>
  answer("DescribeInstanceTypes", { instanceTypeSet: found, ...(next === null ? {} : { nextToken: next }) });

describe("the catalog of EC2", () => {
  it("has the regions that the account has enabled", async () => {
    const { api, clock, iaas } = create();
    const regionInfo = [{ regionName: "eu-west-1" }, { regionName: "us-east-1" }];
    api.on("DescribeRegions", answer("DescribeRegions", { regionInfo }));
    expect(await pass(clock, all(iaas.catalog.regions()))).toEqual([{ id: "eu-west-1" }, { id: "us-east-1" }]);
    expect(api.requests).toEqual([{ Action: "DescribeRegions", Version: "2016-11-15" }]);
  });

  it("has the zones that can be used", async () => {
    const { api, clock, iaas } = create();
    const availabilityZoneInfo = [zone("eu-west-1a", "available"), zone("eu-west-1b", "impaired")];
    api.on("DescribeAvailabilityZones", answer("DescribeAvailabilityZones", { availabilityZoneInfo }));
    expect(await pass(clock, all(iaas.catalog.zones()))).toEqual([{ id: "eu-west-1a", region: "eu-west-1" }]);
  });

  it("has the dedicated hosts that can be used, over all pages", async () => {
    const { api, clock, iaas } = create();
    api
      .on(
        { Action: "DescribeHosts", NextToken: "two" },
        answer("DescribeHosts", { hostSet: [host("h-3", "available")] }),
      )
      .on(
        "DescribeHosts",
        answer("DescribeHosts", { hostSet: [host("h-1", "available"), host("h-2", "released")], nextToken: "two" }),
      );
    expect((await pass(clock, all(iaas.catalog.hosts()))).map(({ id }) => id)).toEqual(["h-1", "h-3"]);
    expect(api.requests[0]).toMatchObject({ MaxResults: "500" });
  });

  it("has virtual machines of the current generation as sizes, a hundred at a time", async () => {
    const { api, clock, iaas } = create();
    api
      .on({ Action: "DescribeInstanceTypes", NextToken: "two" }, sizes(null, size("t4g.nano", 2, 512, "arm64")))
      .on(
        "DescribeInstanceTypes",
        sizes("two", size("m5.large", 2, 8_192, "x86_64"), size("t2.nano", 1, 512, "i386", "x86_64")),
      );
    expect(await pass(clock, all(iaas.catalog.sizes()))).toEqual([
      { id: "t2.nano", cpus: 1, memoryMiB: 512, architectures: ["i386", "x86_64"] },
      { id: "m5.large", cpus: 2, memoryMiB: 8_192, architectures: ["x86_64"] },
      { id: "t4g.nano", cpus: 2, memoryMiB: 512, architectures: ["arm64"] },
    ]);
    expect(api.requests[0]).toMatchObject({
      "Filter.1.Name": "current-generation",
      "Filter.1.Value.1": "true",
      "Filter.2.Name": "bare-metal",
      "Filter.2.Value.1": "false",
      MaxResults: "100",
    });
  });

  it("asks for no page of sizes that nobody wants", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstanceTypes", sizes("two", size("t2.nano", 1, 512, "x86_64")));
    const first = (async () => {
      for await (const { id } of iaas.catalog.sizes()) return id;
      return null;
    })();
    expect(await pass(clock, first)).toBe("t2.nano");
    expect(api.requests).toHaveLength(1);
  });

  it("passes over architectures that this library does not know", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstanceTypes", sizes(null, size("mac2.metal", 8, 16_384, "arm64_mac")));
    expect(await pass(clock, all(iaas.catalog.sizes()))).toMatchObject([{ architectures: [] }]);
  });

  it("finds the size for a launch that asks for the least", async () => {
    const { api, clock, iaas } = create();
    api
      .launchable()
      .on(
        "DescribeInstanceTypes",
        sizes(null, size("m5.large", 2, 8_192, "x86_64"), size("t3.small", 2, 2_048, "x86_64")),
      )
      .on("RunInstances", launched);
    await pass(clock, iaas.launch({ ...launchOptions, size: { minCpus: 2, minMemoryMiB: 2_000 } }));
    expect(api.sent("RunInstances")).toMatchObject([{ InstanceType: "t3.small" }]);
  });

  it("is asked for a zone once, however often one is checked", async () => {
    const { api, clock, iaas } = create();
    api.withZones("eu-west-1a");
    const check = async (zone: string) => await pass(clock, iaas.validatePartition({ region: "eu-west-1", zone }));
    await check("eu-west-1a");
    await expect(check("eu-west-1z")).rejects.toMatchObject({ field: "partition.zone" });
    await expect(pass(clock, iaas.validatePartition({ region: "us-east-1" }))).rejects.toMatchObject({
      field: "partition.region",
    });
    expect(api.requests).toHaveLength(1);
  });
});
