import type { Payload } from "../payload/payload.ts";
import type { CartridgeLayer } from "./model.ts";

/**
 * Merge layers, a later one over the earlier ones.
 *
 * One value replaces another; `tags`, `environment`, `properties`, `tenantImages`, `partition` and each provider's
 * options are merged name by name; a list replaces a list; payloads are combined, a raw one replaces what was before.
 */
export function mergeLayers(layers: readonly (CartridgeLayer | undefined)[]): CartridgeLayer {
  const given = layers.filter((layer) => layer !== undefined);
  const payload = combined(given.flatMap((layer) => layer.payload ?? []));
  return { ...given.reduce<CartridgeLayer>(over, {}), ...(payload === null ? {} : { payload }) };
}

function over(below: CartridgeLayer, above: CartridgeLayer): CartridgeLayer {
  const merged = { ...below, ...present(above) };
  const providers = new Set([...Object.keys(below.providerOptions ?? {}), ...Object.keys(above.providerOptions ?? {})]);
  const providerOptions = Object.fromEntries(
    [...providers].map((name) => [
      name,
      { ...below.providerOptions?.[name], ...present(above.providerOptions?.[name] ?? {}) },
    ]),
  );
  return {
    ...merged,
    ...both("tags", below, above),
    ...both("environment", below, above),
    ...both("properties", below, above),
    ...both("tenantImages", below, above),
    ...both("partition", below, above),
    ...(providers.size === 0 ? {} : { providerOptions }),
  };
}

function both<Name extends "tags" | "environment" | "properties" | "tenantImages" | "partition">(
  name: Name,
  below: CartridgeLayer,
  above: CartridgeLayer,
): Pick<CartridgeLayer, Name> {
  const isThere = below[name] !== undefined || above[name] !== undefined;
  return (isThere ? { [name]: { ...below[name], ...present(above[name] ?? {}) } } : {}) as Pick<CartridgeLayer, Name>;
}

/** The last raw one and what is above it; `null` where there is none at all. */
function combined(payloads: readonly Payload[]): Payload | null {
  const last = payloads.findLastIndex(({ raw }) => raw !== null);
  const [first, ...others] = payloads.slice(Math.max(0, last));
  return first === undefined ? null : others.reduce((below, above) => below.and(above), first);
}

/** A field that is `undefined` is one that is left out: it replaces nothing. */
function present<T extends object>(layer: T): T {
  return Object.fromEntries(Object.entries(layer).filter(([, value]) => value !== undefined)) as T;
}
