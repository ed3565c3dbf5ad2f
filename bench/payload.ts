/** How long a plan takes for a payload of 1 MB that has to be compressed, in ratio to zlib alone.
 *
 *     npm run bench:payload
 *
 * zlib gets the bytes that the plan compresses, at the same level, in turn with it; each figure is a median.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

import { Payload, payloadFormats, type PayloadLimits, planPayload } from "iaaskit";

const rounds = 15;
const oneMegabyte = 1_000_000;
const limits: PayloadLimits = {
  channel: "user-data",
  maxBytes: { value: oneMegabyte, source: "ours" },
  measuredOn: "raw",
  gzip: true,
  confidential: true,
};

/** Lines as configuration files have them: half of each is a word, half is random. */
function lines(bytes: number): string {
  let text = "";
  for (let line = 0; text.length < bytes; line += 1) {
    text += `server.${line}.token = ${createHash("sha256").update(String(line)).digest("hex").slice(0, 24)}\n`;
  }
  return text.slice(0, bytes);
}

function timed(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e6;
}
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const payload = Payload.file("/etc/app/tokens", lines(oneMegabyte));
for (const format of ["shell", "mime"] as const) {
  const plain = payloadFormats[format].write(payload);
  const times = { plan: [] as number[], zlib: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const plan = timed(() => planPayload(payload, limits, { format }));
    const zlib = timed(() => gzipSync(plain, { level: 9 }));
    if (round < 0) continue; // warms up
    times.plan.push(plan);
    times.zlib.push(zlib);
  }
  const [plan, zlib] = [median(times.plan), median(times.zlib)];
  const throughput = oneMegabyte / 1e6 / (plan / 1e3);
  console.log(`${format}: ${plan.toFixed(1)} ms, ${throughput.toFixed(1)} MB/s; zlib alone ${zlib.toFixed(1)} ms`);
  console.log(`${format} / zlib: ${(plan / zlib).toFixed(2)} (goal: at most 1.1)`);
}
