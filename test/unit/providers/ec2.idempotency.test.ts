import { describe, expect, it } from "vitest";

import {
  answer,
  create,
  type Ec2Api,
  failureOf,
  instance,
  instances,
  launched,
  launchOptions,
  launchRequest,
  lost,
  ownTags,
  pass,
  refused,
  type Reply,
} from "../../support/ec2.ts";

async function tokenOf(more: object) {
  const form = await launchRequest(
    more,
    (api) => void ("partition" in more && api.withZones("eu-west-1a", "eu-west-1b")),
  );
  return form["ClientToken"];
}

/** An Iaas that launches in two zones, and what RunInstances answers. */
function createInZones(...replies: [Reply, ...Reply[]]) {
  const made = create();
  made.api
    .launchable()
    .withZones("eu-west-1a", "eu-west-1b")
    .on("RunInstances", ...replies);
  return made;
}

/** What DescribeInstances answers of i-1. */
function shown(state: string): string {
  return answer("DescribeInstances", instances(instance("i-1", { instanceState: { name: state } })));
}

function withParts(api: Ec2Api): Ec2Api {
  return api
    .on("DescribeAddresses", answer("DescribeAddresses", { addressesSet: [] }))
    .on("DescribeVolumes", answer("DescribeVolumes", { volumeSet: [] }))
    .on("DescribeSecurityGroups", answer("DescribeSecurityGroups", { securityGroupInfo: [] }));
}

describe("the client token", () => {
  it("is the same when the launch is repeated after a failure of EC2 and a lost answer", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", refused("InternalError", 500), lost, { status: 503, body: "" }, launched);
    expect(await pass(clock, iaas.launch(launchOptions))).toMatchObject({ id: "i-1" });
    const tokens = api.sent("RunInstances").map((form) => form["ClientToken"]);
    expect(tokens).toHaveLength(4);
    expect(new Set(tokens)).toEqual(new Set(["8c10d0758f912fecaf779d9ba17165de"]));
  });

  it("is the same in another process", async () => {
    const tokens = [await launchRequest(), await launchRequest()].map((form) => form["ClientToken"]);
    expect(new Set(tokens).size).toBe(1);
  });

  it("is another one for another owner, key, zone, size and generation", async () => {
    const tokens = [
      await tokenOf({}),
      await tokenOf({ key: "job-2" }),
      await tokenOf({ partition: { zone: "eu-west-1a" } }),
      await tokenOf({ partition: { zone: "eu-west-1b" } }),
      await tokenOf({ size: "t3.large" }),
    ];
    const { api, clock, iaas } = create({ owner: "you" });
    api.launchable().on("RunInstances", launched);
    await pass(clock, iaas.launch(launchOptions));
    tokens.push(api.sent("RunInstances")[0]?.["ClientToken"]);
    expect(new Set(tokens).size).toBe(6);
    expect(tokens).toEqual(Array.from({ length: 6 }, () => expect.stringMatching(/^[0-9a-f]{32}$/) as string));
  });

  it("is a conflict when EC2 knows it with other parameters", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", refused("IdempotentParameterMismatch"));
    await expect(pass(clock, iaas.launch(launchOptions))).rejects.toMatchObject({
      code: "IAAS_CONFLICT",
      reason: "spec-mismatch",
      retry: "never",
      vendorCode: "IdempotentParameterMismatch",
    });
    expect(api.sent("RunInstances")).toHaveLength(1);
  });

  it("of an instance that has ended is left for the next generation's", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", refused("IdempotentInstanceTerminated"), launched);
    expect(await pass(clock, iaas.launch(launchOptions))).toMatchObject({ id: "i-1" });
    const [first, second] = api.sent("RunInstances");
    expect(first).toMatchObject({ "TagSpecification.1.Tag.3.Value": "0" });
    expect(second).toMatchObject({ "TagSpecification.1.Tag.3.Value": "1" });
    expect(second?.["ClientToken"]).not.toBe(first?.["ClientToken"]);
  });

  it("is not tried for ever when every generation's instance has ended", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", refused("IdempotentInstanceTerminated"));
    await expect(pass(clock, iaas.launch(launchOptions))).rejects.toMatchObject({ reason: "token-spent" });
    expect(api.sent("RunInstances").length).toBeLessThan(30);
  });
});

describe("zones of a launch", () => {
  const zones = { ...launchOptions, partition: { zone: ["eu-west-1a", "eu-west-1b"] } };
  const none = refused("InsufficientInstanceCapacity", 500);

  it("are tried in turn while EC2 has no capacity, each with a token of its own", async () => {
    const { api, clock, iaas } = createInZones(none, launched);
    expect(await pass(clock, iaas.launch(zones))).toMatchObject({ id: "i-1" });
    const sent = api.sent("RunInstances");
    expect(sent.map((form) => form["Placement.AvailabilityZone"])).toEqual(["eu-west-1a", "eu-west-1b"]);
    expect(new Set(sent.map((form) => form["ClientToken"])).size).toBe(2);
  });

  it("are tried in turn when one does not offer the instance type", async () => {
    const { api, clock, iaas } = createInZones(refused("Unsupported"), launched);
    await pass(clock, iaas.launch(zones));
    expect(api.sent("RunInstances")).toHaveLength(2);
  });

  it.each([
    ["a failure of EC2", refused("InternalError", 500)],
    ["a gateway's page", { status: 502, body: "<html><hr></html>" }],
    ["a lost answer", lost],
  ])("are never left after %s", async (_, reply) => {
    const { api, clock, iaas } = createInZones(reply);
    await expect(pass(clock, iaas.launch(zones))).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      outcome: "unknown",
    });
    const tried = api.sent("RunInstances").map((form) => form["Placement.AvailabilityZone"]);
    expect(tried).toEqual(["eu-west-1a", "eu-west-1a", "eu-west-1a", "eu-west-1a"]);
  });

  it("are not left after a lost answer whose repeat is answered", async () => {
    const { api, clock, iaas } = createInZones(lost, launched);
    expect(await pass(clock, iaas.launch(zones))).toMatchObject({ id: "i-1" });
    expect(new Set(api.sent("RunInstances").map((form) => form["Placement.AvailabilityZone"]))).toEqual(
      new Set(["eu-west-1a"]),
    );
  });

  it("give the last one's reason when none has room", async () => {
    const { api, clock, iaas } = createInZones(none);
    await expect(pass(clock, iaas.launch(zones))).rejects.toMatchObject({
      code: "IAAS_INSUFFICIENT_CAPACITY",
      retry: "elsewhere",
      requestId: "req-of-the-header",
    });
    expect(api.sent("RunInstances")).toHaveLength(2);
  });
});

describe("an instance that EC2 does not show yet", () => {
  const notFound = refused("InvalidInstanceID.NotFound", 400, "The instance ID 'i-1' does not exist");
  const ofKey = { Action: "DescribeInstances", "Filter.1.Name": "tag:iaaskit:owner" };
  const byId = { Action: "DescribeInstances", "InstanceId.1": "i-1" };
  const none = answer("DescribeInstances", { reservationSet: [] });
  const pending = answer("RunInstances", { instancesSet: [instance("i-1", { instanceState: { name: "pending" } })] });

  /** An Iaas that has just launched i-1. */
  async function justLaunched() {
    const made = create();
    made.api.on(ofKey, none).withImage().on("RunInstances", pending);
    await pass(made.clock, made.iaas.launch(launchOptions));
    return made;
  }

  it("is got as soon as it is shown", async () => {
    const { api, clock, iaas } = await justLaunched();
    api.on(byId, notFound, notFound, shown("running"));
    expect(await pass(clock, iaas.get("i-1"))).toMatchObject({ id: "i-1", state: "running" });
    expect(api.requests.filter((form) => form["InstanceId.1"] === "i-1")).toHaveLength(3);
  });

  it("is waited for", async () => {
    const { api, clock, iaas } = create();
    api
      .on(ofKey, none)
      .withImage()
      .on("RunInstances", pending)
      .on(byId, notFound, shown("pending"), notFound, shown("running"));
    expect(await pass(clock, iaas.launch({ ...launchOptions, until: "running" }))).toMatchObject({ state: "running" });
  });

  it("is terminated by its id all the same", async () => {
    const made = await justLaunched();
    withParts(made.api)
      .on(byId, notFound, shown("pending"), shown("shutting-down"), shown("terminated"))
      .on("TerminateInstances", notFound, answer("TerminateInstances"));
    await pass(made.clock, made.iaas.terminate("i-1"));
    expect(made.api.sent("TerminateInstances")).toHaveLength(2);
  });

  it("is terminated by its key all the same", async () => {
    const made = await justLaunched();
    withParts(made.api)
      .on(byId, notFound, shown("pending"), shown("terminated"))
      .on("TerminateInstances", answer("TerminateInstances"));
    await pass(made.clock, made.iaas.terminate({ key: "job-1" }));
    expect(made.api.sent("TerminateInstances")).toMatchObject([{ "InstanceId.1": "i-1" }]);
  });

  it("is gone when it was not shown for a minute", async () => {
    const { api, clock, iaas } = await justLaunched();
    api.on(byId, notFound);
    const before = clock.now();
    await expect(pass(clock, iaas.get("i-1", { timeoutMs: 120_000 }))).rejects.toMatchObject({
      code: "IAAS_NOT_FOUND",
    });
    expect(clock.now() - before).toBeGreaterThanOrEqual(59_000);
    expect(clock.now() - before).toBeLessThan(70_000);
  });

  it("is gone at once where this process has not made it", async () => {
    const { api, clock, iaas } = create();
    api.on(byId, notFound);
    const error = await failureOf(pass(clock, iaas.get("i-1")));
    expect(error).toMatchObject({ code: "IAAS_NOT_FOUND", retry: "never" });
    await pass(clock, iaas.terminate("i-1"));
    expect(api.requests).toHaveLength(2);
  });
});

describe("the fingerprint of a specification", () => {
  it("lets a launch be adopted that asks for the same, and refuses another one", async () => {
    const form = await launchRequest({ tags: { team: "red" } });
    const { api, clock, iaas } = create();
    const fingerprint = form["TagSpecification.1.Tag.5.Value"]!;
    api.instances(instance("i-1", {}, { ...ownTags, "iaaskit:fingerprint": fingerprint }));
    const launch = async (team: string) => await pass(clock, iaas.launch({ ...launchOptions, tags: { team } }));
    expect(await launch("red")).toMatchObject({ id: "i-1" });
    await expect(launch("blue")).rejects.toMatchObject({ code: "IAAS_CONFLICT", reason: "spec-mismatch" });
    expect(api.sent("RunInstances")).toEqual([]);
  });
});
