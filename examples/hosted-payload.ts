/** A payload with a secret gets through a cloud that takes 255 bytes which anybody may read: it waits at a host, and
 * the instance, here a shell on this machine, fetches it once.
 *
 *     npx tsx examples/hosted-payload.ts
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { folderPayloadStore, Payload, PayloadHost, type PayloadLimits, planPayload, Secret } from "iaaskit";

const limits: PayloadLimits = {
  channel: "user-data",
  maxBytes: { value: 255, source: "ours" },
  measuredOn: "raw",
  gzip: false,
  confidential: false,
};
const payload = Payload.environment({ HOST_NAME: "app.example.org", DB_PASSWORD: new Secret("correct horse") })
  .and(Payload.file("/tmp/iaaskit-example.conf", "listen 80\n"))
  .and(Payload.script('#!/bin/sh\necho "$HOST_NAME has a password of ${#DB_PASSWORD} characters"\n'));

async function main(folder: string): Promise<void> {
  const host = new PayloadHost({
    url: "http://127.0.0.1:18080/",
    secret: new Secret(randomBytes(32).toString("hex")),
    store: folderPayloadStore(join(folder, "waiting")), // survives a restart
  });
  await using _server = await host.listen({ hostname: "127.0.0.1" });

  // An Iaas with `payloadHost: host` does these two steps at each launch.
  const plan = planPayload(payload, limits, { host });
  console.log(`${plan.explain()}\n`);
  const { body } = await plan.publish({ owner: "example", key: "one", generation: 0 });
  const stub = Buffer.from(body).toString();
  console.log(`The stub, ${body.byteLength} bytes:\n${stub}\n`);

  const guest = { env: { PATH: process.env["PATH"], IAASKIT_DIR: join(folder, "etc"), TMPDIR: folder } };
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", stub], guest);
  console.log(`The instance says:\n${stdout}`);
  console.log(`Its environment:\n${await readFile(join(folder, "etc", "payload.env"), "utf8")}`);

  const url = /http\S+/.exec(stub)![0];
  console.log(`${url} now answers ${(await fetch(url)).status}`);
}

const folder = await mkdtemp(join(tmpdir(), "iaaskit-example-"));
try {
  await main(folder);
} finally {
  await rm(folder, { recursive: true });
  await rm("/tmp/iaaskit-example.conf", { force: true });
}
