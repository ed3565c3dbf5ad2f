import assert from "node:assert/strict";

import { type InvalidInputError, IaasError } from "../../iaas/errors.ts";
import type { LaunchOptions } from "../../iaas/launch-options.ts";
import type { Behaviour } from "../behaviour.ts";
import { reasonOf, refusedField, rejection } from "../expectations.ts";
import { where } from "../needs.ts";

/** A launch that is refused before any request, and for which field. */
function refused(id: string, name: string, field: string, change: (options: LaunchOptions) => object): Behaviour {
  return {
    id,
    name,
    run: async ({ iaas, launchOptions }) => {
      const options = change(launchOptions()) as LaunchOptions;
      await refusedField(iaas, async () => await iaas.launch(options), field);
    },
  };
}

/** What is wrong is refused, before any request where that can be known. */
export const input: readonly Behaviour[] = [
  refused("input.no-key", "a launch without a key is refused", "key", ({ key: _key, ...rest }) => rest),
  refused("input.key-form", "a key that no cloud could keep is refused", "key", (options) => ({
    ...options,
    key: "a\nb",
  })),
  refused("input.key-part", "a key that looks like the key of a part is refused", "key", (options) => ({
    ...options,
    key: "a//volume-0",
  })),
  refused("input.no-image", "a launch without an image is refused", "image", ({ image: _image, ...rest }) => rest),
  refused("input.unknown-field", "a field that is not known is refused", "imgae", (options) => ({
    ...options,
    imgae: "x",
  })),
  refused("input.port", "a port that is none is refused", "ports[0].port", (options) => ({
    ...options,
    ports: [{ port: 70_000 }],
  })),
  refused("input.protocol", "a protocol that is neither tcp nor udp is refused", "ports[0].protocol", (options) => ({
    ...options,
    ports: [{ port: 80, protocol: "sctp" }],
  })),
  refused("input.source", "a source that is no CIDR block is refused", "ports[0].sources", (options) => ({
    ...options,
    ports: [{ port: 80, sources: ["everybody"] }],
  })),
  refused("input.reachable", "waiting until a port answers is refused where no port is named", "ports", (options) => ({
    ...options,
    ports: [],
    until: "reachable",
  })),
  refused(
    "input.reserved-tag",
    "a tag that would stand for the ownership is refused",
    "tags.iaaskit:owner",
    (options) => ({
      ...options,
      tags: { "iaaskit:owner": "somebody-else" },
    }),
  ),
  refused("input.tag-text", "a tag whose value is no text is refused", "tags.count", (options) => ({
    ...options,
    tags: { count: 3 },
  })),
  refused(
    "input.partition-field",
    "a level of placement that is not known is refused",
    "partition.rack",
    (options) => ({
      ...options,
      partition: { rack: "7" },
    }),
  ),
  refused("input.timeout", "a time that is none is refused", "timeoutMs", (options) => ({
    ...options,
    timeoutMs: -1,
  })),
  refused("input.signal", "a signal that is none is refused", "signal", (options) => ({ ...options, signal: {} })),
  {
    id: "input.size",
    name: "a launch without a size is refused where the cloud has no default",
    needs: where("sizeRequired", ({ sizeRequired }) => sizeRequired),
    run: async ({ iaas, launchOptions }) => {
      const { size: _size, ...options } = launchOptions();
      await refusedField(iaas, async () => await iaas.launch(options), "size");
    },
  },
  {
    id: "input.provider-options",
    name: "settings that this provider does not know are refused, those of another one are passed over",
    run: async ({ iaas, launchOptions, key }) => {
      const unknown = launchOptions({ providerOptions: { [iaas.provider]: { noSuchSetting: true } } });
      const error = await rejection(iaas.launch(unknown), "IAAS_INVALID_INPUT");
      assert.ok((error as InvalidInputError).field.startsWith(`providerOptions.${iaas.provider}`));
      const others = launchOptions({ providerOptions: { [key("other")]: { noSuchSetting: true } }, until: "running" });
      assert.equal((await iaas.launch(others)).state, "running");
    },
  },
  {
    id: "input.owner",
    name: "an owner that no cloud could keep is refused when the Iaas is made",
    run: async ({ create }) => {
      const error = await reasonOf(create("no\nowner"));
      assert.ok(IaasError.is(error) && error.code === "IAAS_INVALID_INPUT" && "field" in error);
      assert.equal(error.field, "owner");
    },
  },
  {
    id: "input.id",
    name: "an id that is none is refused before any request",
    run: async ({ iaas }) => {
      for (const id of ["", ".", "..", "a\r\nb", "i".repeat(2_000)]) {
        await refusedField(iaas, async () => await iaas.get(id), "id");
        await refusedField(iaas, async () => await iaas.terminate(id), "id");
      }
    },
  },
  {
    id: "input.strange-id",
    name: "an id that no cloud would give is not found, and reaches nothing else",
    run: async ({ iaas }) => {
      for (const id of ["a/b", "../account", "%2e%2e", "?x=1", "#x", "a b", "<x/>", "'"]) {
        await rejection(iaas.get(id), "IAAS_NOT_FOUND", "IAAS_INVALID_INPUT");
      }
    },
  },
  {
    id: "input.list-key",
    name: "a key that is none is refused by list and terminate too",
    run: async ({ iaas }) => {
      await refusedField(iaas, async () => await iaas.list({ key: "a\nb" }).next(), "key");
      await refusedField(iaas, async () => await iaas.terminate({ key: "" }), "key");
    },
  },
  {
    id: "input.unknown-image",
    name: "an image that does not exist is refused, and nothing is made",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ image: "ami-0123456789abcdef0" });
      const error = await rejection(iaas.launch(options), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "image");
      assert.equal((await iaas.list().next()).done, true);
    },
  },
];
