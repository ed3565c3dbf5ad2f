import { randomBytes } from "node:crypto";

import { describe, expect, it } from "vitest";

import {
  all,
  answer,
  create,
  credentials,
  failureOf,
  instance,
  instances,
  launchOptions,
  pass,
  refusal,
  refused,
  type Reply,
} from "../../support/ec2.ts";

const whole = answer("DescribeInstances", instances(instance("i-1")));
const regions = answer("DescribeRegions", { regionInfo: [{ regionName: "eu-west-1" }] });

describe("an answer that is none of EC2's", () => {
  const answers: [string, Reply][] = [
    ["nothing at all", ""],
    ["a gateway's page, status 500", { status: 500, body: "<!doctype html><html><hr>500</html>" }],
    ["a gateway's page, status 502", { status: 502, body: "<html><body><p>Bad gateway</p></body></html>" }],
    ["a portal's page, status 200", "<!DOCTYPE html><html><body><p>Please log in</p></body></html>"],
    ["JSON", '{"reservationSet":[]}'],
    ["another action's answer", answer("DescribeVolumes", { volumeSet: [] })],
    ["one that was cut off in a tag", whole.slice(0, 400)],
    ["one that was cut off in a text", whole.slice(0, whole.indexOf("t3.micro") + 3)],
    ["one whose last tag is missing", whole.slice(0, whole.lastIndexOf("</"))],
    ["one that is nested too deep", `<DescribeInstancesResponse>${"<a>".repeat(100_000)}`],
    ["no content", { status: 204, body: "" }],
  ];

  it.each(answers)("is unavailable for a list, and never an empty one: %s", async (_, reply) => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", reply);
    await expect(pass(clock, all(iaas.list()))).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      retry: "same",
      requestId: "req-of-the-header",
      message: expect.stringContaining("not as EC2 does") as string,
    });
    expect(api.requests).toHaveLength(4);
  });

  it.each(answers)("is unavailable for a get, and never NotFound: %s", async (_, reply) => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", reply);
    await expect(pass(clock, iaas.get("i-1"))).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
    expect(api.requests).toHaveLength(4);
  });

  it("does not make terminate a success", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", "<html></html>");
    await expect(pass(clock, iaas.terminate({ key: "job-1" }))).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
  });

  it("does not make a launch", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", "<html></html>");
    await expect(pass(clock, iaas.launch(launchOptions))).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE" });
    expect(api.sent("RunInstances")).toEqual([]);
  });

  it.each([403, 404, 407])("is no reason to ask again when it refuses, with status %i", async (status) => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", { status, body: "<html><hr></html>" });
    await expect(pass(clock, all(iaas.list()))).rejects.toMatchObject({
      code: "IAAS_PROVIDER_FAILURE",
      retry: "never",
      message: expect.stringContaining(String(status)) as string,
    });
    expect(api.requests).toHaveLength(1);
  });
});

describe("an answer that is too long", () => {
  it("is refused quickly for one text of 1 MB", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeInstances", answer("DescribeInstances", { reservationSet: [{ ownerId: "x".repeat(1_000_000) }] }));
    const start = performance.now();
    await expect(pass(clock, all(iaas.list()))).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      message: expect.stringContaining("longer than any of EC2's") as string,
    });
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it("is refused for more than 32 MB in all", async () => {
    const { api, clock, iaas } = create();
    const item = `<item><ownerId>${"x".repeat(1_000)}</ownerId></item>`;
    const body = `<DescribeRegionsResponse><regionInfo>${item.repeat(34_000)}</regionInfo></DescribeRegionsResponse>`;
    api.on("DescribeRegions", body, regions);
    const start = performance.now();
    expect(await pass(clock, all(iaas.catalog.regions()))).toEqual([{ id: "eu-west-1" }]);
    expect(api.requests).toHaveLength(2);
    expect(performance.now() - start).toBeLessThan(3_000);
  });

  it("is not what the longest console output is", async () => {
    const { api, clock, iaas } = create();
    const output = randomBytes(64 * 1024)
      .toString("hex")
      .slice(0, 64 * 1024);
    api
      .instances(instance("i-1"))
      .on("GetConsoleOutput", answer("GetConsoleOutput", { output: Buffer.from(output).toString("base64") }));
    expect(await pass(clock, iaas.consoleOutput("i-1"))).toBe(output);
  });

  it("is not what a page of 1,000 instances is", async () => {
    const { api, clock, iaas } = create();
    const items = Array.from({ length: 1_000 }, (_, index) => instance(`i-${index}`, { padding: "p".repeat(2_000) }));
    api.instances(...items);
    expect(await pass(clock, all(iaas.list()))).toHaveLength(1_000);
  });
});

describe("a machine whose clock is wrong", () => {
  const hour = 3_600_000;
  const threeHoursAgo = { date: new Date(Date.now() - 3 * hour).toUTCString() };
  const expired = (code: string): Reply => ({ status: 400, body: refusal(code), headers: threeHoursAgo });
  /** The times by which the requests are signed, as far as they are off. */
  const offsets = (headers: readonly Readonly<Record<string, string>>[]) =>
    headers.map((header) => {
      const [, year, month, day, h, m, s] = /^(\d{4})(..)(..)T(..)(..)(..)Z$/.exec(header["x-amz-date"] ?? "") ?? [];
      return Math.round((Date.parse(`${year}-${month}-${day}T${h}:${m}:${s}Z`) - Date.now()) / hour) + 0; // no -0
    });

  it.each(["RequestExpired", "AuthFailure", "SignatureDoesNotMatch"])(
    "makes one more try, signed by the server's time, after %s",
    async (code) => {
      const { api, clock, iaas } = create();
      api.on("DescribeRegions", expired(code), regions);
      expect(await pass(clock, all(iaas.catalog.regions()))).toEqual([{ id: "eu-west-1" }]);
      expect(offsets(api.requestHeaders)).toEqual([0, -3]);
    },
  );

  it("makes no third try", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeRegions", expired("RequestExpired"));
    await expect(pass(clock, all(iaas.catalog.regions()))).rejects.toMatchObject({ code: "IAAS_AUTHENTICATION" });
    expect(offsets(api.requestHeaders)).toEqual([0, -3]);
  });

  it("signs by the server's time from then on", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeRegions", expired("RequestExpired"), { status: 200, body: regions, headers: threeHoursAgo });
    await pass(clock, all(iaas.catalog.regions()));
    await pass(clock, all(iaas.catalog.regions()));
    expect(offsets(api.requestHeaders)).toEqual([0, -3, -3]);
  });

  it("repeats nothing that was refused for another reason", async () => {
    const { api, clock, iaas } = create();
    api.on("CreateKeyPair", expired("InvalidKeyPair.Duplicate"));
    await expect(pass(clock, iaas.keyPairs.generate({ name: "ops" }))).rejects.toMatchObject({ code: "IAAS_CONFLICT" });
    expect(api.requests).toHaveLength(1);
  });

  it("is not what a refusal is taken for when the clock is right", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeRegions", refused("AuthFailure", 401));
    await expect(pass(clock, all(iaas.catalog.regions()))).rejects.toMatchObject({ code: "IAAS_AUTHENTICATION" });
    expect(api.requests).toHaveLength(1);
  });
});

describe("credentials", () => {
  const soon = 60_000;

  it("sign every request with key, scope and session token", async () => {
    const { api, clock, iaas } = create();
    api.on("DescribeRegions", regions);
    await pass(clock, all(iaas.catalog.regions()));
    const [headers] = api.requestHeaders;
    expect(headers?.["authorization"]).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/eu-west-1\/ec2\/aws4_/);
    expect(headers?.["x-amz-security-token"]).toBe("canary-token");
  });

  it("that are given by a function and end soon are asked for again", async () => {
    let asked = 0;
    const { api, clock, iaas } = create({
      credentials: async () => {
        asked += 1;
        return await Promise.resolve({
          ...credentials,
          accessKeyId: `AKIA${asked}`,
          expiration: new Date(Date.now() + soon),
        });
      },
    });
    api.on("DescribeRegions", regions);
    await pass(clock, all(iaas.catalog.regions()));
    const first = asked;
    await pass(clock, all(iaas.catalog.regions()));
    expect(asked).toBeGreaterThan(first);
  });

  it("that are given by a function and never end are asked for once", async () => {
    let asked = 0;
    const { api, clock, iaas } = create({
      credentials: async () => {
        asked += 1;
        return await Promise.resolve(credentials);
      },
    });
    api.on("DescribeRegions", regions);
    for (let call = 0; call < 3; call += 1) await pass(clock, all(iaas.catalog.regions()));
    expect(asked).toBe(1);
  });

  it("that cannot be had fail the call with the reason, and nothing is sent", async () => {
    const { api, clock, iaas } = create({
      credentials: async () => await Promise.reject(new Error("the vault is shut")),
    });
    const error = await failureOf(pass(clock, all(iaas.catalog.regions())));
    expect(error).toMatchObject({
      outcome: "not-applied",
      message: expect.stringContaining("the vault is shut") as string,
    });
    expect(api.requests).toEqual([]);
  });
});
