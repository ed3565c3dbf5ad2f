import { copyFile } from "node:fs/promises";

import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    "providers/docker/index": "src/providers/docker/index.ts",
    "providers/ec2/index": "src/providers/ec2/index.ts",
    "providers/local/index": "src/providers/local/index.ts",
    "providers/openstack/index": "src/providers/openstack/index.ts",
    "testing/index": "src/testing/index.ts",
    "testing/simulation-process": "src/testing/simulated/process.ts", // started as a process by testing/index
  },
  format: "esm",
  target: "node20.19",
  platform: "node",
  splitting: true,
  sourcemap: false, // the output is not minified: it reads as the source does
  clean: true,
  dts: false, // tsc writes the declarations: one file a module, as the API report needs them
  async onSuccess() {
    // Runs as a process of its own, so it stays a file of its own beside the provider that starts it.
    await copyFile("src/providers/local/forwarder.mjs", "dist/providers/local/forwarder.mjs");
  },
});
