import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { describe, expect, it } from "vitest";

import { projectPath } from "../support/folders.ts";

const run = promisify(execFile);
const source = projectPath("src");

async function sources(folder = source): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** The packages that are loaded when `specifier` is imported in a fresh process. */
async function packagesLoadedBy(specifier: string): Promise<string[]> {
  const { stdout } = await run(
    process.execPath,
    ["--import", "tsx", projectPath("test/support/loaded-packages.ts"), specifier],
    { cwd: projectPath(".") },
  );
  return JSON.parse(stdout) as string[];
}

describe("the source", () => {
  it("has no file over 400 lines", async () => {
    const files = await sources();
    const lengths = await Promise.all(files.map(async (file) => (await readFile(file, "utf8")).split("\n").length - 1));
    expect(files.filter((_, index) => lengths[index]! > 400)).toEqual([]);
    expect(lengths.toSorted((a, b) => a - b)[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(120);
  });

  it("reveals secrets in few places only", async () => {
    const texts = await Promise.all(
      (await sources()).map(async (file) => ({ file, text: await readFile(file, "utf8") })),
    );
    const revealing = texts
      .filter(({ text }) => /\breveal\(/.test(text))
      .map(({ file }) => file.slice(source.length + 1));
    expect(revealing.toSorted()).toEqual([
      "iaas/redaction.ts",
      "iaas/secret.ts",
      "payload/env-file.ts",
      "payload/hosting/bootstrap.ts",
      "payload/hosting/host.ts",
      "payload/hosting/ticket.ts",
      "payload/json.ts",
      "payload/payload.ts",
      "payload/plan.ts",
      "payload/stratos.ts",
      "providers/docker/connection.ts",
      "providers/docker/content.ts",
      "providers/ec2/client.ts",
      "providers/local/content.ts",
      "providers/openstack/identity.ts",
      "testing/behaviours/key-pairs.ts",
    ]);
  });
});

describe("the provider folders", () => {
  it("have the same files: one for each facet that the provider has, and the common ones", async () => {
    const { dockerCapabilities } = await import("iaaskit/docker");
    const { ec2Capabilities } = await import("iaaskit/ec2");
    const { localCapabilities } = await import("iaaskit/local");
    const { openStackCapabilities } = await import("iaaskit/openstack");
    const facetFiles = {
      floatingIps: "floating-ips.ts",
      securityGroups: "security-groups.ts",
      keyPairs: "key-pairs.ts",
      volumes: "volumes.ts",
      images: "images.ts",
      catalog: "catalog.ts",
    } as const;
    const providers = {
      docker: dockerCapabilities,
      ec2: ec2Capabilities,
      local: localCapabilities,
      openstack: openStackCapabilities,
    };
    for (const [name, capabilities] of Object.entries(providers)) {
      const files = await readdir(join(source, "providers", name));
      expect(files).toEqual(
        expect.arrayContaining(["index.ts", "iaas.ts", "capabilities.ts", "client.ts", "errors.ts", "mappers.ts"]),
      );
      for (const [facet, file] of Object.entries(facetFiles)) {
        const isPossible =
          capabilities[facet as keyof typeof facetFiles] !== false || (name === "local" && facet === "floatingIps");
        expect(files.includes(file), `${name}/${file}`).toBe(isPossible);
      }
    }
  });
});

describe("the README", () => {
  it("shows the capabilities as the descriptors are", async () => {
    const { withMatrix } = await import("../../scripts/matrix.ts");
    const readme = await readFile(projectPath("README.md"), "utf8");
    expect(readme).toBe(await withMatrix(readme));
  });
});

describe("importing", () => {
  it("the root loads zod, and no SDK, HTTP client or server, database client, zip, XML or YAML parser", async () => {
    expect(await packagesLoadedBy("iaaskit")).toEqual(["zod"]);
  });

  it.each(["iaaskit/docker", "iaaskit/ec2", "iaaskit/local", "iaaskit/openstack"])(
    "%s loads no SDK, HTTP client nor parser before its first call",
    async (specifier) => {
      const packages = await packagesLoadedBy(specifier);
      expect(packages.filter((name) => !name.startsWith("node:"))).toEqual(["zod"]);
    },
  );
});

describe("package.json", () => {
  it("exports what is built, and nothing else", async () => {
    const { exports } = JSON.parse(await readFile(projectPath("package.json"), "utf8")) as {
      exports: Record<string, { default: string }>;
    };
    const { default: tsup } = (await import("../../tsup.config.ts")) as { default: { entry: Record<string, string> } };
    const built = Object.keys(tsup.entry).map((name) => `./dist/${name}.js`);
    const exported = Object.entries(exports)
      .filter(([path]) => path !== "./package.json")
      .map(([, { default: file }]) => file);
    const startedByUs = "./dist/testing/simulation-process.js";
    expect([...exported, startedByUs].toSorted()).toEqual(built.toSorted());
  });
});
