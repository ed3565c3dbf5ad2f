export {
  conformance,
  type ConformanceBehaviour,
  conformanceBehaviours,
  type ConformanceOptions,
  type ConformanceRunner,
} from "./conformance.ts";
export { type ConnectionFault, faultProxy, type FaultProxy } from "./fault-proxy.ts";
export { type ApartCloud, simulateApart } from "./simulated/apart.ts";
export type { BucketLimit, RateLimits } from "./simulated/buckets.ts";
export type { Fault, FaultKind, FaultMeeting } from "./simulated/faults.ts";
export type { Quotas, Timing } from "./simulated/model/settings.ts";
export type { ServedRequest } from "./simulated/server.ts";
export {
  simulate,
  type SimulatedCloud,
  type SimulatedConnection,
  type SimulationOptions,
} from "./simulated/simulate.ts";
export { VirtualClock, type VirtualClockOptions } from "./virtual-clock.ts";
