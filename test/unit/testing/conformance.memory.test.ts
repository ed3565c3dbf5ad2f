import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

import { FastClock } from "../../support/fast-clock.ts";
import { FullMemoryCloud, FullMemoryIaas, fullLaunch } from "../../support/memory-full.ts";

const { describe } = vitest;

describe("a cloud with tokens that hides for a while what it has launched", () => {
  const cloud = new FullMemoryCloud();
  cloud.lagMs = 5;
  const clock = new FastClock();
  const secrets = ["the-password-of-the-account"];
  conformance(vitest, {
    create: (owner) => new FullMemoryIaas({ owner, cloud, clock, secrets }),
    launch: fullLaunch,
    payloadOf: async (id) => await Promise.resolve(cloud.payloads.get(id) ?? null),
    tracker: async () => await Promise.resolve(cloud.left()),
    secrets,
    clock,
  });
});

describe("a cloud without tokens, with small pages, that has to be asked what it has", () => {
  const cloud = new FullMemoryCloud();
  cloud.pageSize = 2;
  cloud.forgets = true;
  const clock = new FastClock();
  const open = { floatingIps: "probe", securityGroups: "probe", volumes: "probe" } as const;
  const findings = { floatingIps: true, securityGroups: false, volumes: { snapshots: false, zonal: false } } as const;
  conformance(vitest, {
    create: (owner) =>
      new FullMemoryIaas({
        owner,
        cloud,
        clock,
        findings,
        capabilities: { ...open, idempotency: "tag", visibilityLagMs: 0, images: { create: false, visibility: false } },
      }),
    launch: fullLaunch,
    tracker: async () => await Promise.resolve(cloud.left()),
    clock,
  });
});
