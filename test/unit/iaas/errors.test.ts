import { inspect } from "node:util";

import * as iaaskit from "iaaskit";
import { IaasError, InvalidInputError, OutcomeUnknownError, Secret, ThrottledError } from "iaaskit";
import { describe, expect, it, vi } from "vitest";

const at = { provider: "ec2", operation: "launch" };

describe("an error", () => {
  it("says provider, operation, code and what to do next, in JSON too", () => {
    const error = new ThrottledError("slow down", {
      ...at,
      vendorCode: "RequestLimitExceeded",
      requestId: "r-1",
      retryAfterMs: 5,
    });
    expect(error).toMatchObject({ code: "IAAS_THROTTLED", retry: "later", outcome: "not-applied", retryAfterMs: 5 });
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: "ThrottledError",
      message: "slow down",
      code: "IAAS_THROTTLED",
      provider: "ec2",
      operation: "launch",
      retry: "later",
      outcome: "not-applied",
      vendorCode: "RequestLimitExceeded",
      requestId: "r-1",
      retryAfterMs: 5,
      created: [],
    });
  });

  it("does not list what nobody knows", () => {
    expect(Object.keys(new ThrottledError("slow down", at))).not.toContain("requestId");
  });

  it("of bad input names field and rule, and the place in a file", () => {
    const error = new InvalidInputError("ports[0].port", "must be a number", {
      ...at,
      file: "web.yaml",
      line: 3,
      column: 5,
    });
    expect(error.message).toBe("web.yaml:3:5: ports[0].port must be a number");
    expect(error).toMatchObject({
      field: "ports[0].port",
      rule: "must be a number",
      file: "web.yaml",
      line: 3,
      column: 5,
    });
  });

  it("is known by is(), also when another copy of the library has made it", async () => {
    vi.resetModules();
    const copy = await import("../../../src/iaas/errors.ts");
    expect(copy.IaasError).not.toBe(IaasError);
    expect(IaasError.is(new copy.OutcomeUnknownError("who knows", at))).toBe(true);
    expect(IaasError.is(new OutcomeUnknownError("who knows", at))).toBe(true);
    for (const other of [new Error("x"), { code: "IAAS_THROTTLED" }, null, undefined, "IAAS_THROTTLED"]) {
      expect(IaasError.is(other)).toBe(false);
    }
  });

  it("has a code of its own class, and each class is exported", () => {
    const classes = Object.entries(iaaskit).filter(([name]) => name.endsWith("Error") && name !== "IaasError");
    expect(classes).toHaveLength(16);
    const make = (Class: unknown): IaasError => {
      const { name } = Class as { name: string };
      const Constructor = Class as new (...words: unknown[]) => IaasError;
      if (name === "PayloadTooLargeError") return new Constructor(2, 1, "raw", at);
      if (name === "MissingDependencyError") return new Constructor("left-pad", at);
      if (["UnsupportedCapabilityError", "InvalidInputError", "ConflictError"].includes(name))
        return new Constructor("in-use", "b", at);
      return new Constructor("text", { ...at, created: [] });
    };
    const codes = classes.map(([, Class]) => make(Class).code);
    expect(new Set(codes).size).toBe(16);
    for (const [name, Class] of classes) expect(make(Class).name).toBe(name);
  });
});

describe("a secret", () => {
  it("does not show itself however it is printed", () => {
    const secret = new Secret("hunter2");
    const shown = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true, depth: 9 }),
    ];
    for (const text of shown) expect(text).not.toContain("hunter2");
    expect(Object.keys(secret)).toEqual([]);
    expect(secret.reveal()).toBe("hunter2");
  });
});
