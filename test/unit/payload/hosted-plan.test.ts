import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { gunzipSync } from "node:zlib";

import {
  InvalidInputError,
  Payload,
  PayloadHost,
  payloadFormats,
  type PayloadFormatName,
  type PayloadHosting,
  type PayloadLimits,
  PayloadTooLargeError,
  planPayload,
  Secret,
} from "iaaskit";
import { describe, expect, it } from "vitest";

import { hostSecret, intent } from "../../support/payload-host.ts";
import { contentOf, refusal } from "../../support/payloads.ts";

function limits(maxBytes: number, change: Partial<PayloadLimits> = {}): PayloadLimits {
  const maximum = { value: maxBytes, source: "ours" };
  return { channel: "user-data", maxBytes: maximum, measuredOn: "raw", gzip: true, confidential: false, ...change };
}
const files = (maxBytes: number, maxFiles: number, change: Partial<PayloadLimits> = {}): PayloadLimits =>
  limits(maxBytes, { channel: "files", maxFiles: { value: maxFiles, source: "ours" }, ...change });

const newHost = (change = {}) => new PayloadHost({ url: "http://10.0.0.5/", secret: hostSecret, ...change });
const noise = (bytes: number) => Payload.environment({ NOISE: randomBytes(bytes / 2).toString("hex") });
const secret = Payload.environment({ HOST: "h", TOKEN: new Secret("s3cret-value") });

async function get(host: PayloadHost, text: string): Promise<string> {
  const [url = ""] = /http:\/\/10\.0\.0\.5\/[\w-]{22}/.exec(text) ?? [];
  return await (await host.handle(new Request(url))).text();
}

describe("a payload that fits no other way", () => {
  it("waits at the host, and the instance gets a stub", async () => {
    const host = newHost();
    const payload = noise(40_000);
    const plan = planPayload(payload, limits(16_384), { host });
    expect(plan).toMatchObject({ encoding: "hosted", format: "mime", hosted: { uses: "once" } });
    expect(plan.steps.map(({ encoding, chosen }) => [encoding, chosen])).toEqual([
      ["raw", false],
      ["gzip", false],
      ["hosted", true],
    ]);
    const { body } = await plan.publish(intent);
    expect(body.byteLength).toBe(plan.wireBytes);
    const waiting = await get(host, Buffer.from(body).toString());
    expect(waiting).toContain(Object.values(payload.environment)[0]);
    expect(Buffer.byteLength(waiting)).toBe(plan.hosted?.bytes);
  });

  it("goes another way where that is wide enough", () => {
    const host = newHost();
    expect(planPayload(noise(100), limits(16_384), { host }).encoding).toBe("raw");
    expect(planPayload(Payload.environment({ A: "x".repeat(20_000) }), limits(16_384), { host }).encoding).toBe("gzip");
  });

  it("is the same plan and the same bytes when it is made and published again", async () => {
    const payload = noise(40_000);
    const bodies = [1, 2].map(async () => {
      const plan = planPayload(payload, limits(16_384), { host: newHost() });
      return Buffer.from((await plan.publish(intent)).body).toString("hex");
    });
    const [first, second] = await Promise.all(bodies);
    expect(first).toBe(second);
  });

  it("keeps its cloud-config beside the stub, where cloud-init reads it", async () => {
    const host = newHost();
    const payload = noise(40_000).and(Payload.cloudConfig("packages: [git]\n"));
    const plan = planPayload(payload, limits(16_384), { host });
    const { body } = await plan.publish(intent);
    expect(body.byteLength).toBe(plan.wireBytes);
    const sent = payloadFormats.mime.read(body);
    expect(sent.cloudConfig).toEqual(["packages: [git]\n"]);
    expect(sent.scripts).toHaveLength(1);
    const waiting = await get(host, sent.scripts[0]?.text ?? "");
    expect(waiting).not.toContain("packages");
    expect(waiting).toContain("NOISE=");
  });

  it("is too large where even its stub, with the cloud-config, is", () => {
    const payload = noise(4_000).and(Payload.cloudConfig(`x: ${randomBytes(2_000).toString("hex")}`));
    const error = refusal(() => planPayload(payload, limits(2_000), { host: newHost() }));
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error.message).toContain("(not hosted: the stub that fetches it is too long)");
  });

  it.each<PayloadFormatName>(["json", "env-file", "stratos"])(
    "is too large where its reader runs no stub: %s",
    (format) => {
      const error = refusal(() => planPayload(noise(4_000), limits(2_000), { host: newHost(), format }));
      expect(error.message).toContain(`not hosted: the readers of ${format} run no stub`);
    },
  );

  it("is refused as a shell script when it holds cloud-config, hosted or not", () => {
    const payload = secret.and(Payload.cloudConfig("a: 1"));
    const error = refusal(() => planPayload(payload, limits(2_000), { host: newHost(), format: "shell" }));
    expect(error).toMatchObject({ field: "cloudConfig" });
  });

  it("has no bytes before it is published, and shows none", () => {
    const plan = planPayload(secret, limits(2_000), { host: newHost() });
    expect(() => plan.body).toThrow("a hosted plan has no bytes before publish()");
    expect(inspect(plan, { depth: null, showHidden: true, getters: true })).not.toContain("s3cret-value");
  });

  it("publishes nothing where nothing is hosted", async () => {
    const plan = planPayload(noise(10), limits(2_000), { host: newHost() });
    expect(await plan.publish(intent)).toBe(plan);
    expect(plan.hosted).toBeNull();
  });
});

describe("secrets that others could read back", () => {
  it("take the hosted way, however short they are, and the plan says why", async () => {
    const host = newHost();
    const plan = planPayload(secret, limits(16_384), { host });
    expect(plan.explain().split("\n")).toEqual([
      `user-data as mime, hosted: ${plan.wireBytes} of 16384 bytes (raw), ${plan.headroomBytes} left`,
      "raw: not open, it holds secrets, and others can read this cloud's user data",
      "gzip: not open, it holds secrets, and others can read this cloud's user data",
      `hosted, ${plan.wireBytes} of 16384 bytes, ${plan.headroomBytes} left: waits at the host, fetched once by a stub`,
    ]);
    const text = Buffer.from((await plan.publish(intent)).body).toString();
    expect(text).not.toContain("s3cret-value");
    expect(await get(host, text)).toContain("s3cret-value");
  });

  it("go inline where the caller allows it, or nobody else can read them", () => {
    const host = newHost();
    expect(planPayload(secret, limits(16_384), { host, allowInlineSecrets: true }).encoding).toBe("raw");
    expect(planPayload(secret, limits(16_384, { confidential: true }), { host }).encoding).toBe("raw");
  });

  it("are refused where the only host lets everybody fetch until it expires", () => {
    const host: PayloadHosting = {
      uses: "until expiry",
      urlBytes: 400,
      encrypts: false,
      certificateAuthority: null,
      publish: () => Promise.reject(new Error("not to be called")),
    };
    expect(refusal(() => planPayload(secret, limits(16_384), { host }))).toMatchObject({
      field: "payload.environment.TOKEN",
      rule: "is secret, and others can read this cloud's user data",
    });
    const plan = planPayload(noise(40_000), limits(16_384), { host });
    expect(plan.hosted).toMatchObject({ uses: "until expiry" });
    expect(plan.explain()).toContain("fetched until it expires by a stub");
  });

  it("are refused where their reader runs no stub, and on a channel that is direct", () => {
    const host = newHost();
    const error = refusal(() => planPayload(secret, limits(16_384), { host, format: "env-file" }));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error.rule).toBe(
      "is secret, and others can read this cloud's user data; not hosted: the readers of env-file run no stub",
    );
    expect(refusal(() => planPayload(secret, limits(16_384, { channel: "direct" }), { host })).rule).toBe(
      "is secret, and others can read this cloud's user data",
    );
  });
});

describe("a cloud that takes a few short files", () => {
  const joined = (plan: { readonly files: readonly { readonly content: Uint8Array }[] }) =>
    Buffer.concat(plan.files.map(({ content }) => content));

  it("gets one file where that is enough, as a shell script", () => {
    const payload = Payload.environment({ A: "1" });
    const plan = planPayload(payload, files(4_000, 5));
    expect(plan).toMatchObject({ channel: "files", format: "shell", encoding: "raw" });
    expect(plan.files.map(({ path }) => path)).toEqual(["/etc/iaaskit/payload.0"]);
    expect(contentOf(payloadFormats.shell.read(joined(plan)))).toEqual(contentOf(payload));
  });

  it("gets it compressed, as text, before it gets it in pieces", () => {
    const payload = Payload.environment({ A: "x".repeat(3_000) });
    const plan = planPayload(payload, files(1_500, 5));
    expect(plan.encoding).toBe("gzip");
    const text = joined(plan).toString();
    expect(text).toMatch(/^H4sI[A-Za-z0-9+/=]+$/);
    const unpacked = gunzipSync(Buffer.from(text, "base64"));
    expect(contentOf(payloadFormats.shell.read(unpacked))).toEqual(contentOf(payload));
  });

  it("gets it in pieces, none longer than allowed, and no character cut in two", () => {
    const payload = Payload.environment({ A: "語".repeat(700) });
    const plan = planPayload(payload, files(1_000, 5, { gzip: false }));
    expect(plan.encoding).toBe("split");
    expect(plan.files.length).toBeGreaterThan(2);
    expect(plan.files.map(({ path }) => path)).toEqual(plan.files.map((_, index) => `/etc/iaaskit/payload.${index}`));
    for (const { content } of plan.files) {
      expect(content.byteLength).toBeLessThanOrEqual(1_000);
      expect(Buffer.from(content).toString()).not.toContain("\uFFFD");
    }
    expect(Buffer.from(plan.body)).toEqual(joined(plan));
    expect(contentOf(payloadFormats.shell.read(joined(plan)))).toEqual(contentOf(payload));
  });

  it("gets it in compressed pieces before it is hosted", () => {
    const host = newHost();
    const payload = noise(5_000);
    expect(planPayload(payload, files(1_000, 5), { host })).toMatchObject({
      encoding: "split-gzip",
      limitBytes: 5_000,
    });
    const plan = planPayload(noise(20_000), files(1_000, 5), { host });
    expect(plan.steps.map(({ encoding }) => encoding)).toEqual(["raw", "gzip", "split", "split-gzip", "hosted"]);
    expect(plan).toMatchObject({ encoding: "hosted", limitBytes: 1_000 });
  });

  it("gets the stub in its first file", async () => {
    const plan = await planPayload(secret, files(1_000, 5), { host: newHost() }).publish(intent);
    expect(plan.files).toHaveLength(1);
    expect(joined(plan).toString()).toContain("http://10.0.0.5/");
  });

  it("refuses what needs one file more, counted in files and in bytes", () => {
    const payload = Payload.raw("x".repeat(5_000));
    expect(planPayload(payload, files(1_000, 5)).files).toHaveLength(5);
    const error = refusal(() => planPayload(Payload.raw("x".repeat(5_001)), files(1_000, 5)));
    expect(error).toMatchObject({ code: "IAAS_PAYLOAD_TOO_LARGE", sizeBytes: 5_001, limitBytes: 5_000 });
    const wide = Payload.raw("語".repeat(1_666)); // 4,998 bytes, but 333 characters a file
    expect(refusal(() => planPayload(wide, files(1_000, 5)))).toMatchObject({ code: "IAAS_PAYLOAD_TOO_LARGE" });
  });

  it("counts base64 where the cloud does", () => {
    const plan = planPayload(Payload.raw("x".repeat(3_000)), files(1_000, 5, { measuredOn: "base64" }));
    expect(plan).toMatchObject({ encoding: "split", wireBytes: 4_000, limitBytes: 5_000 });
    expect(plan.files.map(({ content }) => content.byteLength)).toEqual([750, 750, 750, 750]);
  });

  it("is the only one that gets files", () => {
    expect(planPayload(Payload.raw("x"), limits(100)).files).toEqual([]);
  });
});
