import assert from "node:assert/strict";

import { AuthenticationError, ThrottledError } from "../../iaas/errors.ts";
import { type FacetName, facetNames } from "../../iaas/capabilities.ts";
import type { Iaas } from "../../iaas/iaas.ts";
import { collect } from "../../iaas/iteration.ts";
import type { FoundInstance, Page } from "../../iaas/model.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, reasonOf, rejection } from "../expectations.ts";
import { alwaysRefuse, answerPages, changeHook, countHook, imagined, refuseHook, unavailable } from "../hook-faults.ts";
import { anyOn } from "../needs.ts";
import { tracesOf } from "../traces.ts";

/** Pages of instances of this owner, as a cloud with small pages gives them. */
function pages(iaas: Iaas, ...ids: readonly (readonly string[])[]): Page<FoundInstance>[] {
  return ids.map((page, index) => ({
    items: page.map((id) => imagined(iaas, id)),
    marker: index + 1 < ids.length ? `after-${index}` : null,
  }));
}

const hooks = { floatingIps: 0, securityGroups: 0, keyPairs: 0, volumes: 0, images: 0 };

/** The facets whose resources are listed, with their lists. */
function facetLists(
  iaas: Iaas,
): { readonly facet: object; readonly list: () => AsyncGenerator<{ readonly id: string }> }[] {
  return facetNames
    .filter((name): name is Exclude<FacetName, "catalog"> => name in hooks && iaas.can(name))
    .map((name) => {
      const facet = Reflect.get(iaas, name) as { readonly list: () => AsyncGenerator<{ readonly id: string }> };
      return { facet, list: () => facet.list() };
    });
}

/** Lists: lazy, complete, and never silently short. */
export const lists: readonly Behaviour[] = [
  {
    id: "lists.lazy",
    name: "a list asks for one page when only its first item is wanted",
    run: async ({ iaas }) => {
      const asked = answerPages(iaas, "_list", ...pages(iaas, ["a"], ["b"], ["c"]));
      const traces = await tracesOf(iaas, async () => {
        for await (const { id } of iaas.list()) {
          assert.equal(id, "a");
          break;
        }
      });
      assert.equal(asked.calls, 1);
      assert.deepEqual(
        traces.map(({ operation, requests }) => [operation, requests]),
        [["list", 1]],
      );
    },
  },
  {
    id: "lists.not-begun",
    name: "a list that nobody reads asks for nothing",
    run: async ({ iaas }) => {
      const asked = countHook(iaas, "_list");
      const list = iaas.list();
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(asked.calls, 0);
      await list.return(undefined);
    },
  },
  {
    id: "lists.complete",
    name: "a list has what is on every page, in order, and asks for each page once",
    run: async ({ iaas }) => {
      const markers: (string | null)[] = [];
      const left = pages(iaas, ["a", "b"], [], ["c"], ["d"]);
      changeHook<Page<FoundInstance>, { readonly marker: string | null }>(
        iaas,
        "_list",
        async (_perform, { marker }) => {
          markers.push(marker);
          return await Promise.resolve(left.shift() ?? assert.fail("a page too many"));
        },
      );
      assert.deepEqual(
        (await collect(iaas.list())).map(({ id }) => id),
        ["a", "b", "c", "d"],
      );
      assert.deepEqual(markers, [null, "after-0", "after-1", "after-2"]);
    },
  },
  {
    id: "lists.real",
    name: "a list has every instance of the owner, and that of a key only the key's",
    run: async ({ iaas, launch }) => {
      const launched = await Promise.all([launch(), launch(), launch()]);
      assert.deepEqual(idsOf(await collect(iaas.list())), idsOf(launched));
      for (const { id, ownership } of launched) {
        assert.deepEqual(idsOf(await collect(iaas.list({ key: ownership.key }))), [id]);
      }
    },
  },
  {
    id: "lists.failing-page",
    name: "a page that fails fails the list: what there is of it is not taken for all",
    run: async ({ iaas }) => {
      const [first] = pages(iaas, ["a"], ["b"]);
      assert.ok(first !== undefined);
      const fail = (): never => {
        throw new AuthenticationError("expired", { provider: iaas.provider, operation: "list" });
      };
      answerPages(iaas, "_list", first, fail);
      await rejection(collect(iaas.list()), "IAAS_AUTHENTICATION");
    },
  },
  {
    id: "lists.repeated-marker",
    name: "a marker that comes again stops the list with an error",
    run: async ({ iaas }) => {
      const asked = answerPages(iaas, "_list", { items: [imagined(iaas, "a")], marker: "same" });
      await rejection(collect(iaas.list()), "IAAS_UNAVAILABLE");
      assert.equal(asked.calls, 2);
    },
  },
  {
    id: "lists.marker-loop",
    name: "markers that go round in a circle stop the list with an error",
    run: async ({ iaas }) => {
      let page = 0;
      const asked = changeHook<Page<FoundInstance>>(iaas, "_list", async () => {
        page += 1;
        return await Promise.resolve({ items: [imagined(iaas, `i-${page}`)], marker: `m-${page % 3}` });
      });
      await rejection(collect(iaas.list()), "IAAS_UNAVAILABLE");
      assert.ok(asked.calls <= 5, `asked ${asked.calls} times`);
    },
  },
  {
    id: "lists.moved",
    name: "an instance that stands on two pages is listed once",
    run: async ({ iaas }) => {
      answerPages(iaas, "_list", ...pages(iaas, ["a", "b"], ["b", "c"]));
      assert.deepEqual(idsOf(await collect(iaas.list())), ["a", "b", "c"]);
    },
  },
  {
    id: "lists.ended",
    name: "instances that the cloud only remembers are not listed",
    run: async ({ iaas }) => {
      const items = [
        imagined(iaas, "ended", { state: "terminated" }),
        imagined(iaas, "ending", { state: "terminating" }),
      ];
      answerPages(iaas, "_list", { items, marker: null });
      assert.deepEqual(idsOf(await collect(iaas.list())), ["ending"]);
    },
  },
  {
    id: "lists.retried",
    name: "a page that was lost on the way, or came too soon, is asked for again",
    run: async ({ iaas }) => {
      const tooSoon = (context: ConstructorParameters<typeof ThrottledError>[1]): unknown =>
        new ThrottledError("slow down", context);
      const asked = refuseHook(iaas, "_list", unavailable, tooSoon);
      assert.deepEqual(await collect(iaas.list()), []);
      assert.ok(asked.calls >= 3);
    },
  },
  {
    id: "lists.aborted",
    name: "a list that is aborted between two pages ends with the caller's reason",
    run: async ({ iaas }) => {
      const asked = answerPages(iaas, "_list", ...pages(iaas, ["a"], ["b"]));
      const controller = new AbortController();
      const list = iaas.list({ signal: controller.signal });
      await list.next();
      controller.abort(new Error("enough"));
      assert.equal(await reasonOf(list.next()), controller.signal.reason);
      assert.equal(asked.calls, 1);
    },
  },
  {
    id: "lists.facets",
    name: "the lists of the facets are lazy and complete, and fail with a page",
    needs: anyOn("floatingIps", "securityGroups", "keyPairs", "volumes", "images"),
    run: async ({ iaas }) => {
      for (const { facet, list } of facetLists(iaas)) {
        const owned = (id: string): object => imagined(iaas, id);
        const all = [
          { items: [owned("a")], marker: "1" },
          { items: [owned("b")], marker: null },
        ];
        const lazy = answerPages(facet, "_list", ...all);
        assert.equal((await list().next()).done, false);
        assert.equal(lazy.calls, 1);
        answerPages(facet, "_list", ...all);
        assert.deepEqual(idsOf(await collect(list())), ["a", "b"]);
        answerPages(facet, "_list", { items: [owned("a")], marker: "same" });
        await rejection(collect(list()), "IAAS_UNAVAILABLE");
        alwaysRefuse(facet, "_list", (context) => new AuthenticationError("expired", context));
        await rejection(collect(list()), "IAAS_AUTHENTICATION");
      }
    },
  },
];
