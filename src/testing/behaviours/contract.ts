import assert from "node:assert/strict";

import { type CapabilityPath, type FacetName, facetNames, isOn } from "../../iaas/capabilities.ts";
import { Catalog } from "../../iaas/catalog.ts";
import { FloatingIps } from "../../iaas/floating-ips.ts";
import { Iaas } from "../../iaas/iaas.ts";
import { Images } from "../../iaas/images.ts";
import { collect } from "../../iaas/iteration.ts";
import { KeyPairs } from "../../iaas/key-pairs.ts";
import { SecurityGroups } from "../../iaas/security-groups.ts";
import { Volumes } from "../../iaas/volumes.ts";
import type { Behaviour } from "../behaviour.ts";
import { tracesOf } from "../traces.ts";

const facetClasses: Readonly<Record<FacetName, abstract new (...given: never[]) => object>> = {
  floatingIps: FloatingIps,
  securityGroups: SecurityGroups,
  keyPairs: KeyPairs,
  volumes: Volumes,
  images: Images,
  catalog: Catalog,
};

/** Public names of a base class that an object, or a class between them, defines again. */
function redefined(object: object, base: { readonly prototype: object }, own: readonly string[] = []): string[] {
  const names = [...Object.getOwnPropertyNames(base.prototype), Symbol.asyncDispose].filter(
    (name) => name !== "constructor" && (typeof name === "symbol" || !name.startsWith("_")),
  );
  const found: string[] = [];
  for (let type = object; type !== base.prototype; type = Object.getPrototypeOf(type) as object) {
    found.push(...names.filter((name) => Object.hasOwn(type, name) && !own.includes(String(name))).map(String));
  }
  return found;
}

/** What an Iaas promises as an object. */
export const contract: readonly Behaviour[] = [
  {
    id: "surface.sealed",
    name: "no public method of the base class is redefined",
    run: async ({ iaas }) => {
      assert.deepEqual(redefined(iaas, Iaas), []);
      await Promise.resolve();
    },
  },
  {
    id: "surface.facets-sealed",
    name: "no public method of a facet's base class is redefined",
    run: async ({ iaas }) => {
      for (const name of facetNames.filter((facet) => iaas.can(facet))) {
        const facet = Reflect.get(iaas, name) as object;
        assert.ok(facet instanceof facetClasses[name], `${name} is no ${facetClasses[name].name}`);
        assert.deepEqual(redefined(facet, facetClasses[name]), []);
      }
      await Promise.resolve();
    },
  },
  {
    id: "surface.can",
    name: "can() says what the capabilities say",
    run: async ({ iaas }) => {
      const paths: readonly CapabilityPath[] = [
        ...facetNames,
        ...(["stop", "reboot", "consoleOutput", "keyPairs.import", "keyPairs.generate"] as const),
        ...(["volumes.snapshots", "images.create", "images.visibility"] as const),
      ];
      for (const path of paths) assert.equal(iaas.can(path), isOn(iaas.capabilities, path), path);
      await Promise.resolve();
    },
  },
  {
    id: "capabilities.json",
    name: "the capabilities are frozen, and survive JSON",
    run: async ({ iaas }) => {
      const { capabilities } = iaas;
      assert.deepEqual(JSON.parse(JSON.stringify(capabilities)), capabilities);
      assert.ok(Object.isFrozen(capabilities) && Object.isFrozen(capabilities.payload));
      await Promise.resolve();
    },
  },
  {
    id: "capabilities.sources",
    name: "every limit is a whole number above 0, and says where it is written",
    run: async ({ iaas }) => {
      const { payload, names, tags, networks } = iaas.capabilities;
      const limits = [payload.maxBytes, names.maxLength, tags.maxCount, tags.maxKeyLength, tags.maxValueLength];
      if (networks !== false) limits.push(networks.maxCount);
      for (const { value, source } of limits) {
        assert.ok(Number.isInteger(value) && value > 0, String(value));
        assert.match(source, /^(https:\/\/.+|ours|probe)$/);
      }
      await Promise.resolve();
    },
  },
  {
    id: "capabilities.consistent",
    name: "the capabilities do not contradict each other",
    run: async ({ iaas }) => {
      const { names, floatingIps, publicAddress, pollIntervalMs, visibilityLagMs, placement } = iaas.capabilities;
      assert.doesNotThrow(() => new RegExp(names.pattern, "u"));
      assert.ok(publicAddress !== "floating" || floatingIps !== false, "floating public addresses need floating IPs");
      assert.ok(pollIntervalMs > 0 && visibilityLagMs >= 0);
      assert.ok(!placement.host || iaas.can("catalog"), "hosts that can be chosen have to be listed");
      await Promise.resolve();
    },
  },
  {
    id: "capabilities.unchanged",
    name: "no call but a probe changes the capabilities",
    run: async ({ iaas, launch }) => {
      const before = iaas.capabilities;
      const { id } = await launch();
      await collect(iaas.list());
      await iaas.terminate(id);
      assert.equal(iaas.capabilities, before);
    },
  },
  {
    id: "traces.span",
    name: "each call is one span that says whose it is and how many requests it took",
    run: async ({ iaas }) => {
      const traces = await tracesOf(iaas, async () => {
        await iaas.probe();
        await collect(iaas.list());
      });
      const { provider, owner } = iaas;
      assert.deepEqual(
        traces.map((trace) => [trace.provider, trace.owner, trace.operation, trace.requests, trace.throttled]),
        ["probe", "list"].map((operation) => [provider, owner, operation, 1, 0]),
      );
    },
  },
];
