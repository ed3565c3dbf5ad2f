import { inspect } from "node:util";

import { Payload, Secret } from "iaaskit";
import type { Ec2Options } from "iaaskit/ec2";
import { describe, expect, it } from "vitest";

import {
  all,
  create,
  credentials,
  failureOf,
  instance,
  launchOptions,
  lost,
  pass,
  refusal,
  refused,
  type Reply,
} from "../../support/ec2.ts";

const { secretAccessKey, sessionToken } = credentials;
const echo = `POST / x-amz-security-token:${sessionToken} key:${secretAccessKey}`;

/** Everything of an error that may end up in a log. */
function shown(error: unknown): string {
  const { stack, cause } = error as Error;
  const causes = inspect(cause, { depth: 20, showHidden: true });
  return [inspect(error, { depth: 20, showHidden: true }), JSON.stringify(error), String(error), stack, causes].join(
    "\n",
  );
}

function expectClean(error: unknown): void {
  const text = shown(error);
  for (const secret of [secretAccessKey, sessionToken, Buffer.from(sessionToken).toString("base64")]) {
    expect(text).not.toContain(secret);
  }
  expect(text).toContain("ec2");
}

const sources: [string, Ec2Options["credentials"]][] = [
  ["given as texts", credentials],
  [
    "given as secrets",
    { ...credentials, secretAccessKey: new Secret(secretAccessKey), sessionToken: new Secret(sessionToken) },
  ],
  ["given by a function", async () => await Promise.resolve(credentials)],
];

const failures: [string, Reply][] = [
  [
    "the refusal that repeats what was signed",
    refused("SignatureDoesNotMatch", 403, `The Canonical String is '${echo}'`),
  ],
  ["a refusal with an unknown code", refused("NobodyKnows", 400, echo)],
  ["a failure that repeats the request", refused("InternalError", 500, echo)],
  ["a page that repeats the request", { status: 502, body: `<html><hr>${echo}</html>` }],
  ["an answer that cannot be read", `<DescribeInstancesResponse><a>${echo}</b>`],
  [
    "an answer that is too long",
    `<DescribeInstancesResponse><a>${echo.repeat(10_000)}</a></DescribeInstancesResponse>`,
  ],
  ["an answer of another action", `<Other><a>${echo}</a></Other>`],
  ["a connection that broke", lost],
  [
    "a refusal for now",
    { status: 503, body: refusal("RequestLimitExceeded", echo), headers: { "retry-after": "900" } },
  ],
];

describe.each(sources)("credentials %s", (_, given) => {
  it.each(failures)("are not shown by %s", async (_name, reply) => {
    const { api, clock, iaas } = create({ credentials: given });
    api.on("DescribeInstances", reply);
    const error = await failureOf(pass(clock, all(iaas.list())));
    expect(error).toMatchObject({ provider: "ec2", operation: "list" });
    expectClean(error);
  });

  it("are not shown by the Iaas itself", () => {
    const { iaas } = create({ credentials: given });
    expect(inspect(iaas, { depth: 20, showHidden: true })).not.toContain("canary");
    expect(JSON.stringify(iaas)).not.toContain("canary");
  });
});

describe("credentials that are refused", () => {
  it.each([
    ["credentials.secretAccessKey", { ...credentials, secretAccessKey: "" }],
    ["credentials.accessKeyId", { ...credentials, accessKeyId: "" }],
  ])("are named and not shown: %s", async (field, given) => {
    const error = await failureOf((async () => await Promise.resolve(create({ credentials: given })))());
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field });
    expectClean(error);
  });
});

describe("a secret of the payload", () => {
  it("is not shown when EC2 repeats the user data", async () => {
    const payload = Payload.environment({ TOKEN: new Secret("canary-of-the-payload") });
    const { api, clock, iaas } = create();
    api.launchable().on("RunInstances", refused("InvalidUserData.Malformed", 400, "Bad: TOKEN=canary-of-the-payload"));
    const launch = iaas.launch({ ...launchOptions, payload, payloadFormat: "env-file", allowInlineSecrets: true });
    const error = await failureOf(pass(clock, launch));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "payload" });
    expect(shown(error)).not.toContain("canary-of-the-payload");
  });
});

describe("a secret of the connection", () => {
  it("is not shown by the failure of an instance", async () => {
    const { api, clock, iaas } = create();
    const reason = { code: "Client.InvalidParameter", message: echo };
    api.instances(instance("i-1", { instanceState: { name: "terminated" }, stateReason: reason }));
    const found = await pass(clock, iaas.get("i-1"));
    expectClean(await failureOf(pass(clock, iaas.waitUntil(found, "running"))));
  });
});
