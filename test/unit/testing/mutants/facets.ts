import {
  type CallContext,
  type Caller,
  type FloatingIp,
  type Image,
  type KeyPair,
  type Ownership,
  type Page,
  Secret,
  UnsupportedCapabilityError,
  type Volume,
  type VolumeSource,
} from "iaaskit";

import { type FullMemoryCloud, FullMemoryIaas } from "../../../support/memory-full.ts";
import { MemoryFloatingIps, MemoryKeyPairs } from "../../../support/memory-network.ts";
import { MemoryImages, MemoryVolumes } from "../../../support/memory-storage.ts";
import type { Mutant } from "./mutant.ts";

/** Says of what others, or nobody, have made that this owner has. */
function claimed<T extends { readonly ownership: Ownership | null }>(item: T, owner: string): T {
  return { ...item, ownership: { key: "any", generation: 0, fingerprint: null, ...item.ownership, owner } };
}

function claimsAddresses({ owner }: Caller): typeof MemoryFloatingIps {
  return class extends MemoryFloatingIps {
    protected override async _get(input: { readonly address: string }, context: CallContext): Promise<FloatingIp> {
      return claimed(await super._get(input, context), owner);
    }
  };
}

function claimsKeys({ owner }: Caller): typeof MemoryKeyPairs {
  return class extends MemoryKeyPairs {
    protected override async _list(input: { readonly marker: string | null }): Promise<Page<KeyPair>> {
      const { items, marker } = await super._list(input);
      return { items: items.map((pair) => claimed(pair, owner)), marker };
    }
  };
}

function claimsImages({ owner }: Caller): typeof MemoryImages {
  return class extends MemoryImages {
    protected override async _get(input: { readonly id: string }, context: CallContext): Promise<Image> {
      return claimed(await super._get(input, context), owner);
    }
  };
}

class ReleasesAll extends FullMemoryIaas {
  protected override async _terminate(input: { readonly id: string }, context: CallContext): Promise<void> {
    for (const { address, instanceId } of this.full.floatingIps.values()) {
      if (instanceId === input.id) this.full.floatingIps.delete(address);
    }
    await super._terminate(input, context);
  }
}

class TakesAddresses extends MemoryFloatingIps {
  protected override async _associate(
    input: { readonly floatingIp: FloatingIp; readonly instanceId: string; readonly move: boolean },
    context: CallContext,
  ): Promise<void> {
    await super._associate({ ...input, move: true }, context);
  }
}

class ForgetsKeys extends MemoryFloatingIps {
  protected override async _allocate({ ownership }: { readonly ownership: Ownership }): Promise<FloatingIp> {
    return await super._allocate({ ownership: { ...ownership, key: "floating-ip" } });
  }
}

class CannotGenerate extends MemoryKeyPairs {
  protected override async _generate(_input: object, context: CallContext): Promise<never> {
    throw await Promise.resolve(new UnsupportedCapabilityError("keyPairs.generate", "not written yet", context));
  }
}

class EmptyKeys extends MemoryKeyPairs {
  protected override async _generate(
    input: { readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<{ readonly keyPair: KeyPair; readonly privateKey: Secret }> {
    return { ...(await super._generate(input, context)), privateKey: new Secret("") };
  }
}

class SmallVolumes extends MemoryVolumes {
  protected override async _create(input: VolumeSource & { readonly ownership: Ownership }): Promise<Volume> {
    return { ...(await super._create(input)), sizeGiB: 0 };
  }
}

class DoubledVolumes extends MemoryVolumes {
  protected override async _list(): Promise<Page<Volume>> {
    return await Promise.resolve({ items: [], marker: null });
  }
}

type Facet = (caller: Caller, cloud: FullMemoryCloud) => object;

/** A provider one of whose facets has the defect. */
function withFacet(name: string, make: Facet, defect: string, ...caughtBy: readonly string[]): Mutant {
  return {
    defect,
    caughtBy,
    create: (options) => {
      const facets: Record<string, (caller: Caller) => object> = { [name]: (caller) => make(caller, options.cloud) };
      return new FullMemoryIaas({ ...options, facets });
    },
  };
}

/** Defects of facets. */
export const facets: readonly Mutant[] = [
  withFacet(
    "floatingIps",
    (caller, cloud) => new (claimsAddresses(caller))(caller, cloud),
    "deletes a foreign address",
    "floating-ips.foreign",
  ),
  {
    defect: "gives back every address that leads to an instance that ends",
    caughtBy: ["floating-ips.stays"],
    create: (options) => new ReleasesAll(options),
  },
  withFacet(
    "floatingIps",
    (caller, cloud) => new TakesAddresses(caller, cloud),
    "takes an address from whoever has it",
    "floating-ips.claims",
  ),
  withFacet(
    "floatingIps",
    (caller, cloud) => new ForgetsKeys(caller, cloud),
    "does not write the key on an address",
    "floating-ips.life",
    "facets.lost-answer",
  ),
  withFacet(
    "keyPairs",
    (caller, cloud) => new (claimsKeys(caller))(caller, cloud),
    "deletes a foreign key pair",
    "key-pairs.foreign",
  ),
  withFacet(
    "keyPairs",
    (caller, cloud) => new CannotGenerate(caller, cloud),
    "claims that it generates keys, and does not",
    "key-pairs.generate",
  ),
  withFacet(
    "keyPairs",
    (caller, cloud) => new EmptyKeys(caller, cloud),
    "gives an empty private key",
    "key-pairs.generate",
  ),
  withFacet(
    "volumes",
    (caller, cloud) => new SmallVolumes(caller, cloud),
    "tells a wrong size of a volume",
    "volumes.life",
  ),
  withFacet(
    "volumes",
    (caller, cloud) => new DoubledVolumes(caller, cloud),
    "cannot find its volumes again",
    "volumes.launch",
    "facets.lost-answer",
    "facets.parallel",
  ),
  withFacet(
    "images",
    (caller, cloud) => new (claimsImages(caller))(caller, cloud),
    "deletes a foreign image",
    "images.foreign",
  ),
];
