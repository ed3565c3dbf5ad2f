import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { ShedIaas } from "../../../examples/providers/shed.ts";
import { startShed } from "../../../examples/providers/shed-server.ts";
import { FastClock } from "../../support/fast-clock.ts";

const clock = new FastClock();
const shed = await startShed("token");
vitest.afterAll(async () => await shed[Symbol.asyncDispose]());

vitest.describe("a third party's provider", () => {
  conformance(vitest, {
    create: (owner) => new ShedIaas({ owner, url: shed.url, token: "token", clock }),
    launch: { image: "debian-12" },
    clock,
    tracker: async () => await Promise.resolve(shed.left()),
  });
});
