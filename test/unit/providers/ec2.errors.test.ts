import { IaasError } from "iaaskit";
import { describe, expect, it } from "vitest";

import {
  all,
  answer,
  create,
  failureOf,
  instance,
  instances,
  launched,
  launchOptions,
  pass,
  type Reply,
  refusal,
  refused,
} from "../../support/ec2.ts";

const regions = answer("DescribeRegions", { regionInfo: [{ regionName: "eu-west-1" }] });

/** What a read rejects with when EC2 answers so. */
async function failureOfRead(reply: Reply) {
  const { api, clock, iaas } = create();
  api.on("DescribeRegions", reply);
  const error = await failureOf(pass(clock, all(iaas.catalog.regions())));
  return { error, api, clock };
}

/** Class, and what the caller may do. */
const verdicts = {
  quota: { code: "IAAS_QUOTA_EXCEEDED", retry: "elsewhere", outcome: "not-applied" },
  capacity: { code: "IAAS_INSUFFICIENT_CAPACITY", retry: "elsewhere", outcome: "not-applied" },
  notFound: { code: "IAAS_NOT_FOUND", retry: "never", outcome: "not-applied" },
  nameTaken: { code: "IAAS_CONFLICT", reason: "name-taken", retry: "never", outcome: "not-applied" },
  inUse: { code: "IAAS_CONFLICT", reason: "in-use", retry: "later", outcome: "not-applied" },
  wrongState: { code: "IAAS_CONFLICT", reason: "wrong-state", retry: "later", outcome: "not-applied" },
  otherSpec: { code: "IAAS_CONFLICT", reason: "spec-mismatch", retry: "never", outcome: "not-applied" },
  spent: { code: "IAAS_CONFLICT", reason: "token-spent", retry: "never", outcome: "not-applied" },
  authentication: { code: "IAAS_AUTHENTICATION", retry: "never", outcome: "not-applied" },
  permission: { code: "IAAS_PERMISSION_DENIED", retry: "never", outcome: "not-applied" },
  invalid: { code: "IAAS_INVALID_INPUT", retry: "never", outcome: "not-applied" },
  unavailable: { code: "IAAS_UNAVAILABLE", retry: "same", outcome: "unknown" },
  unknown: { code: "IAAS_PROVIDER_FAILURE", retry: "never", outcome: "not-applied" },
} as const;

const codes: [string, number, keyof typeof verdicts][] = [
  ["VcpuLimitExceeded", 400, "quota"],
  ["InstanceLimitExceeded", 400, "quota"],
  ["MaxSpotInstanceCountExceeded", 400, "quota"],
  ["AddressLimitExceeded", 400, "quota"],
  ["MaxFleetCountExceeded", 400, "quota"],
  ["MaxTemplateLimitExceeded", 400, "quota"],
  ["VolumeLimitExceeded", 400, "quota"],
  ["SecurityGroupsPerInstanceLimitExceeded", 400, "quota"],
  ["RulesPerSecurityGroupLimitExceeded", 400, "quota"],
  ["InsufficientInstanceCapacity", 500, "capacity"],
  ["UnfulfillableCapacity", 400, "capacity"],
  ["ReservationCapacityExceeded", 400, "capacity"],
  ["InsufficientFreeAddressesInSubnet", 400, "capacity"],
  ["InsufficientHostCapacity", 400, "capacity"],
  ["InsufficientAddressCapacity", 400, "capacity"],
  ["SpotMaxPriceTooLow", 400, "capacity"],
  ["InvalidInstanceID.NotFound", 400, "notFound"],
  ["InvalidVolume.NotFound", 400, "notFound"],
  ["InvalidAllocationID.NotFound", 400, "notFound"],
  ["InvalidPlacementGroup.Unknown", 400, "notFound"],
  ["InvalidGroup.Duplicate", 400, "nameTaken"],
  ["InvalidKeyPair.Duplicate", 400, "nameTaken"],
  ["InvalidAMIName.Duplicate", 400, "nameTaken"],
  ["InvalidGroup.InUse", 400, "inUse"],
  ["InvalidSnapshot.InUse", 400, "inUse"],
  ["DependencyViolation", 400, "inUse"],
  ["VolumeInUse", 400, "inUse"],
  ["Resource.AlreadyAssociated", 400, "inUse"],
  ["IncorrectState", 400, "wrongState"],
  ["IncorrectInstanceState", 400, "wrongState"],
  ["InvalidInstanceID", 400, "wrongState"],
  ["IdempotentParameterMismatch", 400, "otherSpec"],
  ["IdempotentInstanceTerminated", 400, "spent"],
  ["AuthFailure", 401, "authentication"],
  ["SignatureDoesNotMatch", 403, "authentication"],
  ["RequestExpired", 400, "authentication"],
  ["ExpiredToken", 400, "authentication"],
  ["UnauthorizedOperation", 403, "permission"],
  ["OptInRequired", 401, "permission"],
  ["ServiceLinkedRoleCreationNotPermitted", 400, "permission"],
  ["AuthFailure.ServiceLinkedRoleCreationNotPermitted", 400, "permission"],
  ["InvalidParameterValue", 400, "invalid"],
  ["MissingParameter", 400, "invalid"],
  ["InvalidUserData.Malformed", 400, "invalid"],
  ["InvalidInstanceID.Malformed", 400, "invalid"],
  ["InvalidKey.Format", 400, "invalid"],
  ["InternalError", 500, "unavailable"],
  ["InternalFailure", 500, "unavailable"],
  ["ServiceUnavailable", 503, "unavailable"],
  ["Unavailable", 503, "unavailable"],
  ["SomethingNobodyKnows", 500, "unavailable"],
  ["SomethingNobodyKnows", 400, "unknown"],
];

/** What DescribeInstances answers of an instance that has ended for a reason. */
function ended(code: string, message: string): string {
  const stateReason = { code, message };
  return answer(
    "DescribeInstances",
    instances(instance("i-1", { instanceState: { name: "terminated" }, stateReason })),
  );
}

describe("a refusal of EC2's", () => {
  it.each(codes)("with the code %s and status %i is: %s", async (code, status, verdict) => {
    const { error, api } = await failureOfRead(refused(code, status, "so it is"));
    expect(error).toMatchObject({
      ...verdicts[verdict],
      provider: "ec2",
      operation: "catalog.regions",
      vendorCode: code,
      requestId: "req-of-the-header",
      message: expect.stringContaining("so it is") as string,
    });
    expect(IaasError.is(error)).toBe(true);
    expect(api.requests).toHaveLength(verdict === "unavailable" ? 4 : 1);
  });

  it("is retried as often as a read may, and then succeeds", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeRegions", refused("InternalError", 500), refused("Unavailable", 503), regions);
    expect(await pass(clock, all(iaas.catalog.regions()))).toEqual([{ id: "eu-west-1" }]);
    expect(api.requests).toHaveLength(3);
  });

  it("with Retry-After is not retried before, and tells the caller", async () => {
    const { error, api } = await failureOfRead({
      status: 503,
      body: refusal("Unavailable"),
      headers: { "retry-after": "7" },
    });
    expect(error).toMatchObject({ code: "IAAS_UNAVAILABLE", retryAfterMs: 7_000 });
    const waits = api.arrivals.slice(1).map((at, index) => at - (api.arrivals[index] ?? 0));
    expect(waits).toHaveLength(3);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(7_000);
  });

  it("takes a date in Retry-After too", async () => {
    const headers = { "retry-after": new Date(Date.now() + 10_000).toUTCString() };
    const { error } = await failureOfRead({ status: 503, body: refusal("Unavailable"), headers });
    const { retryAfterMs = 0 } = error as IaasError;
    expect(retryAfterMs).toBeGreaterThan(5_000);
    expect(retryAfterMs).toBeLessThanOrEqual(10_000);
  });
});

describe("Unsupported", () => {
  it("is a want of capacity for a launch: another zone or size may do", async () => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", refused("Unsupported"));
    await expect(pass(clock, iaas.launch(launchOptions))).rejects.toMatchObject(verdicts.capacity);
  });

  it("is a mistake of anything else", async () => {
    const { error } = await failureOfRead(refused("Unsupported"));
    expect(error).toMatchObject({ ...verdicts.invalid, field: "request" });
  });
});

describe("throttling", () => {
  it.each(["RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException"])(
    "by %s is obeyed until the launch goes through, with one token",
    async (code) => {
      const { api, clock, iaas } = create();
      api.launchable().on("RunInstances", refused(code, 503), refused(code, 503), refused(code, 400), launched);
      expect(await pass(clock, iaas.launch(launchOptions))).toMatchObject({ id: "i-1" });
      const sent = api.sent("RunInstances");
      expect(sent).toHaveLength(4);
      expect(new Set(sent.map((form) => form["ClientToken"])).size).toBe(1);
    },
  );

  it("with Retry-After holds the next request back for as long", async () => {
    const { api, clock, iaas } = create();
    const body = refusal("RequestLimitExceeded");
    api.on("DescribeRegions", { status: 503, body, headers: { "retry-after": "9" } }, regions);
    await pass(clock, all(iaas.catalog.regions()));
    const [first = 0, second = 0] = api.arrivals;
    expect(second - first).toBeGreaterThanOrEqual(9_000);
  });

  it("that does not end is what the caller is told at the deadline", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeRegions", refused("RequestLimitExceeded", 503));
    const error = await failureOf(pass(clock, all(iaas.catalog.regions({ timeoutMs: 10_000 }))));
    expect(error).toMatchObject({ code: "IAAS_THROTTLED", retry: "later", vendorCode: "RequestLimitExceeded" });
  });

  it("is taken from the status alone where there is no code", async () => {
    const { error } = await failureOfRead({ status: 429, body: "", headers: { "retry-after": "3600" } });
    expect(error).toMatchObject({ code: "IAAS_THROTTLED", retryAfterMs: 3_600_000 });
  });
});

describe("what a launch names and EC2 does not have", () => {
  it.each([
    ["InvalidAMIID.NotFound", "", "image"],
    ["InvalidAMIID.Unavailable", "", "image"],
    ["InvalidInstanceType.NotFound", "", "size"],
    ["InvalidParameterValue", "Invalid value 't9.nope' for InstanceType.", "size"],
    ["InvalidKeyPair.NotFound", "", "keyPair"],
    ["InvalidGroup.NotFound", "", "securityGroups"],
    ["InvalidSubnetID.NotFound", "", "networks"],
    ["InvalidHostID.NotFound", "", "partition.host"],
    ["InvalidParameterValue", "Invalid availability zone: [x]", "partition.zone"],
    ["InvalidParameterValue", "User data is limited to 16384 bytes", "payload"],
    [
      "InvalidParameterValue",
      "Value (web) for parameter iamInstanceProfile.name is invalid",
      "providerOptions.ec2.iamInstanceProfile",
    ],
    ["InvalidParameterCombination", "Network interfaces and an instance-level subnet ID", "request"],
    ["TagLimitExceeded", "", "tags"],
  ])("is an input error: %s %s", async (code, message, field) => {
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", refused(code, 400, message));
    await expect(pass(clock, iaas.launch(launchOptions))).rejects.toMatchObject({ ...verdicts.invalid, field });
    expect(api.sent("RunInstances")).toHaveLength(1);
  });
});

describe("an instance that EC2 gives up on after it was accepted", () => {
  it.each([
    ["Server.InsufficientInstanceCapacity", verdicts.capacity],
    ["Client.VolumeLimitExceeded", verdicts.quota],
    ["Client.InvalidSnapshot.NotFound", verdicts.notFound],
    ["Client.InternalError", verdicts.permission],
    ["Server.InternalError", verdicts.unavailable],
    ["Server.SpotInstanceTermination", verdicts.capacity],
    ["Server.NobodyKnows", verdicts.unknown],
  ])("fails a wait with the class of its reason: %s", async (code, verdict) => {
    const { api, clock, iaas } = create();
    const pending = instance("i-1", { instanceState: { name: "pending" } });
    const byId = { Action: "DescribeInstances", "InstanceId.1": "i-1" };
    api.on(byId, answer("DescribeInstances", instances(pending)), ended(code, "why"));
    const found = await pass(clock, iaas.get("i-1"));
    await expect(pass(clock, iaas.waitUntil(found, "running"))).rejects.toMatchObject({
      ...verdict,
      vendorCode: code,
      operation: "waitUntil",
      message: expect.stringContaining("why") as string,
    });
  });

  it("is not a failure when somebody has ended it", async () => {
    const { api, clock, iaas } = create();
    const reason = { code: "Client.UserInitiatedShutdown", message: "Client.UserInitiatedShutdown: User initiated" };
    api.instances(instance("i-1", { instanceState: { name: "terminated" }, stateReason: reason }));
    expect(await pass(clock, iaas.get("i-1"))).toMatchObject({ state: "terminated", failure: null });
  });
});
