import assert from "node:assert/strict";

import { type CapabilityFindings, facetNames } from "../../iaas/capabilities.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { reasonOf, refusal } from "../expectations.ts";
import { changeHook } from "../hook-faults.ts";

type Answer = { readonly account: string | null; readonly findings: CapabilityFindings };

/** Asking the cloud what it is. */
export const probe: readonly Behaviour[] = [
  {
    id: "probe.answers",
    name: "a probe answers, and changes no capability that was settled",
    run: async ({ unprobed }) => {
      const iaas = await unprobed();
      const before = structuredClone(iaas.capabilities);
      const { capabilities } = await iaas.probe();
      assert.deepEqual(capabilities, iaas.capabilities);
      for (const [name, value] of Object.entries(before)) {
        if (value === "probe" || name === "payload" || name === "tags") continue;
        assert.deepEqual(capabilities[name as keyof typeof before], value, name);
      }
      assert.ok(capabilities.payload.maxBytes.value <= before.payload.maxBytes.value);
      assert.ok(capabilities.tags.maxCount.value <= before.tags.maxCount.value);
    },
  },
  {
    id: "probe.settles",
    name: "after a probe no flag is left open",
    run: async ({ unprobed }) => {
      const { capabilities } = await (await unprobed()).probe();
      const open = Object.entries(capabilities).flatMap(([name, value]) => (value === "probe" ? [name] : []));
      assert.deepEqual(open, []);
    },
  },
  {
    id: "probe.open-flags",
    name: "a flag that a probe has to settle counts as off before, and sends no request",
    run: async ({ unprobed }) => {
      const iaas = await unprobed();
      for (const name of facetNames.filter((facet) => iaas.capabilities[facet] === "probe")) {
        assert.equal(iaas.can(name), false);
        const use = async (): Promise<unknown> =>
          await Promise.resolve().then(() => Reflect.get(iaas, name) as unknown);
        const error = await refusal(iaas, use, "IAAS_UNSUPPORTED_CAPABILITY");
        assert.match(error.message, /probe\(\)/);
      }
    },
  },
  {
    id: "probe.again",
    name: "a second probe, and another process' probe, find the same",
    run: async ({ iaas, twin }) => {
      const first = await iaas.probe();
      assert.deepEqual(await iaas.probe(), first);
      assert.deepEqual(await (await twin()).probe(), first);
    },
  },
  {
    id: "probe.account",
    name: "a probe names the account, or says that the cloud does not tell",
    run: async ({ iaas }) => {
      const { account } = await iaas.probe();
      assert.ok(account === null || (typeof account === "string" && account !== ""), JSON.stringify(account));
    },
  },
  {
    id: "probe.makes-nothing",
    name: "a probe makes nothing",
    run: async ({ iaas }) => {
      await iaas.probe();
      assert.deepEqual(await collect(iaas.list()), []);
    },
  },
  {
    id: "probe.lowers",
    name: "a probe may lower a limit, and the lower one holds",
    run: async ({ iaas }) => {
      const { maxBytes } = iaas.capabilities.payload;
      changeHook<Answer>(iaas, "_probe", async (perform) => {
        const answer = await perform();
        return { ...answer, findings: { ...answer.findings, payloadMaxBytes: maxBytes.value - 1 } };
      });
      const { capabilities } = await iaas.probe();
      assert.deepEqual(capabilities.payload.maxBytes, { value: maxBytes.value - 1, source: "probe" });
    },
  },
  {
    id: "probe.never-raises",
    name: "a probe that would raise a limit or turn a settled flag is refused, and changes nothing",
    run: async ({ iaas }) => {
      const before = iaas.capabilities;
      const settled = !iaas.can("floatingIps");
      const wrong: readonly CapabilityFindings[] = [
        { payloadMaxBytes: before.payload.maxBytes.value + 1 },
        { tagsMaxCount: before.tags.maxCount.value + 1 },
        { floatingIps: settled },
      ];
      for (const findings of wrong) {
        changeHook<Answer>(iaas, "_probe", async () => await Promise.resolve({ account: null, findings }));
        assert.ok((await reasonOf(iaas.probe())) instanceof Error);
        assert.deepEqual(iaas.capabilities, before);
      }
    },
  },
];
