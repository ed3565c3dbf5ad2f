import type { Clock } from "../iaas/clock.ts";
import { type Capabilities, type CapabilityPath, isOn } from "../iaas/capabilities.ts";

/** What only the test of a provider can lend. */
export interface Tools {
  /** Asks the cloud itself what an instance was told; `null` for nothing. */
  readonly payloadOf: ((instanceId: string) => Promise<Uint8Array | null>) | null;
  /** Credentials that nothing may show. */
  readonly secrets: readonly string[];
  /** The time of the Iaases. */
  readonly clock: Clock;
}

/** What must be for a behaviour to apply. */
export interface Need {
  /** As it stands in lists and in the reason of a skip. */
  readonly text: string;
  readonly isMet: (capabilities: Capabilities, tools: Tools) => boolean;
}

/** Applies where these flags are on. */
export function on(...paths: readonly CapabilityPath[]): Need {
  return {
    text: `${paths.join(" and ")} on`,
    isMet: (capabilities) => paths.every((path) => isOn(capabilities, path)),
  };
}

/** Applies where one of these flags is on. */
export function anyOn(...paths: readonly CapabilityPath[]): Need {
  return {
    text: `${paths.join(" or ")} on`,
    isMet: (capabilities) => paths.some((path) => isOn(capabilities, path)),
  };
}

/** Applies where this flag is off; a part of a flag only where the flag itself is on. */
export function off(path: CapabilityPath): Need {
  const [flag] = path.split(".") as [CapabilityPath];
  return {
    text: `${path} off`,
    isMet: (capabilities) => !isOn(capabilities, path) && (flag === path || isOn(capabilities, flag)),
  };
}

/** Applies where the capabilities say something else than a flag. */
export function where(text: string, isMet: (capabilities: Capabilities) => boolean): Need {
  return { text, isMet };
}

/** Applies where the provider's test lends this. */
export function given(tool: "payloadOf" | "secrets"): Need {
  return { text: `${tool} given`, isMet: (_, tools) => tools[tool] !== null && tools[tool].length > 0 };
}

/** Applies where a cloud may hide for a while what it has just made. */
export const lagging: Need = where("visibilityLagMs above 0", ({ visibilityLagMs }) => visibilityLagMs > 0);

/** Both. */
export function both(first: Need, second: Need): Need {
  return {
    text: `${first.text}, ${second.text}`,
    isMet: (...met) => first.isMet(...met) && second.isMet(...met),
  };
}
