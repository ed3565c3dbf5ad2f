import { conformanceBehaviours } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { FullMemoryIaas } from "../../support/memory-full.ts";
import { facets } from "./mutants/facets.ts";
import { launching } from "./mutants/launching.ts";
import { verdictOn } from "./mutants/mutant.ts";
import { surface } from "./mutants/surface.ts";

const mutants = [...launching, ...surface, ...facets];

describe("a provider that", () => {
  it.each(mutants.map((mutant) => [mutant.defect, mutant] as const))("%s is caught", async (_, mutant) => {
    const verdicts: Record<string, unknown> = {};
    for (const id of mutant.caughtBy) {
      const sound = await verdictOn(id, { ...mutant, create: (options) => new FullMemoryIaas(options) });
      verdicts[id] = { mutant: await verdictOn(id, mutant), sound };
    }
    const expected = mutant.caughtBy.map((id) => [id, { mutant: "fails", sound: "passes" }]);
    expect(verdicts).toEqual(Object.fromEntries(expected));
  });
});

describe("the list of behaviours", () => {
  it("has each id once, and each name is a sentence of its own", () => {
    const ids = conformanceBehaviours.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
    expect(ids.filter((id) => !/^[a-z-]+\.[a-z-]+$/.test(id))).toEqual([]);
    expect(new Set(conformanceBehaviours.map(({ name }) => name)).size).toBe(ids.length);
  });
});
