import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { ShedIaas } from "../../../examples/providers/shed.ts";
import { startShed } from "../../../examples/providers/shed-server.ts";

const shed = await startShed("token");
vitest.afterAll(async () => await shed[Symbol.asyncDispose]());

vitest.describe("a third party's provider", () => {
  conformance(vitest, {
    create: (owner) => new ShedIaas({ owner, url: shed.url, token: "token" }),
    launch: { image: "debian-12" },
    tracker: async () => await Promise.resolve(shed.left()),
  });
});
