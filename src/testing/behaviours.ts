import type { Behaviour } from "./behaviour.ts";
import { catalog } from "./behaviours/catalog.ts";
import { contract } from "./behaviours/contract.ts";
import { limitsInTime } from "./behaviours/deadlines.ts";
import { dispose } from "./behaviours/dispose.ts";
import { errors } from "./behaviours/errors.ts";
import { floatingIps } from "./behaviours/floating-ips.ts";
import { idempotency } from "./behaviours/idempotency.ts";
import { images } from "./behaviours/images.ts";
import { input } from "./behaviours/input.ts";
import { keyPairs } from "./behaviours/key-pairs.ts";
import { lifecycle } from "./behaviours/lifecycle.ts";
import { limits } from "./behaviours/limits.ts";
import { lists } from "./behaviours/lists.ts";
import { madeOnce } from "./behaviours/made-once.ts";
import { switchedOff } from "./behaviours/off.ts";
import { ownership } from "./behaviours/ownership.ts";
import { partial } from "./behaviours/partial.ts";
import { partitions } from "./behaviours/partitions.ts";
import { patience } from "./behaviours/patience.ts";
import { probe } from "./behaviours/probe.ts";
import { secrets } from "./behaviours/secrets.ts";
import { securityGroups } from "./behaviours/security-groups.ts";
import { sweep } from "./behaviours/sweep.ts";
import { terminate } from "./behaviours/terminate.ts";
import { volumes } from "./behaviours/volumes.ts";
import { waiting } from "./behaviours/waiting.ts";

/** All that a provider must do, from the simple to the nasty. */
export const behaviours: readonly Behaviour[] = Object.freeze([
  ...probe,
  ...contract,
  ...switchedOff,
  ...input,
  ...limits,
  ...lifecycle,
  ...terminate,
  ...ownership,
  ...idempotency,
  ...lists,
  ...waiting,
  ...limitsInTime,
  ...errors,
  ...secrets,
  ...partial,
  ...madeOnce,
  ...floatingIps,
  ...securityGroups,
  ...keyPairs,
  ...volumes,
  ...images,
  ...catalog,
  ...partitions,
  ...sweep,
  ...dispose,
  ...patience,
]);
