import { readdir } from "node:fs/promises";

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
    tracker: async () => {
      const entries = await readdir(state.path, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
    },
  });
});
