import { Ec2Iaas } from "iaaskit/ec2";
import { conformance, simulate, VirtualClock } from "iaaskit/testing";
import * as vitest from "vitest";

await import("@aws-sdk/client-ec2"); // loading it takes longer than the clock is patient
const clock = new VirtualClock({ patienceMs: 300 });
const cloud = await simulate({ cloud: "ec2", quotas: { addresses: 10 }, clock });
const time = clock.flow();
vitest.afterAll(async () => {
  time[Symbol.dispose]();
  await cloud[Symbol.asyncDispose]();
});

vitest.describe("ec2 on a simulated cloud", () => {
  const { connection, launch, tracker } = cloud;
  conformance(vitest, {
    create: (owner) => new Ec2Iaas({ owner, ...connection }),
    launch: { ...launch, ports: [{ port: 80 }] },
    tracker,
    clock,
  });
});
