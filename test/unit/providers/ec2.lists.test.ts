import { describe, expect, it } from "vitest";

import {
  all,
  answer,
  create,
  fixture,
  type Form,
  instance,
  instances,
  ownTags,
  part,
  pass,
  refused,
  type Xml,
} from "../../support/ec2.ts";

const recorded = fixture("describe-instances.xml");
const empty = {
  DescribeAddresses: { addressesSet: [] },
  DescribeVolumes: { volumeSet: [] },
  DescribeSecurityGroups: { securityGroupInfo: [] },
};

/** A page of instances, and the token for the next one. */
const page = (next: string | null, ...found: Xml[]) =>
  answer("DescribeInstances", { ...(instances(...found) as object), ...(next === null ? {} : { nextToken: next }) });

describe("an instance as EC2 tells of it", () => {
  it("is read whole, and nothing is guessed of its texts", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", recorded);
    expect(await pass(clock, iaas.get("i-0a1b2c3d4e5f60001"))).toEqual({
      id: "i-0a1b2c3d4e5f60001",
      name: "web 1 & more <é>",
      ownership: { owner: "me", key: "1.0", generation: 3, fingerprint: "012345678901234567890123" },
      state: "running",
      failure: null,
      imageId: "ami-0a1b2c3d4e5f60001",
      size: "t3.micro",
      placement: { region: "eu-west-1", zone: "eu-west-1b", host: "h-0a1b2c3d4e5f60001" },
      addresses: { private: ["172.31.5.7"], public: ["203.0.113.9"] },
      publishedPorts: [],
      createdAt: new Date("2030-01-02T03:04:05Z"),
      tags: { team: "012345678901", empty: "" },
    });
  });

  it.each([
    ["pending", "pending"],
    ["running", "running"],
    ["shutting-down", "terminating"],
    ["terminated", "terminated"],
    ["stopping", "stopping"],
    ["stopped", "stopped"],
    ["something new", "pending"],
  ])("has a state: %s is %s", async (name, state) => {
    const { api, clock, iaas } = create();
    api.instances(instance("i-1", { instanceState: { name } }));
    expect(await pass(clock, iaas.get("i-1"))).toMatchObject({ state });
  });

  it("is NotFound when EC2 answers without it", async () => {
    const { api, clock, iaas } = create();
    api.instances();
    await expect(pass(clock, iaas.get("i-1"))).rejects.toMatchObject({ code: "IAAS_NOT_FOUND" });
  });

  it("of another owner, or nobody's, is not given and not ended", async () => {
    for (const tags of [{ ...ownTags, "iaaskit:owner": "you" }, { team: "red" }]) {
      const { api, clock, iaas } = create();
      api.instances(instance("i-1", {}, tags));
      await expect(pass(clock, iaas.get("i-1"))).rejects.toMatchObject({ code: "IAAS_PERMISSION_DENIED" });
      await expect(pass(clock, iaas.terminate("i-1"))).rejects.toMatchObject({ code: "IAAS_PERMISSION_DENIED" });
      expect(new Set(api.actions)).toEqual(new Set(["DescribeInstances"]));
    }
  });
});

describe("the list of instances", () => {
  it("asks for this owner's, a thousand at a time, and hides the terminated", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", recorded);
    expect((await pass(clock, all(iaas.list()))).map(({ id }) => id)).toEqual(["i-0a1b2c3d4e5f60001"]);
    expect(api.requests).toEqual([
      {
        Action: "DescribeInstances",
        Version: "2016-11-15",
        "Filter.1.Name": "tag:iaaskit:owner",
        "Filter.1.Value.1": "me",
        MaxResults: "1000",
      },
    ]);
  });

  it("asks for the next page with EC2's token, until there is none", async () => {
    const { api, clock, iaas } = create();
    const [a, b, c, d] = ["i-1", "i-2", "i-3", "i-4"].map((id) => instance(id));
    api
      .on({ Action: "DescribeInstances", NextToken: "two+/=" }, page("three", c!))
      .on({ Action: "DescribeInstances", NextToken: "three" }, page(null, d!))
      .on("DescribeInstances", page("two+/=", a!, b!));
    expect((await pass(clock, all(iaas.list()))).map(({ id }) => id)).toEqual(["i-1", "i-2", "i-3", "i-4"]);
    expect(api.requests.map((form) => form["NextToken"])).toEqual([undefined, "two+/=", "three"]);
    expect(api.requests.every((form) => form["Filter.1.Value.1"] === "me")).toBe(true);
  });

  it("goes on behind an empty page", async () => {
    const { api, clock, iaas } = create();
    api
      .on({ Action: "DescribeInstances", NextToken: "two" }, page(null, instance("i-1")))
      .on("DescribeInstances", page("two"));
    expect(await pass(clock, all(iaas.list()))).toHaveLength(1);
  });

  it("asks for no page that nobody wants", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", page("two", instance("i-1"), instance("i-2")));
    const first = (async () => {
      for await (const { id } of iaas.list()) return id;
      return null;
    })();
    expect(await pass(clock, first)).toBe("i-1");
    expect(api.requests).toHaveLength(1);
  });

  it("fails whole when a later page fails", async () => {
    const { api, clock, iaas } = create();
    api
      .on({ Action: "DescribeInstances", NextToken: "two" }, refused("InvalidParameterValue"))
      .on("DescribeInstances", page("two", instance("i-1")));
    await expect(pass(clock, all(iaas.list()))).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT" });
  });

  it("does not go round in a circle", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", page("again", instance("i-1")));
    await expect(pass(clock, all(iaas.list()))).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
    expect(api.requests).toHaveLength(2);
  });

  it("of a key asks for the key", async () => {
    const { api, clock, iaas } = create();
    api.instances(instance("i-1"), instance("i-2", {}, { ...ownTags, "iaaskit:key": "job-2" }));
    expect((await pass(clock, all(iaas.list({ key: "job-1" })))).map(({ id }) => id)).toEqual(["i-1"]);
    expect(api.requests[0]).toMatchObject({ "Filter.2.Name": "tag:iaaskit:key", "Filter.2.Value.1": "job-1" });
  });
});

/** Terminates so many keys at once, of which none has an instance, and gives the request that looks for them. */
async function lookingFor(count: number): Promise<Form> {
  const { api, clock, iaas } = create();
  api.instances();
  for (const [action, content] of Object.entries(empty)) api.on(action, answer(action, content));
  const keys = Array.from({ length: count }, (_, index) => `key-${index}`);
  await pass(clock, Promise.all(keys.map(async (key) => await iaas.terminate({ key }))));
  expect(api.sent("DescribeInstances")).toHaveLength(1);
  return api.sent("DescribeInstances")[0]!;
}

describe("calls of the same moment", () => {
  it("look for their keys with one request", async () => {
    const form = await lookingFor(200);
    expect(form).toMatchObject({ "Filter.2.Name": "tag:iaaskit:key", "Filter.2.Value.200": "key-199" });
  });

  it("look through all of the owner's where the keys are more than a filter takes", async () => {
    const form = await lookingFor(201);
    expect(part(form, "Filter.")).toEqual({ "Filter.1.Name": "tag:iaaskit:owner", "Filter.1.Value.1": "me" });
  });
});

/** What DescribeInstances answers of an instance in a state. */
function state(name: string): string {
  return answer("DescribeInstances", instances(instance("i-1", { instanceState: { name } })));
}

describe("power and console", () => {
  it("stops, starts and reboots by id", async () => {
    const { api, clock, iaas } = create();
    api
      .on(
        "DescribeInstances",
        ...([
          state("running"),
          state("stopping"),
          state("stopped"),
          state("stopped"),
          state("pending"),
          state("running"),
        ] as const),
      )
      .on("StopInstances", answer("StopInstances"))
      .on("StartInstances", refused("IncorrectInstanceState"), answer("StartInstances"))
      .on("RebootInstances", answer("RebootInstances", { return: true }));
    expect(await pass(clock, iaas.stop("i-1"))).toMatchObject({ state: "stopped" });
    expect(await pass(clock, iaas.start("i-1"))).toMatchObject({ state: "running" });
    expect(await pass(clock, iaas.reboot("i-1"))).toMatchObject({ state: "running" });
    expect(api.requests.filter((form) => !form["Action"]?.startsWith("Describe"))).toMatchObject([
      { Action: "StopInstances", "InstanceId.1": "i-1" },
      { Action: "StartInstances", "InstanceId.1": "i-1" },
      { Action: "StartInstances", "InstanceId.1": "i-1" },
      { Action: "RebootInstances", "InstanceId.1": "i-1" },
    ]);
  });

  it("reads the console's text, and none where there is none yet", async () => {
    const { api, clock, iaas } = create();
    const output = Buffer.from("Linux é\n").toString("base64");
    api
      .instances(instance("i-1"))
      .on("GetConsoleOutput", answer("GetConsoleOutput"), answer("GetConsoleOutput", { output }));
    expect(await pass(clock, iaas.consoleOutput("i-1"))).toBe("");
    expect(await pass(clock, iaas.consoleOutput("i-1"))).toBe("Linux é\n");
  });
});

describe("a probe", () => {
  it("tells whose account it is", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSecurityGroups", fixture("describe-security-groups.xml"));
    expect(await pass(clock, iaas.probe())).toMatchObject({ account: "111122223333", capabilities: iaas.capabilities });
    expect(api.actions).toEqual(["DescribeSecurityGroups"]);
  });

  it("does not know the account where it has no security group", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeSecurityGroups", answer("DescribeSecurityGroups", empty.DescribeSecurityGroups));
    expect(await pass(clock, iaas.probe())).toMatchObject({ account: null });
  });
});
