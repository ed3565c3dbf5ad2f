import { readFile } from "node:fs/promises";

import { Ec2Iaas } from "iaaskit/ec2";
import { simulate } from "iaaskit/testing";
import { expect, it } from "vitest";

import { projectPath } from "../../support/folders.ts";

it("my runner starts although EC2 throttles, and leaves nothing behind", async () => {
  await using cloud = await simulate({ cloud: "ec2", faults: [{ kind: "throttle", on: "RunInstances", times: 20 }] });
  const iaas = new Ec2Iaas({ owner: "my-ci", ...cloud.connection });
  const { id } = await cloud.clock.run(iaas.launch({ key: "job-1", ...cloud.launch }));
  await cloud.clock.advance(60_000); // it boots
  expect(await cloud.clock.run(iaas.get(id))).toMatchObject({ state: "running" });
  await cloud.clock.run(iaas.terminate({ key: "job-1" }));
  expect(await cloud.tracker()).toEqual([]);
});

it("the guide shows the test above", async () => {
  const [own, guide] = await Promise.all(
    ["test/unit/testing/embedder.test.ts", "docs/testing.md"].map(
      async (path) => await readFile(projectPath(path), "utf8"),
    ),
  );
  const shown = own!.slice(own!.indexOf('it("my runner'), own!.indexOf('it("the guide')).trim();
  expect(guide).toContain(shown);
});
