import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import type { LaunchOptions, LaunchVolume } from "../iaas/launch-options.ts";
import { Payload } from "../payload/payload.ts";
import { mergeLayers } from "./merge.ts";
import type { Cartridge, CartridgeIaasProvider, CartridgeLayer } from "./model.ts";
import { layerFieldNames } from "./schema.ts";

export interface ResolveOptions {
  /** The type of the Iaas, as the cartridge names it. */
  readonly on: string;
  /** Below all: what holds where nothing else is said. */
  readonly defaults?: CartridgeLayer | undefined;
  readonly partition?: CartridgeLayer | undefined;
  /** Above all: what this one launch asks for. */
  readonly call?: CartridgeLayer | undefined;
  /** For whom: a tenant may have an image of its own. */
  readonly tenant?: string | undefined;
}

const at: ErrorOrigin = { provider: "iaaskit", operation: "resolveCartridge" };

/** What a launch on one Iaas comes down to; only the key is missing. */
export type ResolvedCartridge = Omit<LaunchOptions, "key" | "signal" | "timeoutMs">;

/**
 * Resolve a cartridge for one Iaas: defaults, cartridge, its IaaS, partition and call, merged in this order.
 *
 * @throws InvalidInputError when the cartridge does not know the Iaas, or has no image for it or the tenant.
 */
export function resolveCartridge(cartridge: Cartridge, options: ResolveOptions): ResolvedCartridge {
  const { on, defaults, partition, call, tenant } = options;
  const provider = iaasProviderOf(cartridge, on);
  if (provider === undefined) {
    const known = cartridge.iaasProviders.map(({ type }) => type).join(", ");
    throw new InvalidInputError(
      "iaasProviders",
      `of the cartridge ${cartridge.type} has no ${on}; it has: ${known}`,
      at,
    );
  }
  const merged = mergeLayers([defaults, layerOf(cartridge), layerOf(provider), partition, call]);
  const {
    tenantImages,
    environment,
    properties: _kept,
    image,
    payload = Payload.empty,
    volumes,
    ports,
    ...others
  } = merged;
  const isOwn = tenant !== undefined && tenantImages !== undefined && Object.hasOwn(tenantImages, tenant);
  const chosen = isOwn ? tenantImages[tenant] : image;
  if (chosen === undefined) {
    const whom = tenant === undefined ? "" : ` for the tenant ${tenant}`;
    throw new InvalidInputError("image", `is missing: the cartridge ${cartridge.type} has none on ${on}${whom}`, at);
  }
  const whole = environment === undefined ? payload : payload.and(Payload.environment(environment));
  return {
    ...others,
    image: chosen,
    ...(whole.isEmpty ? {} : { payload: whole }),
    ...(volumes === undefined ? {} : { volumes: volumes.map(toLaunchVolume) }),
    ...(ports === undefined ? {} : { ports: ports.map(({ proxyPort: _offered, ...port }) => port) }),
  };
}

/** What the cartridge says of an Iaas. Of two entries of one type the last counts, as in Stratos. */
export function iaasProviderOf(cartridge: Cartridge, type: string): CartridgeIaasProvider | undefined {
  return cartridge.iaasProviders.findLast((provider) => provider.type === type);
}

/** The part of a definition that is merged. */
function layerOf(source: Cartridge | CartridgeIaasProvider): CartridgeLayer {
  return Object.fromEntries(layerFieldNames.map((name) => [name, source[name]]));
}

function toLaunchVolume(volume: NonNullable<CartridgeLayer["volumes"]>[number]): LaunchVolume {
  const { volumeId, mountPath: _guests, ...made } = volume;
  return volumeId === undefined ? made : { volumeId, device: volume.device };
}
