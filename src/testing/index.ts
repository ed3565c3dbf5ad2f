export { conformance, type ConformanceOptions, type ConformanceRunner } from "./conformance.ts";
export { VirtualClock } from "./virtual-clock.ts";
