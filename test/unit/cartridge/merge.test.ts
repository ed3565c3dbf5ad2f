import * as fc from "fast-check";
import { type CartridgeLayer, Payload, resolveCartridge } from "iaaskit";
import { describe, expect, it } from "vitest";

import { mergeLayers } from "../../../src/cartridge/merge.ts";

/** The layers, from the lowest to the highest, and how a definition is made of them. */
const names = ["defaults", "cartridge", "iaasProvider", "partition", "call"] as const;
function resolved(layers: readonly (CartridgeLayer | undefined)[], tenant?: string) {
  const [defaults, cartridge, iaasProvider, partition, call] = layers;
  return resolveCartridge(
    { ...cartridge, type: "php", iaasProviders: [{ ...iaasProvider, type: "here" }] },
    { on: "here", defaults: { image: "i", ...defaults }, partition, call, tenant },
  );
}
const pairs = names.flatMap((_, above) => names.slice(0, above).map((_name, below) => [below, above] as const));
const at = (...layers: (readonly [index: number, layer: CartridgeLayer])[]) =>
  names.map((_, index) => layers.find(([place]) => place === index)?.[1]);

describe.each(pairs.map(([below, above]) => [names[above]!, names[below]!, below, above] as const))(
  "the %s, above the %s,",
  (_above, _below, below, above) => {
    const merged = (lower: CartridgeLayer, higher: CartridgeLayer) => resolved(at([below, lower], [above, higher]));

    it("replaces one value and keeps the others", () => {
      expect(merged({ size: "s", keyPair: "k" }, { size: "l" })).toMatchObject({ size: "l", keyPair: "k" });
    });

    it("replaces a requirement and a list as a whole", () => {
      const lower = {
        size: { minCpus: 1, minMemoryMiB: 2, architecture: "arm64" },
        securityGroups: ["a", "b"],
      } as const;
      const higher = { size: { minCpus: 3, minMemoryMiB: 4 }, securityGroups: ["c"], ports: [] };
      expect(merged({ ...lower, ports: [{ port: 80 }] }, higher)).toMatchObject({
        size: { minCpus: 3, minMemoryMiB: 4 },
        securityGroups: ["c"],
        ports: [],
      });
      expect(merged(lower, higher).size).not.toHaveProperty("architecture");
    });

    it("adds to records name by name", () => {
      const { tags } = merged({ tags: { a: "1", b: "1" } }, { tags: { b: "2", c: "2" } });
      expect(tags).toEqual({ a: "1", b: "2", c: "2" });
      const { payload } = merged({ environment: { A: "1", B: "1" } }, { environment: { B: "2", C: "2" } });
      expect(payload?.environment).toEqual({ A: "1", B: "2", C: "2" });
    });

    it("replaces a level of the partition and keeps the others", () => {
      const { partition } = merged({ partition: { region: "r", zone: ["a", "b"] } }, { partition: { zone: "c" } });
      expect(partition).toEqual({ region: "r", zone: "c" });
    });

    it("adds to the options of each provider name by name", () => {
      const lower = { providerOptions: { ec2: { spot: true, deep: { a: 1 } }, other: { x: 1 } } };
      const higher = { providerOptions: { ec2: { deep: { b: 2 } }, more: { y: 1 } } };
      expect(merged(lower, higher).providerOptions).toEqual({
        ec2: { spot: true, deep: { b: 2 } },
        other: { x: 1 },
        more: { y: 1 },
      });
    });

    it("adds to the payload, and its parts come later", () => {
      const { payload } = merged(
        { payload: Payload.environment({ A: "1", B: "1" }).and(Payload.script("#!/bin/one")) },
        { payload: Payload.environment({ B: "2" }).and(Payload.script("#!/bin/two")) },
      );
      expect(payload?.environment).toEqual({ A: "1", B: "2" });
      expect(payload?.scripts.map(({ text }) => text)).toEqual(["#!/bin/one", "#!/bin/two"]);
    });

    it("replaces the payload by a raw one", () => {
      const { payload } = merged({ payload: Payload.environment({ A: "1" }) }, { payload: Payload.raw("two") });
      expect(Buffer.from(payload?.raw ?? []).toString()).toBe("two");
    });

    it("takes the place of the image for everybody, and that of a tenant", () => {
      const lower = { image: "one", tenantImages: { a: "a-1", b: "b-1" } };
      const higher = { image: "two", tenantImages: { b: "b-2" } };
      const images = [undefined, "a", "b"].map((tenant) => resolved(at([below, lower], [above, higher]), tenant).image);
      expect(images).toEqual(["two", "a-1", "b-2"]);
    });

    it("replaces nothing by what is undefined", () => {
      const lower: CartridgeLayer = {
        size: "s",
        tags: { a: "1" },
        environment: { A: "1" },
        partition: { zone: "z" },
        providerOptions: { ec2: { spot: true } },
        payload: Payload.environment({ B: "1" }),
        securityGroups: ["g"],
      };
      const nothing = Object.fromEntries(Object.keys(lower).map((name) => [name, undefined])) as CartridgeLayer;
      const inside = {
        tags: { a: undefined },
        environment: { A: undefined },
        partition: { zone: undefined },
        providerOptions: { ec2: { spot: undefined } },
      } as unknown as CartridgeLayer;
      expect(merged(lower, nothing)).toEqual(merged(lower, {}));
      expect(merged(lower, inside)).toEqual(merged(lower, {}));
    });
  },
);

describe("a raw payload", () => {
  it("may not have parts above it", () => {
    const layers = at([0, { payload: Payload.raw("x") }], [4, { payload: Payload.environment({ A: "1" }) }]);
    expect(() => resolved(layers)).toThrow(expect.objectContaining({ code: "IAAS_INVALID_INPUT", field: "payload" }));
  });

  it("may not have pairs of the environment beside it, in whatever layer they are", () => {
    const layers = at([0, { environment: { A: "1" } }], [4, { payload: Payload.raw("x") }]);
    expect(() => resolved(layers)).toThrow(expect.objectContaining({ code: "IAAS_INVALID_INPUT", field: "payload" }));
  });

  it("replaces everything below, another raw one with parts above it too", () => {
    const layers = at(
      [0, { payload: Payload.raw("one") }],
      [2, { payload: Payload.script("#!/bin/sh") }],
      [4, { payload: Payload.raw("two") }],
    );
    expect(Buffer.from(resolved(layers).payload?.raw ?? []).toString()).toBe("two");
  });
});

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** What a layer says: without what it leaves undefined. */
const said = (one: CartridgeLayer): unknown => JSON.parse(JSON.stringify(one));

describe("merging", () => {
  const few = fc.constantFrom("a", "b", "c");
  const record = fc.dictionary(few, few);
  const environment = fc.dictionary(fc.constantFrom("A", "B"), few).map((values) => Payload.environment(values));
  const payload = fc
    .array(
      fc.oneof(
        environment,
        few.map((name) => Payload.file(`/${name}`, name)),
        few.map((name) => Payload.cloudConfig(name)),
      ),
    )
    .map((parts) => parts.reduce((whole, part) => whole.and(part), Payload.empty));
  const layer = fc.record(
    {
      image: optional(few),
      size: optional(fc.oneof(few, fc.record({ minCpus: fc.nat(), minMemoryMiB: fc.nat() }))),
      securityGroups: optional(fc.array(few)),
      volumes: optional(fc.array(fc.record({ sizeGiB: fc.nat() }))),
      tags: optional(record),
      environment: optional(record),
      properties: optional(record),
      tenantImages: optional(record),
      partition: optional(
        fc.record({ region: optional(few), zone: optional(fc.oneof(few, fc.array(few))) }, { requiredKeys: [] }),
      ),
      providerOptions: optional(fc.dictionary(few, fc.dictionary(few, fc.oneof(few, fc.constant(undefined))))),
      payload: optional(payload),
      until: optional(fc.constantFrom("accepted", "running")),
    },
    { requiredKeys: [] },
  ) as unknown as fc.Arbitrary<CartridgeLayer>;

  it("is associative", () => {
    fc.assert(
      fc.property(layer, layer, layer, (a, b, c) => {
        const together = said(mergeLayers([a, b, c]));
        expect(said(mergeLayers([mergeLayers([a, b]), c]))).toEqual(together);
        expect(said(mergeLayers([a, mergeLayers([b, c])]))).toEqual(together);
      }),
      { numRuns: 300 },
    );
  });

  it("with nothing changes nothing, and with itself only the payload's lists", () => {
    fc.assert(
      fc.property(layer, (a) => {
        expect(said(mergeLayers([a, {}]))).toEqual(said(mergeLayers([a])));
        expect(said(mergeLayers([{}, undefined, a]))).toEqual(said(mergeLayers([a])));
        const { payload: _payload, ...others } = a;
        expect(said(mergeLayers([others, others]))).toEqual(said(mergeLayers([others])));
      }),
    );
  });

  it("leaves no field that is undefined, and changes no layer", () => {
    fc.assert(
      fc.property(layer, layer, (a, b) => {
        const before = JSON.stringify([a, b]);
        const merged = mergeLayers([a, b]);
        expect(Object.values(merged)).not.toContain(undefined);
        expect(Object.values(merged.partition ?? {})).not.toContain(undefined);
        expect(JSON.stringify([a, b])).toBe(before);
      }),
    );
  });
});
