export {
  conformance,
  type ConformanceBehaviour,
  conformanceBehaviours,
  type ConformanceOptions,
  type ConformanceRunner,
} from "./conformance.ts";
export { VirtualClock } from "./virtual-clock.ts";
