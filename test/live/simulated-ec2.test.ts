import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { simulate } from "iaaskit/testing";
import { expect, it } from "vitest";

import { systemClock } from "../../src/iaas/clock.ts";
import { projectPath } from "../support/folders.ts";

it("other people's clients, boto3 and Apache Libcloud, live a life cycle on the simulated EC2", async () => {
  const timing = { visibleAfterMs: 0, bootMs: 1_500, terminateMs: 1_000, latencyMs: [0, 5] } as const;
  await using cloud = await simulate({ cloud: "ec2", clock: systemClock, timing });
  const { connection, launch } = cloud;
  const { endpoint, region } = connection;
  const script = projectPath("test/live/support/life_cycle.py");
  const { stdout } = await promisify(execFile)("/usr/bin/python3", [
    script,
    endpoint,
    region,
    launch.image,
    launch.size,
  ]);
  expect(JSON.parse(stdout)).toEqual({
    boto3: {
      token: true,
      tagged: 1,
      rules: 80,
      userData: Buffer.from("#!/bin/sh\n").toString("base64"),
      error: "InvalidAMIID.NotFound",
    },
    libcloud: { name: ["libcloud"], ended: true },
  });
  await systemClock.sleep(timing.terminateMs);
  expect(await cloud.tracker()).toEqual([]);
});
