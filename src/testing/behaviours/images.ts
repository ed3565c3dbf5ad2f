import assert from "node:assert/strict";

import type { Image } from "../../iaas/images.ts";
import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, refusedField, rejection } from "../expectations.ts";
import { answerPages, countHook } from "../hook-faults.ts";
import { on } from "../needs.ts";

function image(id: string, year: number, more: Partial<Image> = {}): Image {
  const createdAt = new Date(Date.UTC(year, 0, 1));
  return { id, name: "web", state: "available", architecture: "x86_64", createdAt, ownership: null, ...more };
}

/** What instances start from. */
export const images: readonly Behaviour[] = [
  {
    id: "images.get",
    name: "the image of a launch is there and available, and one that does not exist is NotFound",
    needs: on("images"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("images"));
      const { id, state } = await iaas.images.get({ id: launchOptions().image });
      assert.deepEqual([id, state], [launchOptions().image, "available"]);
      await rejection(iaas.images.get({ id: "ami-0123456789abcdef0" }), "IAAS_NOT_FOUND");
    },
  },
  {
    id: "images.find",
    name: "of the images of a name the newest that is available is found, on whichever page",
    needs: on("images"),
    run: async ({ iaas }) => {
      assert.ok(iaas.can("images"));
      const later = [
        image("newer", 2029),
        image("unready", 2030, { state: "creating" }),
        image("arm", 2031, { architecture: "arm64" }),
      ];
      const pages = [
        { items: [image("old", 2020), image("other", 2035, { name: "web-2" })], marker: "1" },
        { items: later, marker: null },
      ];
      answerPages(iaas.images, "_find", ...pages);
      assert.equal((await iaas.images.find({ name: "web", architecture: "x86_64" })).id, "newer");
      answerPages(iaas.images, "_find", ...pages);
      assert.equal((await iaas.images.find({ name: "web" })).id, "arm");
      answerPages(iaas.images, "_find", ...pages);
      await rejection(iaas.images.find({ name: "we" }), "IAAS_NOT_FOUND");
    },
  },
  {
    id: "images.find-none",
    name: "a name that no image has is NotFound, and an empty one is refused before any request",
    needs: on("images"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("images"));
      await rejection(iaas.images.find({ name: key("image") }), "IAAS_NOT_FOUND");
      await refusedField(iaas, async () => await iaas.images.find({ name: "" }), "name");
    },
  },
  {
    id: "images.foreign",
    name: "an image that this owner has not made is not deleted",
    needs: on("images"),
    run: async ({ iaas, launchOptions }) => {
      assert.ok(iaas.can("images"));
      const deleted = countHook(iaas.images, "_delete");
      await rejection(iaas.images.delete({ id: launchOptions().image }), "IAAS_PERMISSION_DENIED");
      assert.equal(deleted.calls, 0);
      assert.deepEqual(await collect(iaas.images.list()), []);
    },
  },
  {
    id: "images.life",
    name: "an image is made of an instance once for a name, launches, and is deleted",
    needs: on("images.create"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("images.create"));
      const { images: made } = iaas;
      const { id: instanceId } = await launch();
      const name = key("image");
      const { id } = await made.create({ instanceId, name });
      assert.equal((await made.create({ instanceId, name })).id, id);
      assert.equal((await made.find({ name })).id, id);
      assert.deepEqual(idsOf(await collect(made.list())), [id]);
      assert.equal((await launch({ image: id })).imageId, id);
      await made.delete({ id });
      await made.delete({ id });
      await rejection(made.get({ id }), "IAAS_NOT_FOUND");
    },
  },
  {
    id: "images.visibility",
    name: "an image is shared with an account and made private again",
    needs: on("images.visibility"),
    run: async ({ iaas, launch, key, launchOptions }) => {
      assert.ok(iaas.can("images.visibility"));
      const { images: made } = iaas;
      const { id: instanceId } = await launch();
      const { id } = await made.create({ instanceId, name: key("image") });
      await made.setVisibility({ id, visibility: { sharedWith: ["111122223333"] } });
      await made.setVisibility({ id, visibility: "private" });
      const theirs = launchOptions().image;
      await rejection(made.setVisibility({ id: theirs, visibility: "public" }), "IAAS_PERMISSION_DENIED");
      const wrong = async (): Promise<void> => await made.setVisibility({ id, visibility: "secret" as "public" });
      await refusedField(iaas, wrong, "visibility");
      await made.delete({ id });
    },
  },
];
