import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { BedEngine, engineNames, webServer } from "./support/docker-bed.ts";

for (const name of engineNames) {
  const engine = new BedEngine(name);
  const image = await engine.image();
  vitest.describe(name, () => {
    conformance(vitest, {
      create: async (owner) => await engine.iaas(owner),
      launch: { image, ports: [{ port: 80 }], providerOptions: { docker: { command: webServer } } },
      tracker: async () => await engine.leftovers(),
    });
  });
}
