/** How many of 300 launches, sent at once, get through to an EC2 that allows 20 a second, and how long that takes.
 *
 *     npm run bench:throttle
 *
 * Each client has a simulated EC2 of its own on this machine's clock: a bucket of 20 that gets 20 more each second, so
 * that 300 take 14 seconds at the least. The AWS SDK runs in both of its retry modes, as it comes.
 */
import { EC2, type EC2ClientConfig } from "@aws-sdk/client-ec2";
import { Ec2Iaas } from "iaaskit/ec2";
import { simulate, type SimulatedCloud } from "iaaskit/testing";

import { systemClock } from "../src/iaas/clock.ts";

const launches = 300;
const bucket = { size: 20, perSecond: 20 };
const bucketMs = ((launches - bucket.size) / bucket.perSecond) * 1_000;

type Cloud = SimulatedCloud<typeof systemClock>;
type Launch = (cloud: Cloud) => { readonly one: (index: number) => Promise<unknown>; readonly end: () => unknown };

const withIaaskit: Launch = ({ connection, launch }) => {
  const iaas = new Ec2Iaas({ owner: "bench", ...connection });
  return {
    one: async (index) => await iaas.launch({ key: `job-${index}`, ...launch }),
    end: async () => await iaas[Symbol.asyncDispose](),
  };
};

const withSdk =
  (retryMode: NonNullable<EC2ClientConfig["retryMode"]>): Launch =>
  ({ connection: { region, endpoint, credentials }, launch }) => {
    const ec2 = new EC2({
      region,
      endpoint,
      credentials,
      retryMode,
      requestHandler: { httpAgent: { maxSockets: 500 } },
    });
    const { image: ImageId, size } = launch;
    const input = { ImageId, InstanceType: size as "t3.micro", MinCount: 1, MaxCount: 1 };
    return { one: async () => await ec2.runInstances(input), end: () => ec2.destroy() };
  };

async function measure(name: string, make: Launch): Promise<void> {
  await using cloud = await simulate({
    cloud: "ec2",
    clock: systemClock,
    rateLimits: { RunInstances: bucket },
    timing: { latencyMs: [5, 20], visibleAfterMs: 0 },
  });
  const client = make(cloud);
  const start = performance.now();
  const results = await Promise.allSettled(
    Array.from({ length: launches }, async (_, index) => await client.one(index)),
  );
  const tookMs = performance.now() - start;
  await client.end();
  const launched = results.filter(({ status }) => status === "fulfilled").length;
  const asked = cloud.requests.filter(({ action }) => action === "RunInstances").length;
  const ratio = launched === launches ? `, ${(tookMs / bucketMs).toFixed(2)} of the bucket's time` : "";
  console.log(`${name}: ${launched} of ${launches} in ${(tookMs / 1_000).toFixed(1)} s, ${asked} requests${ratio}`);
}

await measure("iaaskit", withIaaskit);
await measure("@aws-sdk/client-ec2, standard", withSdk("standard"));
await measure("@aws-sdk/client-ec2, adaptive", withSdk("adaptive"));
console.log(`The bucket's own time: ${bucketMs / 1_000} s (goal: at most 1.2 of it)`);
