import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { bed, iaasOf } from "./support/openstack.ts";

const { describe } = vitest;

describe("openstack against the real services", () => {
  conformance(vitest, {
    create: async (owner) => {
      const iaas = iaasOf(owner);
      await iaas.probe();
      return iaas;
    },
    launch: { image: bed.image_id, size: "m1.tiny", ports: [{ port: 80 }] },
  });
});
