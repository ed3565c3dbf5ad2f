/** The whole suite over a provider in memory, under Node's own test runner. */
import * as nodeTest from "node:test";

import { conformance } from "iaaskit/testing";

import { FastClock } from "./fast-clock.ts";
import { FullMemoryCloud, FullMemoryIaas, fullLaunch } from "./memory-full.ts";

const cloud = new FullMemoryCloud();
const clock = new FastClock();

conformance(nodeTest, {
  create: (owner) => new FullMemoryIaas({ owner, cloud, clock }),
  launch: fullLaunch,
  tracker: async () => await Promise.resolve(cloud.left()),
  clock,
});
