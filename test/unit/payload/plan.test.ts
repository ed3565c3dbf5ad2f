import { inspect } from "node:util";
import { gunzipSync } from "node:zlib";

import {
  InvalidInputError,
  Payload,
  type PayloadFormatName,
  payloadFormats,
  type PayloadLimits,
  PayloadTooLargeError,
  planPayload,
  Secret,
} from "iaaskit";
import { describe, expect, it } from "vitest";

import { base64, contentOf, formatNames, refusal } from "../../support/payloads.ts";

function limits(maxBytes: number, change: Partial<PayloadLimits> = {}): PayloadLimits {
  const maximum = { value: maxBytes, source: "ours" };
  return { channel: "user-data", maxBytes: maximum, measuredOn: "raw", gzip: true, confidential: false, ...change };
}
const rawOf = (bytes: number) => Payload.raw("x".repeat(bytes));
/** Shorter by far as gzip. */
const repetitive = Payload.environment({ LONG: "x".repeat(2_000) });
const lengthOf = (format: PayloadFormatName) => payloadFormats[format].write(repetitive).byteLength;
const direct = (maxBytes: number) => limits(maxBytes, { channel: "direct" });

describe("a payload at the limit", () => {
  it.each([
    ["one byte under it", 101, 1],
    ["exactly as long", 100, 0],
  ])("fits where the bytes are counted: %s", (_, maxBytes, headroomBytes) => {
    const plan = planPayload(rawOf(100), limits(maxBytes));
    expect(plan).toMatchObject({ encoding: "raw", wireBytes: 100, limitBytes: maxBytes, headroomBytes });
    const step = { encoding: "raw", wireBytes: 100, limitBytes: maxBytes, headroomBytes, chosen: true };
    expect(plan.steps).toEqual([{ ...step, reason: "fits as it is" }]);
  });

  it("does not fit where the bytes are counted and there is one too many", () => {
    expect(refusal(() => planPayload(rawOf(100), limits(99)))).toMatchObject({ sizeBytes: 100, limitBytes: 99 });
  });

  it.each([
    [97, 132],
    [98, 132],
    [99, 132],
    [100, 136],
    [0, 0],
    [1, 4],
  ])("counts %i bytes as %i where base64 is counted, padding and all", (bytes, wireBytes) => {
    const plan = planPayload(rawOf(bytes), limits(1_000, { measuredOn: "base64" }));
    expect(plan).toMatchObject({ wireBytes, headroomBytes: 1_000 - wireBytes, measuredOn: "base64" });
    expect(base64(plan.body)).toHaveLength(wireBytes);
  });

  it.each([
    ["one under it", 133, 1],
    ["exactly as long", 132, 0],
  ])("fits where base64 is counted: %s", (_, maxBytes, headroomBytes) => {
    const plan = planPayload(rawOf(99), limits(maxBytes, { measuredOn: "base64" }));
    expect(plan).toMatchObject({ wireBytes: 132, headroomBytes });
  });

  it.each([131, 130, 99])("does not fit where base64 is counted and %i are allowed for 132", (maxBytes) => {
    const error = refusal(() => planPayload(rawOf(99), limits(maxBytes, { measuredOn: "base64" })));
    expect(error).toMatchObject({ sizeBytes: 132, limitBytes: maxBytes });
  });

  it("is counted in bytes and not in characters", () => {
    expect(planPayload(Payload.raw("😀é"), limits(6))).toMatchObject({ wireBytes: 6, headroomBytes: 0 });
    expect(refusal(() => planPayload(Payload.raw("😀é"), limits(5)))).toMatchObject({ sizeBytes: 6 });
  });

  it.each(formatNames)("is counted in its form: %s", (format) => {
    const payload = Payload.environment({ HOST: "h" });
    const { byteLength } = payloadFormats[format].write(payload);
    const plan = planPayload(payload, limits(byteLength), { format });
    expect(plan).toMatchObject({ format, encoding: "raw", wireBytes: byteLength, headroomBytes: 0 });
    expect(base64(plan.body)).toBe(base64(payloadFormats[format].write(payload)));
  });
});

describe("a payload that is too long as it is", () => {
  const readByCloudInit: readonly PayloadFormatName[] = ["mime", "shell"];

  it.each(readByCloudInit)("is compressed where cloud-init reads it: %s", (format) => {
    const plainBytes = lengthOf(format);
    const plan = planPayload(repetitive, limits(plainBytes - 1), { format });
    expect(plan).toMatchObject({ channel: "user-data", format, encoding: "gzip", limitBytes: plainBytes - 1 });
    expect(plan.wireBytes).toBe(plan.body.byteLength);
    expect(plan.steps).toEqual([
      {
        encoding: "raw",
        wireBytes: plainBytes,
        limitBytes: plainBytes - 1,
        headroomBytes: -1,
        chosen: false,
        reason: "too long as it is",
      },
      {
        encoding: "gzip",
        wireBytes: plan.wireBytes,
        limitBytes: plainBytes - 1,
        headroomBytes: plan.headroomBytes,
        chosen: true,
        reason: "the guest unpacks gzip",
      },
    ]);
    const read = payloadFormats[format].read(gunzipSync(plan.body));
    expect(contentOf(read)).toEqual(contentOf(repetitive));
  });

  it("is compressed by default as mime", () => {
    expect(planPayload(repetitive, limits(2_000))).toMatchObject({ format: "mime", encoding: "gzip" });
  });

  it("is not compressed where it fits as it is, to the byte", () => {
    expect(planPayload(repetitive, limits(lengthOf("mime"))).encoding).toBe("raw");
    expect(planPayload(repetitive, limits(lengthOf("mime") - 1)).encoding).toBe("gzip");
  });

  it.each(["raw", "base64"] as const)(
    "may be exactly as long as allowed once compressed, measured on %s",
    (measuredOn) => {
      const { wireBytes, body } = planPayload(repetitive, limits(2_000, { measuredOn }));
      expect(wireBytes).toBe(measuredOn === "raw" ? body.byteLength : base64(body).length);
      expect(planPayload(repetitive, limits(wireBytes, { measuredOn })).headroomBytes).toBe(0);
      const error = refusal(() => planPayload(repetitive, limits(wireBytes - 1, { measuredOn })));
      expect(error).toMatchObject({ sizeBytes: wireBytes, limitBytes: wireBytes - 1 });
    },
  );

  it("has the same compressed bytes each time, without time or operating system in them", () => {
    const [first, second] = [1, 2].map(() => planPayload(repetitive, limits(2_000)).body);
    expect(base64(first ?? new Uint8Array())).toBe(base64(second ?? new Uint8Array()));
    expect(Buffer.from(first ?? []).toString("hex", 0, 10)).toBe("1f8b08000000000002ff");
  });

  it.each(formatNames.filter((format) => !readByCloudInit.includes(format)))(
    "is not compressed for readers that do not unpack it: %s",
    (format) => {
      const sizeBytes = lengthOf(format);
      const error = refusal(() => planPayload(repetitive, limits(sizeBytes - 1), { format }));
      expect(error).toBeInstanceOf(PayloadTooLargeError);
      expect(error.message).toBe(
        `payload is ${sizeBytes} bytes as it is (not compressed: the readers of ${format} do not unpack gzip), ` +
          `${sizeBytes - 1} are allowed`,
      );
    },
  );

  it("is not compressed where the guests do not unpack it", () => {
    const sizeBytes = lengthOf("mime");
    const error = refusal(() => planPayload(repetitive, limits(2_000, { gzip: false })));
    expect(error.message).toBe(
      `payload is ${sizeBytes} bytes as it is (not compressed: the guests of this cloud do not unpack gzip), ` +
        "2000 are allowed",
    );
  });
});

describe("raw bytes", () => {
  it("are sent as they are, in no form, whatever form is asked for", () => {
    const plan = planPayload(Payload.raw(new Uint8Array([0, 255, 10])), limits(3), { format: "json" });
    expect(plan).toMatchObject({ format: null, encoding: "raw", wireBytes: 3 });
    expect([...plan.body]).toEqual([0, 255, 10]);
  });

  it("are never compressed", () => {
    const error = refusal(() => planPayload(rawOf(10_000), limits(9_999)));
    expect(error.message).toBe(
      "payload is 10000 bytes as it is (not compressed: raw bytes are sent as they are), 9999 are allowed",
    );
  });
});

describe("a payload that is too large", () => {
  it("is refused with its length, the limit, and where the call came from", () => {
    const at = { provider: "memory", operation: "launch" };
    const error = refusal(() => planPayload(rawOf(101), limits(100, { measuredOn: "base64" }), {}, at));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({
      name: "PayloadTooLargeError",
      code: "IAAS_PAYLOAD_TOO_LARGE",
      field: "payload",
      sizeBytes: 136,
      limitBytes: 100,
      retry: "never",
      outcome: "not-applied",
      ...at,
    });
    expect(error.message).toBe(
      "payload is 136 bytes as it is (not compressed: raw bytes are sent as they are) in base64, 100 are allowed",
    );
  });

  it("is refused with its compressed length where it was compressed in vain", () => {
    const { wireBytes } = planPayload(repetitive, limits(2_000));
    const error = refusal(() => planPayload(repetitive, limits(10)));
    expect(error.message).toBe(`payload is ${wireBytes} bytes compressed, 10 are allowed`);
  });

  it("is refused without showing its secrets", () => {
    const payload = Payload.environment({ TOKEN: new Secret("s3cret-value") });
    const error = refusal(() => planPayload(payload, limits(1), { format: "env-file", allowInlineSecrets: true }));
    expect(`${inspect(error, { depth: null })}${JSON.stringify(error)}`).not.toContain("s3cret-value");
  });
});

describe("secrets in a plan", () => {
  const secret = "s3cret-value";
  const pair = Payload.environment({ HOST: "h", TOKEN: new Secret(secret) });
  const file = Payload.file("/etc/key", secret, { secret: true });

  it.each([
    ["a pair", pair, "payload.environment.TOKEN"],
    ["a file", file, "payload.file /etc/key"],
  ])("are refused where others can read the user data, naming the first: %s", (_, payload, field) => {
    const error = refusal(() => planPayload(payload, limits(10_000)));
    expect(error).toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field,
      rule: "is secret, and others can read this cloud's user data",
      operation: "planPayload",
      provider: "iaaskit",
    });
    expect(`${inspect(error)}${JSON.stringify(error)}`).not.toContain(secret);
  });

  it("are refused on a direct channel too, where others can read it", () => {
    expect(refusal(() => planPayload(pair, limits(10_000, { channel: "direct" })))).toMatchObject({
      field: "payload.environment.TOKEN",
    });
  });

  it("are refused when allowInlineSecrets is false or left undefined", () => {
    for (const allowInlineSecrets of [false, undefined]) {
      expect(refusal(() => planPayload(pair, limits(10_000), { allowInlineSecrets }))).toMatchObject({
        field: "payload.environment.TOKEN",
      });
    }
  });

  it("go where the caller allows it", () => {
    const { body } = planPayload(pair, limits(10_000), { format: "env-file", allowInlineSecrets: true });
    expect(Buffer.from(body).toString()).toBe(`HOST="h"\nTOKEN="${secret}"\n`);
  });

  it("go where nobody but the instance can read them", () => {
    const plan = planPayload(pair, limits(10_000, { confidential: true }), { format: "env-file" });
    expect(plan.wireBytes).toBe(30);
  });

  it.each([
    ["user data", limits(10_000), "raw"],
    ["compressed user data", limits(2_500), "gzip"],
    ["a direct channel", limits(10_000, { channel: "direct" }), "raw"],
  ] as const)("are not shown by the plan's inspect, JSON or explain(): %s", (_, limits, encoding) => {
    const payload = pair.and(file).and(repetitive);
    const plan = planPayload(payload, limits, { allowInlineSecrets: true });
    expect(plan.encoding).toBe(encoding);
    const shown = [
      inspect(plan, { depth: null, showHidden: true, getters: true, maxArrayLength: null }),
      inspect({ plan }),
      JSON.stringify(plan),
      plan.explain(),
    ].join("\n");
    const forms = [Buffer.from(secret), plan.body]
      .filter(({ length }) => length > 0)
      .flatMap((bytes) => [
        Buffer.from(bytes).toString("utf8"),
        base64(bytes).replace(/=+$/, ""),
        [...bytes].join(", "),
      ]);
    expect(forms.filter((form) => shown.includes(form))).toEqual([]);
  });
});

describe("a direct channel", () => {
  const payload = Payload.environment({ A: "é" })
    .and(Payload.file("/a", new Uint8Array(10)))
    .and(Payload.script("#!/bin/sh\n"))
    .and(Payload.cloudConfig("a: 1"));
  const wireBytes = "A=xx\0".length + 10 + "#!/bin/sh\n".length + "a: 1".length;

  it("takes the parts themselves, in no form", () => {
    const plan = planPayload(payload, direct(1_000), { format: "stratos" });
    expect(plan).toMatchObject({ channel: "direct", format: null, encoding: "raw", wireBytes });
    expect(plan.headroomBytes).toBe(1_000 - wireBytes);
    expect(plan.payload).toBe(payload);
    expect(plan.body).toHaveLength(0);
    expect(plan.steps).toEqual([
      {
        encoding: "raw",
        wireBytes,
        limitBytes: 1_000,
        headroomBytes: 1_000 - wireBytes,
        chosen: true,
        reason: "the provider puts the parts in place",
      },
    ]);
  });

  it("takes exactly its limit, and not one byte more", () => {
    expect(planPayload(payload, direct(wireBytes)).headroomBytes).toBe(0);
    const error = refusal(() => planPayload(payload, direct(wireBytes - 1)));
    expect(error).toMatchObject({ code: "IAAS_PAYLOAD_TOO_LARGE", sizeBytes: wireBytes, limitBytes: wireBytes - 1 });
    expect(error.message).toBe(`payload is ${wireBytes} bytes as it is, ${wireBytes - 1} are allowed`);
  });

  it("takes raw bytes as they are", () => {
    const plan = planPayload(rawOf(5), direct(5));
    expect(plan).toMatchObject({ wireBytes: 5, headroomBytes: 0, format: null });
    expect(Buffer.from(plan.body).toString()).toBe("xxxxx");
  });
});

describe("what a plan is given", () => {
  it.each(["yaml", "", "toString", "constructor", "__proto__"])("is refused with the unknown form %j", (format) => {
    const options = { format: format as PayloadFormatName };
    expect(refusal(() => planPayload(repetitive, limits(10_000), options))).toMatchObject({
      field: "payloadFormat",
      rule: "is not known",
    });
  });

  it("is refused with a part that its form cannot hold", () => {
    const script = Payload.script("#!/bin/sh\n");
    expect(refusal(() => planPayload(script, limits(10_000), { format: "stratos" }))).toMatchObject({
      field: "payload",
      rule: "holds more than pairs",
    });
  });
});

describe("a plan in words", () => {
  it("tells what is sent and what is left", () => {
    const plan = planPayload(Payload.environment({ A: "1" }), limits(100), { format: "env-file" });
    expect(plan.explain()).toBe(
      "user-data as env-file, raw: 6 of 100 bytes (raw), 94 left\nraw, 6 of 100 bytes, 94 left: fits as it is",
    );
  });

  it("tells every way that was looked at", () => {
    const plan = planPayload(repetitive, limits(2_000, { measuredOn: "base64" }), { format: "shell" });
    const plainBytes = base64(payloadFormats.shell.write(repetitive)).length;
    expect(plan.explain().split("\n")).toEqual([
      `user-data as shell, gzip: ${plan.wireBytes} of 2000 bytes (base64), ${plan.headroomBytes} left`,
      `raw, ${plainBytes} of 2000 bytes, ${plainBytes - 2000} too many: too long as it is`,
      `gzip, ${plan.wireBytes} of 2000 bytes, ${plan.headroomBytes} left: the guest unpacks gzip`,
    ]);
  });

  it("tells no form where there is none", () => {
    expect(planPayload(rawOf(3), limits(5)).explain()).toBe(
      "user-data, raw: 3 of 5 bytes (raw), 2 left\nraw, 3 of 5 bytes, 2 left: fits as it is",
    );
    expect(planPayload(rawOf(3), limits(5, { channel: "direct" })).explain()).toBe(
      "direct, raw: 3 of 5 bytes (raw), 2 left\nraw, 3 of 5 bytes, 2 left: the provider puts the parts in place",
    );
  });
});
