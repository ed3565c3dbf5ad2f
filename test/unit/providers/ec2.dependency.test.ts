import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { Ec2Iaas } from "iaaskit/ec2";
import { describe, expect, it } from "vitest";

import { projectPath } from "../../support/folders.ts";

describe("AWS' SDK", () => {
  it("is named, with what to do, by the first call where it is not installed", async () => {
    const script = projectPath("test/support/ec2-without-sdk.ts");
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script], {
      cwd: projectPath("."),
    });
    const error = {
      name: "MissingDependencyError",
      code: "IAAS_MISSING_DEPENDENCY",
      message: "ec2 needs @aws-sdk/client-ec2: npm install @aws-sdk/client-ec2",
      packageName: "@aws-sdk/client-ec2",
      provider: "ec2",
      retry: "never",
      outcome: "not-applied",
    };
    expect(JSON.parse(stdout)).toMatchObject([
      { ...error, operation: "probe" },
      { ...error, operation: "get" },
    ]);
  });
});

describe("the options of an Ec2Iaas", () => {
  const options = { owner: "me", region: "eu-west-1" };

  it.each([
    [{ ...options, region: "" }, "region"],
    [{ region: "eu-west-1" }, "owner"],
    [{ ...options, regoin: "x" }, "regoin"],
    [{ ...options, credentials: { accessKeyId: "", secretAccessKey: "s" } }, "credentials.accessKeyId"],
    [{ ...options, credentials: { accessKeyId: "a" } }, "credentials.secretAccessKey"],
  ])("are refused when they are wrong: %j", (wrong, field) => {
    expect(() => new Ec2Iaas(wrong as never)).toThrow(
      expect.objectContaining({ code: "IAAS_INVALID_INPUT", field, operation: "new" }) as Error,
    );
  });

  it("may leave the credentials out, and nothing is looked for before the first call", () => {
    expect(new Ec2Iaas(options).owner).toBe("me");
  });
});
