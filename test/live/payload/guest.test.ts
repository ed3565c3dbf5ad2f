import { createHash } from "node:crypto";

import { Payload, payloadFormats, type PayloadLimits, planPayload, reveal, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { bedHost, bootWith, type GuestReport } from "../support/guest.ts";

/** Every kind of part, and what breaks encoders. */
const values = {
  PLAIN: "app.example.org",
  SPECIAL: "a=b,c|d;e'f\"g`h$(touch /pwned)${HOME}\\i]]>&<!--\t",
  LINES: "one\ntwo\n\nthree\n",
  UNICODE: "é語😀\u2028",
  EMPTY: "",
};
const payload = Payload.environment(values)
  .and(Payload.file("/opt/app/text.conf", "key = 'value' $x\n", { mode: 0o640, owner: "root:daemon" }))
  .and(
    Payload.file(
      "/opt/app/deep/binary",
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
      { mode: 0o755 },
    ),
  )
  .and(Payload.script('#!/bin/sh\necho first >>/opt/order\nprintf %s "$SPECIAL" >/opt/special\n', { name: "z-first" }))
  .and(Payload.script("#!/bin/bash\necho second >>/opt/order\n", { name: "a-second" }))
  .and(Payload.script("#!/usr/bin/python3\nopen('/opt/order','a').write('third é\\n')\n", { name: "a-second" }))
  .and(Payload.cloudConfig({ runcmd: ["echo cloud-config 1 >>/opt/config"], write_files: [written("one")] }))
  .and(
    Payload.cloudConfig(
      `runcmd: ['echo cloud-config 2 >>/opt/config']\nwrite_files: [${JSON.stringify(written("two"))}]\n`,
    ),
  );

function written(name: string) {
  return { path: `/opt/written-${name}`, content: name, permissions: "0600" };
}

function limits(maxBytes: number, gzip = true): PayloadLimits {
  const limit = { value: maxBytes, source: "ours" };
  return { channel: "user-data", maxBytes: limit, measuredOn: "raw", gzip, confidential: false };
}

/** Every file, with its mode, owner and bytes; the pairs; the scripts in their order. */
function expectArrived(report: GuestReport, sent: Payload): void {
  expect(report).toMatchObject({ ok: true, errors: [], warnings: [] });
  const found = new Map(report.files.map((file) => [file.path, file]));
  const textOf = (path: string) => found.get(path)?.text;
  const pairs = Payload.environment(sent.environment);
  expect(textOf("/etc/iaaskit/payload.env")).toBe(Buffer.from(payloadFormats["env-file"].write(pairs)).toString());
  expect(found.get("/etc/iaaskit/payload.env")).toMatchObject({ mode: "0600", uid: 0, gid: 0 });
  for (const { path, content, mode, owner } of sent.files) {
    expect(found.get(path), path).toMatchObject({
      mode: mode.toString(8).padStart(4, "0"),
      uid: 0,
      gid: owner === "root:daemon" ? 1 : 0,
      sha256: createHash("sha256").update(content).digest("hex"),
    });
  }
  expect(textOf("/opt/order")).toBe("first\nsecond\nthird é\n");
  expect(textOf("/opt/special")).toBe(reveal(sent.environment["SPECIAL"] ?? ""));
  if (sent.cloudConfig.length > 0) {
    expect(textOf("/opt/config")).toBe("cloud-config 1\ncloud-config 2\n");
    for (const name of ["one", "two"]) {
      expect(found.get(`/opt/written-${name}`)).toMatchObject({ mode: "0600", text: name });
    }
  }
  expect(found.has("/pwned")).toBe(false);
  const parts = [...sent.files.map(({ path }) => `file ${path}`), ...sent.scripts.map(({ name }) => `script ${name}`)];
  const lines = ["environment", ...parts].map((part) => `ok ${part}\n`);
  expect(textOf("/etc/iaaskit/payload.report")).toBe(lines.join(""));
}

const noCloudConfig = [
  Payload.environment(payload.environment),
  ...payload.files.map(({ path, content, mode, owner }) =>
    Payload.file(path, content, { mode, ...(owner === null ? {} : { owner }) }),
  ),
  ...payload.scripts.map(({ name, text }) => Payload.script(text, { name })),
].reduce((whole, part) => whole.and(part));

describe.each(["bookworm", "trixie"] as const)("cloud-init of %s", (suite) => {
  it("puts every kind of part of a multipart in place", async () => {
    const plan = planPayload(payload, limits(65_536));
    expect(plan.encoding).toBe("raw");
    expectArrived(await bootWith(plan.body, { suite }), payload);
  });

  it("unpacks the same from gzip", async () => {
    const padded = payload.and(Payload.file("/opt/app/padding", "x".repeat(20_000)));
    const plan = planPayload(padded, limits(16_384));
    expect(plan.encoding).toBe("gzip");
    expectArrived(await bootWith(plan.body, { suite, datasource: "ec2" }), padded);
  });

  it("runs the same as one shell script", async () => {
    const plan = planPayload(noCloudConfig, limits(65_536), { format: "shell" });
    expectArrived(await bootWith(plan.body, { suite }), noCloudConfig);
  });

  it("fetches the same once by a stub of 255 bytes, and not again at the next boot", async () => {
    const { host, serve, send } = bedHost("once");
    const secret = noCloudConfig.and(Payload.environment({ TOKEN: new Secret("s3cret") }));
    const body = await send(planPayload(secret, limits(255, false), { host }));
    expect(body.byteLength).toBeLessThanOrEqual(255);
    const report = await bootWith(body, { suite, serve, boots: 2 });
    expectArrived(report, secret);
    expect(report.requests).toHaveLength(1);
  });

  it("fetches the same by the fuller stub, with its cloud-config beside it", async () => {
    const { host, serve, send } = bedHost("once");
    const secret = payload.and(Payload.environment({ TOKEN: new Secret("s3cret") }));
    const body = await send(planPayload(secret, limits(16_384), { host }));
    expect(Buffer.from(body).toString()).not.toContain("s3cret");
    const report = await bootWith(body, { suite, serve });
    expectArrived(report, secret);
    expect(report.requests).toHaveLength(1);
  });
});

it("a stub gets through a host that fails at first", async () => {
  const { host, serve, send } = bedHost("flaky/2");
  const body = await send(planPayload(noCloudConfig, limits(255, false), { host, allowInlineSecrets: false }));
  const report = await bootWith(body, { serve });
  expectArrived(report, noCloudConfig);
  expect(report.requests?.length).toBe(3);
});

describe.each(["configdrive", "openstack", "cloudstack", "vmware"] as const)("the data source %s", (datasource) => {
  it("gives the guest the same", async () => {
    expectArrived(await bootWith(planPayload(payload, limits(49_000)).body, { datasource }), payload);
  });
});

it("a script that fails is reported by cloud-init, and keeps no other from running", async () => {
  const bad = Payload.script("#!/bin/sh\nexit 3\n", { name: "bad" });
  const good = Payload.script("#!/bin/sh\necho ran >/opt/ran\n", { name: "good" });
  const report = await bootWith(payloadFormats.mime.write(bad.and(good)));
  expect(report.ok).toBe(false);
  const textOf = (path: string) => report.files.find((file) => file.path === path)?.text;
  expect(textOf("/opt/ran")).toBe("ran\n");
  expect(textOf("/etc/iaaskit/payload.report")).toBe("failed with 3: script bad\nok script good\n");
});
