import { spawn } from "node:child_process";
import { once } from "node:events";

import { EC2, type RunInstancesCommandInput } from "@aws-sdk/client-ec2";
import { Payload } from "iaaskit";
import { Ec2Iaas } from "iaaskit/ec2";
import { type Fault, simulate, simulateApart, type SimulationOptions } from "iaaskit/testing";
import { afterEach, describe, expect, it } from "vitest";

import { systemClock } from "../../../src/iaas/clock.ts";
import { collect } from "../../../src/iaas/iteration.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

/** A cloud, and an Iaas of it that lives by its clock. */
async function start(options: Partial<SimulationOptions> = {}) {
  const cloud = await simulate({ cloud: "ec2", ...options });
  const { clock, connection } = cloud;
  const iaas = (owner = "me") => new Ec2Iaas({ owner, ...connection });
  open.push(cloud);
  const run = async <T>(promise: Promise<T>): Promise<T> => await clock.run(promise);
  return { cloud, clock, iaas, run, actions: () => cloud.requests.map(({ action }) => action) };
}

/** AWS' own client, on a cloud that answers at once. */
async function startPlain(options: Partial<SimulationOptions> = {}) {
  const timing = { latencyMs: [0, 0], visibleAfterMs: 0 } as const;
  const cloud = await simulate({ cloud: "ec2", timing, ...options });
  const { region, endpoint, credentials } = cloud.connection;
  const ec2 = new EC2({ region, endpoint, credentials, maxAttempts: 1 });
  open.push(cloud, { [Symbol.asyncDispose]: async () => await Promise.resolve(ec2.destroy()) });
  const { image: ImageId, size } = cloud.launch;
  const run = async (more: Partial<RunInstancesCommandInput> = {}) =>
    await ec2.runInstances({
      ImageId,
      InstanceType: size as "t3.micro",
      MinCount: 1,
      MaxCount: 1,
      ...more,
    });
  return { cloud, ec2, run };
}

const code = async (promise: Promise<unknown>): Promise<string> =>
  await promise.then(
    () => "no error",
    (error: unknown) => (error as Error).name,
  );

describe("a simulated EC2", () => {
  it("launches once for one client token in one zone, and again in another one", async () => {
    const { run } = await startPlain();
    const id = async (zone: string) => {
      const { Instances = [] } = await run({ ClientToken: "t", Placement: { AvailabilityZone: zone } });
      return Instances[0]?.InstanceId;
    };
    const first = await id("eu-west-1a");
    expect(await id("eu-west-1a")).toBe(first);
    expect(await id("eu-west-1b")).not.toBe(first);
  });

  it("refuses a client token for another request, and one whose instance has ended", async () => {
    const { ec2, run } = await startPlain();
    const { Instances = [] } = await run({ ClientToken: "t" });
    const other = run({ ClientToken: "t", InstanceType: "t3.small" });
    expect(await code(other)).toBe("IdempotentParameterMismatch");
    await ec2.terminateInstances({ InstanceIds: [Instances[0]?.InstanceId ?? ""] });
    expect(await code(run({ ClientToken: "t" }))).toBe("IdempotentInstanceTerminated");
  });

  it("takes user data of 16,384 bytes, and not one more", async () => {
    const { run } = await startPlain();
    const data = (bytes: number) => ({ UserData: Buffer.alloc(bytes, "x").toString("base64") });
    expect(await code(run(data(16_384)))).toBe("no error");
    expect(await code(run(data(16_385)))).toBe("InvalidParameterValue");
    expect(await code(run({ UserData: "not base64!" }))).toBe("InvalidUserData.Malformed");
  });

  it("has quotas, and room in a zone for so many", async () => {
    const limited = { quotas: { instances: 3, addresses: 1 }, capacity: { "eu-west-1a": 1 } };
    const { ec2, run } = await startPlain(limited);
    const inZone = async () => await run({ Placement: { AvailabilityZone: "eu-west-1a" } });
    expect(await code(inZone())).toBe("no error");
    expect(await code(inZone())).toBe("InsufficientInstanceCapacity");
    expect(await code(run({ MaxCount: 3, MinCount: 3 }))).toBe("InstanceLimitExceeded");
    expect(await code(ec2.allocateAddress({}))).toBe("no error");
    expect(await code(ec2.allocateAddress({}))).toBe("AddressLimitExceeded");
  });

  it("fills a launch of several as far as there is room", async () => {
    const { run } = await startPlain({ capacity: { "eu-west-1a": 7 } });
    const Placement = { AvailabilityZone: "eu-west-1a" };
    const { Instances = [] } = await run({ MinCount: 1, MaxCount: 10, Placement });
    expect(Instances).toHaveLength(7);
  });

  it("gives an instance its states as time goes on", async () => {
    const { cloud, ec2, run } = await startPlain();
    const { Instances = [] } = await run();
    const InstanceIds = [Instances[0]?.InstanceId ?? ""];
    const state = async () => {
      const { Reservations = [] } = await ec2.describeInstances({ InstanceIds });
      return Reservations[0]?.Instances?.[0]?.State?.Name;
    };
    const seen = [await state()];
    const changes = [
      async () => await ec2.stopInstances({ InstanceIds }),
      async () => await ec2.startInstances({ InstanceIds }),
      async () => await ec2.terminateInstances({ InstanceIds }),
    ];
    for (const change of changes) {
      await cloud.clock.advance(30_000);
      seen.push(await state());
      await change();
      seen.push(await state());
    }
    await cloud.clock.advance(30_000);
    seen.push(await state());
    const states = "pending running stopping stopped pending running shutting-down terminated";
    expect(seen).toEqual(states.split(" "));
    await cloud.clock.advance(3_600_000);
    expect(await code(state())).toBe("InvalidInstanceID.NotFound");
  });

  it("does not show a new instance at once", async () => {
    const { cloud, ec2, run } = await startPlain({ timing: { latencyMs: [0, 0], visibleAfterMs: 5_000 } });
    const { Instances = [] } = await run();
    const get = async () => await ec2.describeInstances({ InstanceIds: [Instances[0]?.InstanceId ?? ""] });
    expect(await code(get())).toBe("InvalidInstanceID.NotFound");
    expect((await ec2.describeInstances({})).Reservations).toEqual([]);
    await cloud.clock.advance(5_000);
    expect(await code(get())).toBe("no error");
  });

  it("keeps a security group for as long as an instance has it", async () => {
    const { cloud, ec2, run } = await startPlain();
    const { GroupId = "" } = await ec2.createSecurityGroup({ GroupName: "web", Description: "web" });
    const { Instances = [] } = await run({ SecurityGroupIds: [GroupId] });
    expect(await code(ec2.deleteSecurityGroup({ GroupId }))).toBe("DependencyViolation");
    await ec2.terminateInstances({ InstanceIds: [Instances[0]?.InstanceId ?? ""] });
    expect(await code(ec2.deleteSecurityGroup({ GroupId }))).toBe("DependencyViolation");
    await cloud.clock.advance(30_000);
    expect(await code(ec2.deleteSecurityGroup({ GroupId }))).toBe("no error");
  });

  it("gives its lists in pages that stay whole while instances end", async () => {
    const { cloud, ec2, run } = await startPlain();
    const { Instances = [] } = await run({ MinCount: 12, MaxCount: 12 });
    const ids = Instances.map(({ InstanceId = "" }) => InstanceId);
    const running = { Filters: [{ Name: "instance-state-name", Values: ["running"] }], MaxResults: 5 };
    await cloud.clock.advance(30_000);
    const first = await ec2.describeInstances(running);
    await ec2.terminateInstances({ InstanceIds: [ids[4] ?? ""] });
    const second = await ec2.describeInstances({ ...running, NextToken: first.NextToken });
    const third = await ec2.describeInstances({ ...running, NextToken: second.NextToken });
    const pages = [first, second, third].map(({ Reservations = [] }) =>
      Reservations.flatMap(({ Instances: found = [] }) => found.map(({ InstanceId }) => InstanceId)),
    );
    expect(pages).toEqual([ids.slice(0, 5), ids.slice(5, 10), ids.slice(10)]);
    expect(third.NextToken).toBeUndefined();
    expect(await code(ec2.describeInstances({ InstanceIds: ids, MaxResults: 5 }))).toBe("InvalidParameterCombination");
    expect(await code(ec2.describeInstances({ Filters: [{ Name: "colour", Values: ["red"] }] }))).toBe(
      "InvalidParameterValue",
    );
  });

  it("lets itself be asked as often as its buckets allow", async () => {
    const { cloud, run } = await startPlain({ rateLimits: { RunInstances: { size: 2, perSecond: 1 } } });
    const answers = async () => [await code(run()), await code(run()), await code(run())];
    expect(await answers()).toEqual(["no error", "no error", "RequestLimitExceeded"]);
    await cloud.clock.advance(1_000);
    expect(await answers()).toEqual(["no error", "RequestLimitExceeded", "RequestLimitExceeded"]);
  });

  it("gives the same ids for the same seed", async () => {
    const ids = async (seed: number) => {
      const { run } = await startPlain({ seed });
      return (await run()).Instances?.[0]?.InstanceId;
    };
    expect(await ids(7)).toBe(await ids(7));
    expect(await ids(8)).not.toBe(await ids(7));
  });

  it("lives by another clock when it is given one", async () => {
    const cloud = await simulate({ cloud: "ec2", clock: systemClock, timing: { latencyMs: [0, 0], bootMs: 20 } });
    open.push(cloud);
    const iaas = new Ec2Iaas({ owner: "me", ...cloud.connection });
    expect(await iaas.launch({ key: "k", ...cloud.launch })).toMatchObject({ state: "pending" });
  });
});

describe("half an hour of booting", () => {
  it("takes a moment, and is seen by the Iaas as half an hour", async () => {
    const { cloud, clock, iaas, run } = await start({ timing: { bootMs: 1_800_000 } });
    const before = { virtual: clock.now(), real: performance.now() };
    const options = { key: "k", ...cloud.launch, until: "running", timeoutMs: 3_600_000 } as const;
    expect(await run(iaas().launch(options))).toMatchObject({ state: "running" });
    expect(clock.now() - before.virtual).toBeGreaterThan(1_800_000);
    expect(performance.now() - before.real).toBeLessThan(5_000);
  });
});

describe("a launch on a simulated EC2 where something goes wrong", () => {
  const survived: [string, Fault][] = [
    ["it is throttled", { kind: "throttle", on: "RunInstances", times: 5, retryAfterMs: 2_000 }],
    ["the service is unavailable", { kind: "unavailable", on: "RunInstances", times: 2 }],
    ["the request is lost", { kind: "lose-request", on: "RunInstances" }],
    ["the answer is lost", { kind: "lose-answer", on: "RunInstances" }],
    ["the request has its effect late", { kind: "late-effect", on: "RunInstances", delayMs: 3_000 }],
    ["the answer is late", { kind: "delay", on: "RunInstances", delayMs: 20_000 }],
    ["reads do not show it for long", { kind: "hide-new", on: "RunInstances", forMs: 20_000 }],
    ["lists come in small pages", { kind: "short-pages", on: "DescribeInstances", size: 1, times: 50 }],
  ];
  it.each(survived)("makes one instance when %s", async (_, fault) => {
    const { cloud, iaas, run } = await start({ faults: [fault] });
    const instance = await run(iaas().launch({ key: "k", ...cloud.launch, until: "running" }));
    expect(instance.state).toBe("running");
    expect(await cloud.tracker()).toEqual([
      expect.stringMatching(/^instance i-\w+ k$/),
      expect.stringMatching(/^volume vol-\w+ k\/\/image-volume$/),
    ]);
    await run(iaas().terminate({ key: "k" }));
    expect(await cloud.tracker()).toEqual([]);
  });

  it("does not know what became of it when the answer never comes, and finds it afterwards", async () => {
    const { cloud, iaas, run } = await start({ faults: [{ kind: "hold", on: "RunInstances" }] });
    const options = { key: "k", ...cloud.launch };
    const held = run(iaas().launch({ ...options, timeoutMs: 30_000 }));
    await expect(held).rejects.toMatchObject({ code: "IAAS_OUTCOME_UNKNOWN" });
    const found = await run(iaas().launch(options));
    expect(await cloud.tracker()).toHaveLength(2);
    expect(await run(collect(iaas().list()))).toMatchObject([{ id: found.id }]);
  });

  it("has the cloud's reason as its error when the cloud gives up after it had accepted", async () => {
    const faults = [
      { kind: "fail-after-accept", on: "RunInstances", code: "Server.InsufficientInstanceCapacity" },
    ] as const;
    const { cloud, iaas, run } = await start({ faults });
    const launch = run(iaas().launch({ key: "k", ...cloud.launch, until: "running" }));
    await expect(launch).rejects.toMatchObject({ code: "IAAS_INSUFFICIENT_CAPACITY" });
    await cloud.clock.advance(60_000);
    expect(await cloud.tracker()).toEqual([]);
  });

  it("ends at once when its credentials have expired", async () => {
    const { cloud, iaas, run } = await start({ faults: [{ kind: "expire-credentials", on: "RunInstances" }] });
    const launch = run(iaas().launch({ key: "k", ...cloud.launch }));
    await expect(launch).rejects.toMatchObject({ code: "IAAS_AUTHENTICATION" });
  });

  it("has an error of the cloud's own words", async () => {
    const { cloud, iaas, run } = await start();
    cloud.inject({ kind: "refuse", on: "RunInstances", code: "VcpuLimitExceeded", message: "no more vCPUs" });
    const launch = run(iaas().launch({ key: "k", ...cloud.launch }));
    await expect(launch).rejects.toMatchObject({ code: "IAAS_QUOTA_EXCEEDED", vendorCode: "VcpuLimitExceeded" });
  });

  it("waits for a volume that comes off slowly", async () => {
    const { clock, cloud, iaas, run } = await start({ faults: [{ kind: "slow-detach", forMs: 90_000 }] });
    const { id } = await run(iaas().launch({ key: "k", ...cloud.launch, until: "running" }));
    const { volumes } = iaas();
    const zone = (await run(iaas().get(id))).placement.zone ?? "";
    const volume = await run(volumes.create({ key: "v", sizeGiB: 1, zone }));
    await run(volumes.attach({ volumeId: volume.id, instanceId: id }));
    const before = clock.now();
    await run(volumes.detach({ volumeId: volume.id, timeoutMs: 300_000 }));
    expect(clock.now() - before).toBeGreaterThan(90_000);
  });
});

describe("a payload that a simulated EC2 has", () => {
  it("is what was sent", async () => {
    const { cloud, iaas, run } = await start();
    const { id } = await run(iaas().launch({ key: "k", ...cloud.launch, payload: Payload.raw("#!/bin/sh\n") }));
    await cloud.clock.advance(5_000);
    const { region, endpoint, credentials } = cloud.connection;
    const ec2 = new EC2({ region, endpoint, credentials });
    const { UserData } = await cloud.clock.run(
      ec2.describeInstanceAttribute({ InstanceId: id, Attribute: "userData" }),
    );
    expect(Buffer.from(UserData?.Value ?? "", "base64").toString()).toBe("#!/bin/sh\n");
    ec2.destroy();
  });
});

describe("a simulation", () => {
  it("of a cloud that is not known lists those that are", async () => {
    const options = { cloud: "azure" } as unknown as SimulationOptions;
    await expect(simulate(options)).rejects.toThrow('cloud is "azure", which is none of: ec2');
  });

  const wrong: [string, object, string][] = [
    [
      "a fault that is not known",
      { faults: [{ kind: "hiccup" }] },
      'faults have the kind "hiccup", which is none of: throttle',
    ],
    ["a fault without its figure", { faults: [{ kind: "delay" }] }, "faults of the kind delay need delayMs"],
    ["an option that is not known", { sede: 1 }, "sede"],
    ["a time that is not known", { timing: { bootMS: 1 } }, "timing.bootMS"],
    ["a zone that is not there", { capacity: { moon: 1 } }, "capacity names a zone that is none of: eu-west-1a"],
  ];
  it.each(wrong)("with %s is refused", async (_, options, message) => {
    await expect(simulate({ cloud: "ec2", ...options })).rejects.toThrow(message);
  });
});

describe("a simulated cloud as a process of its own", () => {
  it("lives on when the controller is killed, and has one instance when that launches again", async () => {
    const cloud = await simulateApart({ cloud: "ec2", faults: [{ kind: "hold", on: "RunInstances" }] });
    open.push(cloud);
    const { connection, launch } = cloud;
    const script = `
      import { Ec2Iaas } from "./src/providers/ec2/index.ts";
      const iaas = new Ec2Iaas({ owner: "me", ...${JSON.stringify(connection)} });
      await iaas.launch({ key: "k", ...${JSON.stringify(launch)} });
    `;
    const controller = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script]);
    const ended = once(controller, "close");
    while (!(await cloud.requests()).some(({ action }) => action === "RunInstances")) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    controller.kill("SIGKILL");
    await ended;
    expect(await cloud.tracker()).toHaveLength(2);
    await cloud.advance(60_000);
    const iaas = new Ec2Iaas({ owner: "me", ...connection });
    const { id, state } = await iaas.launch({ key: "k", ...launch });
    expect(state).toBe("running");
    expect(await cloud.tracker()).toEqual([`instance ${id} k`, expect.stringMatching(/^volume /)]);
  });

  it("takes a fault, and says what is wrong with its options", async () => {
    await expect(simulateApart({ cloud: "azure" as "ec2" })).rejects.toThrow("which is none of: ec2");
    await using cloud = await simulateApart({ cloud: "ec2" });
    await cloud.inject({ kind: "unavailable", on: "DescribeRegions", times: 9 });
    const { region, endpoint, credentials } = cloud.connection;
    const ec2 = new EC2({ region, endpoint, credentials, maxAttempts: 1 });
    expect(await code(ec2.describeRegions({}))).toBe("Unavailable");
    ec2.destroy();
  });
});
