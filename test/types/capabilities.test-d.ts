import {
  defineCapabilities,
  type FloatingIps,
  type Iaas,
  IaasError,
  type KeyPairs,
  type SecurityGroups,
} from "iaaskit";
import type { Ec2Iaas } from "iaaskit/ec2";
import type { LocalIaas } from "iaaskit/local";
import { describe, expectTypeOf, it } from "vitest";

declare const iaas: Iaas;
declare const ec2: Ec2Iaas;
declare const local: LocalIaas;

describe("an Iaas whose type is known", () => {
  it("has the facets that its flags declare", () => {
    expectTypeOf(ec2.floatingIps).toEqualTypeOf<FloatingIps>();
    expectTypeOf(ec2.securityGroups).toEqualTypeOf<SecurityGroups>();
    expectTypeOf(ec2.keyPairs).toEqualTypeOf<KeyPairs>();
    expectTypeOf(ec2.capabilities.payload.measuredOn).toEqualTypeOf<"raw">();
    expectTypeOf(ec2.stop).toBeCallableWith("i-1");
  });

  it("has not those whose flags are off, nor within can()", () => {
    // @ts-expect-error this machine has no security groups
    void local.securityGroups;
    // @ts-expect-error and asking makes none
    void (local.can("securityGroups") && local.securityGroups);
    // @ts-expect-error nor key pairs that are generated
    void (local.can("keyPairs.generate") && local.keyPairs);
  });

  it("has to ask for those that differ by machine", () => {
    // @ts-expect-error only Linux has them
    void local.floatingIps;
    if (local.can("floatingIps")) expectTypeOf(local.floatingIps).toEqualTypeOf<FloatingIps>();
  });

  it("stays what it is when it has been asked", () => {
    if (ec2.can("volumes.snapshots")) expectTypeOf(ec2).toExtend<Ec2Iaas>();
    expectTypeOf(ec2).toExtend<Iaas>();
    expectTypeOf(local).toExtend<Iaas>();
  });
});

describe("an Iaas of any kind", () => {
  it("has to be asked first", () => {
    // @ts-expect-error ask first
    void iaas.floatingIps;
    // @ts-expect-error ask first
    void iaas.stop("i-1");
    if (iaas.can("floatingIps")) expectTypeOf(iaas.floatingIps).toEqualTypeOf<FloatingIps>();
    if (iaas.can("keyPairs.generate")) expectTypeOf(iaas.keyPairs).toEqualTypeOf<KeyPairs>();
    if (iaas.can("stop") && iaas.can("floatingIps")) {
      expectTypeOf(iaas.stop).toBeCallableWith("i-1");
      expectTypeOf(iaas.floatingIps).toEqualTypeOf<FloatingIps>();
    }
    if (!iaas.can("floatingIps")) expectTypeOf(iaas.get).toBeCallableWith("i-1");
  });

  it("has no capability of another name", () => {
    // @ts-expect-error misspelt
    void iaas.can("floatingIp");
  });
});

describe("capabilities", () => {
  const limit = { value: 1, source: "ours" };
  const rest = {
    payload: { channel: "direct", maxBytes: limit, measuredOn: "raw", gzip: false, confidential: true },
    publicAddress: "none",
    placement: { region: false, zone: false, host: false },
    names: { pattern: ".", maxLength: limit },
    tags: { maxCount: limit, maxKeyLength: limit, maxValueLength: limit },
    idempotency: "tag",
    visibilityLagMs: 0,
    pollIntervalMs: 1,
    billingStepSeconds: null,
  } as const;

  it("that are left out are off, and the others keep their literal types", () => {
    const declared = defineCapabilities({ ...rest, keyPairs: { import: true, generate: false } });
    expectTypeOf(declared.floatingIps).toEqualTypeOf<false>();
    expectTypeOf(declared.keyPairs).toEqualTypeOf<{ readonly import: true; readonly generate: false }>();
  });

  it("must be complete in what is no flag", () => {
    const { payload: _payload, ...incomplete } = rest;
    // @ts-expect-error the payload's limits are missing
    defineCapabilities(incomplete);
  });
});

describe("an error", () => {
  it("is narrowed by its code", () => {
    const error: unknown = null;
    if (IaasError.is(error) && error.code === "IAAS_CONFLICT") {
      expectTypeOf(error.reason).toEqualTypeOf<
        "name-taken" | "in-use" | "wrong-state" | "spec-mismatch" | "token-spent"
      >();
    }
  });
});
