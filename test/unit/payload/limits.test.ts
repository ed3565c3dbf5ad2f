import { Payload, PayloadHost, type PayloadLimits, planPayload } from "iaaskit";
import { ec2Capabilities } from "iaaskit/ec2";
import { localCapabilities } from "iaaskit/local";
import { describe, expect, it } from "vitest";

import { hostSecret } from "../../support/payload-host.ts";
import { refusal } from "../../support/payloads.ts";

/** Every provider there is, and the most raw bytes that its cloud takes. */
const table: readonly { readonly name: string; readonly limits: PayloadLimits; readonly mostBytes: number }[] = [
  { name: "ec2", limits: ec2Capabilities.payload, mostBytes: 16_384 },
  { name: "local", limits: localCapabilities.payload, mostBytes: 1_048_576 },
];

/** Clouds whose provider may come: what is measured on base64, and what comes in files. */
const forms: typeof table = [
  { name: "OpenStack Nova", limits: limitsOf(65_535, { measuredOn: "base64" }), mostBytes: 49_149 },
  { name: "CloudStack by GET", limits: limitsOf(4_095, { measuredOn: "base64" }), mostBytes: 3_069 },
  { name: "Rackspace's files", limits: limitsOf(1_000, { channel: "files", maxFiles: limitOf(5) }), mostBytes: 5_000 },
];

function limitOf(value: number) {
  return { value, source: "ours" };
}
function limitsOf(maxBytes: number, change: Partial<PayloadLimits>): PayloadLimits {
  const limits = { channel: "user-data", measuredOn: "raw", gzip: true, confidential: false } as const;
  return { ...limits, maxBytes: limitOf(maxBytes), ...change };
}

describe.each([...table, ...forms])("$name", ({ limits, mostBytes }) => {
  it.each([
    ["one byte under its limit", -1],
    ["its limit", 0],
  ])("takes %s", (_, difference) => {
    const plan = planPayload(Payload.raw("x".repeat(mostBytes + difference)), limits);
    expect(plan.body).toHaveLength(mostBytes + difference);
    expect(plan.wireBytes).toBeLessThanOrEqual(plan.limitBytes);
  });

  it("is not sent one byte more", () => {
    const error = refusal(() => planPayload(Payload.raw("x".repeat(mostBytes + 1)), limits));
    expect(error.code).toBe("IAAS_PAYLOAD_TOO_LARGE");
  });
});

it("a host turns one byte too many into a stub, wherever a stub can run", () => {
  const host = new PayloadHost({ url: "http://10.0.0.5/", secret: hostSecret });
  for (const { name, limits, mostBytes } of [...table, ...forms]) {
    const random = Array.from({ length: mostBytes }, () => String.fromCodePoint(33 + Math.floor(Math.random() * 94)));
    const payload = Payload.file("/noise", random.join(""));
    const encodings = limits.channel === "direct" ? null : planPayload(payload, limits, { host }).encoding;
    expect(encodings, name).toBe(limits.channel === "direct" ? null : "hosted");
  }
});
