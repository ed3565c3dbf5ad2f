import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { LocalIaas } from "iaaskit/local";
import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { projectPath, temporaryFolder } from "../../support/folders.ts";

const state = await temporaryFolder();
vitest.afterAll(async () => await state[Symbol.asyncDispose]());

vitest.describe("local", () => {
  conformance(vitest, {
    create: (owner) => new LocalIaas({ owner, images: projectPath("examples/images"), stateFolder: state.path }),
    launch: { image: "php", ports: [{ port: 80 }] },
    payloadOf: async (id) =>
      await readFile(join(state.path, "running", id, "root", "user-data")).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return null;
        throw error;
      }),
    tracker: async () => {
      const entries = await readdir(state.path, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    },
  });
});
