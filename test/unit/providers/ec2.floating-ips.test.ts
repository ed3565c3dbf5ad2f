import { describe, expect, it } from "vitest";

import {
  all,
  answer,
  create,
  instance,
  launched,
  launchOptions,
  lost,
  ownTags,
  part,
  pass,
  refused,
  tagSet,
  type Xml,
} from "../../support/ec2.ts";

const byAddress = (address: string) => ({ Action: "DescribeAddresses", "PublicIp.1": address });
const owned = { Action: "DescribeAddresses", "Filter.1.Name": "tag:iaaskit:owner", "Filter.1.Value.1": "me" };

/** An address of this owner, leading to an instance or nowhere. */
function address(index: number, instanceId?: string, tags: object = ownTags): { readonly [name: string]: Xml } {
  return {
    publicIp: `198.51.100.${index}`,
    allocationId: `eipalloc-${index}`,
    domain: "vpc",
    tagSet: tagSet({ ...tags }),
    ...(instanceId === undefined ? {} : { instanceId, associationId: `eipassoc-${index}` }),
  };
}
const addresses = (...found: Xml[]) => answer("DescribeAddresses", { addressesSet: found });
const associated = answer("AssociateAddress", { associationId: "eipassoc-9", return: true });
const taken = refused("Resource.AlreadyAssociated", 400, "resource eipalloc-1 is already associated");

describe("allocating an Elastic IP", () => {
  const allocated = answer("AllocateAddress", { publicIp: "198.51.100.1", allocationId: "eipalloc-1", domain: "vpc" });

  it("tags it at once with owner and key", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses()).on("AllocateAddress", allocated);
    expect(await pass(clock, iaas.floatingIps.allocate({ key: "web" }))).toEqual({
      id: "eipalloc-1",
      address: "198.51.100.1",
      instanceId: null,
      ownership: { owner: "me", key: "web", generation: 0, fingerprint: null },
    });
    const [form] = api.sent("AllocateAddress");
    expect(form).toMatchObject({ Domain: "vpc", "TagSpecification.1.ResourceType": "elastic-ip" });
    expect(Object.values(part(form!, "TagSpecification.1.Tag."))).toEqual(
      expect.arrayContaining(["iaaskit:owner", "me", "iaaskit:key", "web", "Name", "web"]),
    );
  });

  it("takes it from a pool", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses()).on("AllocateAddress", allocated);
    await pass(clock, iaas.floatingIps.allocate({ key: "web", pool: "ipv4pool-1" }));
    expect(api.sent("AllocateAddress")[0]).toMatchObject({ PublicIpv4Pool: "ipv4pool-1" });
  });

  it("gives the address of the key when there is one", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses(address(1)));
    expect(await pass(clock, iaas.floatingIps.allocate({ key: "job-1" }))).toMatchObject({ id: "eipalloc-1" });
    expect(api.sent("AllocateAddress")).toEqual([]);
  });

  it("looks for it after a lost answer, for EC2 has no token for addresses", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses(), addresses(address(1))).on("AllocateAddress", lost);
    expect(await pass(clock, iaas.floatingIps.allocate({ key: "job-1", timeoutMs: 300_000 }))).toMatchObject({
      id: "eipalloc-1",
    });
    const [, sent = 0, looked = 0] = api.arrivals;
    expect(looked - sent).toBeGreaterThanOrEqual(60_000);
    expect(api.sent("AllocateAddress")).toHaveLength(1);
  });

  it("is a matter of quota when EC2 gives no more", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses()).on("AllocateAddress", refused("AddressLimitExceeded"));
    await expect(pass(clock, iaas.floatingIps.allocate({ key: "web" }))).rejects.toMatchObject({
      code: "IAAS_QUOTA_EXCEEDED",
    });
  });
});

describe("claiming a free Elastic IP", () => {
  it("takes one of this owner, and lets EC2 refuse one that is taken meanwhile", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses(address(1, "i-8"), address(2))).on("AssociateAddress", associated);
    expect(await pass(clock, iaas.floatingIps.associate({ instanceId: "i-1" }))).toMatchObject({
      address: "198.51.100.2",
      instanceId: "i-1",
    });
    expect(api.sent("AssociateAddress")).toMatchObject([
      { AllocationId: "eipalloc-2", InstanceId: "i-1", AllowReassociation: "false" },
    ]);
  });

  it("goes on to the next one when another process was faster", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byAddress("198.51.100.1"), addresses(address(1, "i-8")))
      .on(owned, addresses(address(1), address(2)))
      .on("AssociateAddress", taken, associated);
    expect(await pass(clock, iaas.floatingIps.associate({ instanceId: "i-1" }))).toMatchObject({ id: "eipalloc-2" });
    expect(api.sent("AssociateAddress").map((form) => form["AllocationId"])).toEqual(["eipalloc-1", "eipalloc-2"]);
  });

  it("has succeeded when the repeat after a lost answer meets its own success", async () => {
    const { api, clock, iaas } = create();
    api
      .on(byAddress("198.51.100.1"), addresses(address(1, "i-1")))
      .on(owned, addresses(address(1)))
      .on("AssociateAddress", lost, taken);
    expect(await pass(clock, iaas.floatingIps.associate({ instanceId: "i-1" }))).toMatchObject({ instanceId: "i-1" });
  });

  it("is a want of capacity when none is free, and changes nothing", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses(address(1, "i-8"), address(2, undefined, {})));
    await expect(pass(clock, iaas.floatingIps.associate({ instanceId: "i-1" }))).rejects.toMatchObject({
      code: "IAAS_INSUFFICIENT_CAPACITY",
      retry: "elsewhere",
    });
    expect(api.actions).toEqual(["DescribeAddresses"]);
  });

  it("gives parallel calls different addresses, and asks once for all", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses(address(1), address(2), address(3))).on("AssociateAddress", associated);
    const claims = ["i-1", "i-2", "i-3", "i-4"].map(
      async (instanceId) => await iaas.floatingIps.associate({ instanceId }),
    );
    const settled = await pass(clock, Promise.allSettled(claims));
    const claimed = settled.flatMap((claim) => (claim.status === "fulfilled" ? [claim.value.address] : []));
    expect(new Set(claimed).size).toBe(3);
    expect(api.sent("DescribeAddresses")).toHaveLength(1);
    expect(api.sent("AssociateAddress")).toHaveLength(3);
  });

  it("waits for an instance that is still pending", async () => {
    const { api, clock, iaas } = create();
    const early = refused("InvalidInstanceID", 400, "The pending instance 'i-1' is not in a valid state");
    api.on(owned, addresses(address(1))).on("AssociateAddress", early, early, associated);
    await pass(clock, iaas.floatingIps.associate({ instanceId: "i-1" }));
    expect(api.sent("AssociateAddress")).toHaveLength(3);
  });
});

describe("a given Elastic IP", () => {
  const given = { instanceId: "i-1", address: "198.51.100.1" };

  it("of nobody's is associated, and stays nobody's", async () => {
    const { api, clock, iaas } = create();
    api.on(byAddress("198.51.100.1"), addresses(address(1, undefined, {}))).on("AssociateAddress", associated);
    expect(await pass(clock, iaas.floatingIps.associate(given))).toMatchObject({ instanceId: "i-1", ownership: null });
  });

  it("is not taken from another instance, unless it shall move", async () => {
    const { api, clock, iaas } = create();
    api.on(byAddress("198.51.100.1"), addresses(address(1, "i-8"))).on("AssociateAddress", associated);
    await expect(pass(clock, iaas.floatingIps.associate(given))).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "in-use",
    });
    expect(api.sent("AssociateAddress")).toEqual([]);
    await pass(clock, iaas.floatingIps.associate({ ...given, move: true }));
    expect(api.sent("AssociateAddress")).toMatchObject([{ AllowReassociation: "true" }]);
  });

  it("that leads to the instance already is left as it is", async () => {
    const { api, clock, iaas } = create();
    api.on(byAddress("198.51.100.1"), addresses(address(1, "i-1")));
    await pass(clock, iaas.floatingIps.associate(given));
    expect(api.actions).toEqual(["DescribeAddresses"]);
  });

  it("of another owner is refused before anything is changed", async () => {
    const { api, clock, iaas } = create();
    const foreign = address(1, "i-8", { ...ownTags, "iaaskit:owner": "you" });
    api.on(byAddress("198.51.100.1"), addresses(foreign));
    const denied = { code: "IAAS_PERMISSION_DENIED" };
    await expect(pass(clock, iaas.floatingIps.associate({ ...given, move: true }))).rejects.toMatchObject(denied);
    await expect(pass(clock, iaas.floatingIps.disassociate(given))).rejects.toMatchObject(denied);
    await expect(pass(clock, iaas.floatingIps.release(given))).rejects.toMatchObject(denied);
    expect(new Set(api.actions)).toEqual(new Set(["DescribeAddresses"]));
  });

  it("that the account does not have is NotFound", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeAddresses", refused("InvalidAddress.NotFound"));
    await expect(pass(clock, iaas.floatingIps.associate(given))).rejects.toMatchObject({ code: "IAAS_NOT_FOUND" });
  });
});

describe("giving an Elastic IP back", () => {
  const own = { address: "198.51.100.1" };

  it("disassociates it first", async () => {
    const { api, clock, iaas } = create();
    api
      .on("DescribeAddresses", addresses(address(1, "i-1")))
      .on("DisassociateAddress", answer("DisassociateAddress"))
      .on("ReleaseAddress", answer("ReleaseAddress"));
    await pass(clock, iaas.floatingIps.release(own));
    expect(api.actions).toEqual(["DescribeAddresses", "DescribeAddresses", "DisassociateAddress", "ReleaseAddress"]);
    expect(api.sent("DisassociateAddress")).toMatchObject([{ AssociationId: "eipassoc-1" }]);
    expect(api.sent("ReleaseAddress")).toMatchObject([{ AllocationId: "eipalloc-1" }]);
  });

  it("is success when it is gone, before or meanwhile", async () => {
    const gone = create();
    gone.api.on("DescribeAddresses", refused("InvalidAddress.NotFound"));
    await pass(gone.clock, gone.iaas.floatingIps.release(own));
    const { api, clock, iaas } = create();
    api.on("DescribeAddresses", addresses(address(1))).on("ReleaseAddress", refused("InvalidAllocationID.NotFound"));
    await pass(clock, iaas.floatingIps.release(own));
    expect(api.actions).toEqual(["DescribeAddresses", "ReleaseAddress"]);
  });

  it("is refused for an address that nobody has tagged", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeAddresses", addresses(address(1, undefined, {})));
    await expect(pass(clock, iaas.floatingIps.release(own))).rejects.toMatchObject({ code: "IAAS_PERMISSION_DENIED" });
    expect(api.actions).toEqual(["DescribeAddresses"]);
  });
});

describe("the list of Elastic IPs", () => {
  it("asks for this owner's, and passes over what EC2 gives besides", async () => {
    const { api, clock, iaas } = create();
    api.on(owned, addresses(address(1), address(2, "i-1", { ...ownTags, "iaaskit:owner": "you" })));
    expect((await pass(clock, all(iaas.floatingIps.list()))).map(({ id }) => id)).toEqual(["eipalloc-1"]);
  });
});

describe("a launch with a floating IP", () => {
  it("allocates one for the instance and associates it when the instance runs", async () => {
    const { api, clock, iaas } = create();
    const none = answer("DescribeInstances", { reservationSet: [] });
    const running = answer("DescribeInstances", { reservationSet: [{ instancesSet: [instance("i-1")] }] });
    api
      .on({ Action: "DescribeInstances", "InstanceId.1": "i-1" }, running)
      .on("DescribeInstances", none)
      .withImage()
      .on("RunInstances", launched)
      .on(owned, addresses())
      .on("AllocateAddress", answer("AllocateAddress", { publicIp: "198.51.100.1", allocationId: "eipalloc-1" }))
      .on("AssociateAddress", associated);
    await pass(clock, iaas.launch({ ...launchOptions, floatingIp: true }));
    expect(Object.values(api.sent("AllocateAddress")[0] ?? {})).toContain("job-1//floating-ip");
    expect(api.sent("AssociateAddress")).toMatchObject([{ AllocationId: "eipalloc-1", InstanceId: "i-1" }]);
  });
});
