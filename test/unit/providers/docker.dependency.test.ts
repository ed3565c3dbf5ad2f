import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { expect, it } from "vitest";

import { projectPath } from "../../support/folders.ts";

it("dockerode is named, with what to do, by the first call where it is not installed", async () => {
  const script = projectPath("test/support/docker-without-dockerode.ts");
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script], {
    cwd: projectPath("."),
  });
  const error = {
    code: "IAAS_MISSING_DEPENDENCY",
    message: "docker needs dockerode: npm install dockerode",
    packageName: "dockerode",
    retry: "never",
  };
  expect(JSON.parse(stdout)).toMatchObject([
    { ...error, operation: "probe" },
    { ...error, operation: "get" },
  ]);
});
