import assert from "node:assert/strict";

import { Secret } from "../../iaas/secret.ts";
import { Payload } from "../../payload/payload.ts";
import { planPayload } from "../../payload/plan.ts";
import { PayloadTooLargeError, type InvalidInputError } from "../../iaas/errors.ts";
import type { LaunchOptions } from "../../iaas/launch-options.ts";
import type { Behaviour } from "../behaviour.ts";
import { refusal, rejection, withoutText } from "../expectations.ts";

/** A launch that is refused before any request, and for which field. */
function refused(id: string, name: string, field: string, change: (options: LaunchOptions) => object): Behaviour {
  return {
    id,
    name,
    run: async ({ iaas, launchOptions }) => {
      const options = change(launchOptions()) as LaunchOptions;
      const error = await refusal(iaas, async () => await iaas.launch(options), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, field);
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
  refused("input.no-image", "a launch without an image is refused", "image", ({ image: _image, ...rest }) => rest),
  refused("input.unknown-field", "a field that is not known is refused", "imgae", (options) => ({
    ...options,
    imgae: "x",
  })),
  refused("input.port", "a port that is none is refused", "ports[0].port", (options) => ({
    ...options,
    ports: [{ port: 70_000 }],
  })),
  {
    id: "input.unknown-image",
    name: "an image that does not exist is refused, and nothing is made",
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ image: "ami-0123456789abcdef0" });
      const error = await rejection(iaas.launch(options), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "image");
    },
  },
  {
    id: "input.name-length",
    name: "a name one character over the limit is refused before any request",
    run: async ({ iaas, launchOptions }) => {
      const name = "n".repeat(iaas.capabilities.names.maxLength.value + 1);
      const error = await refusal(iaas, async () => await iaas.launch(launchOptions({ name })), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "name");
    },
  },
  {
    id: "input.tag-count",
    name: "one tag more than there is room for is refused before any request",
    run: async ({ iaas, launchOptions }) => {
      const { value } = iaas.capabilities.tags.maxCount;
      const tags = Object.fromEntries(Array.from({ length: value + 1 }, (_, index) => [`t${index}`, "v"]));
      const error = await refusal(iaas, async () => await iaas.launch(launchOptions({ tags })), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "tags");
    },
  },
  {
    id: "payload.limit",
    name: "a payload at the limit is planned, and one byte more is refused before any request",
    run: async ({ iaas, launchOptions }) => {
      const { payload: limits } = iaas.capabilities;
      const room = limits.measuredOn === "raw" ? limits.maxBytes.value : Math.floor(limits.maxBytes.value / 4) * 3;
      const bytes = (length: number): Payload => Payload.raw(new Uint8Array(length).fill(120));
      assert.ok(planPayload(bytes(room), limits).headroomBytes >= 0);
      const launch = async (): Promise<unknown> => await iaas.launch(launchOptions({ payload: bytes(room + 1) }));
      assert.ok((await refusal(iaas, launch, "IAAS_PAYLOAD_TOO_LARGE")) instanceof PayloadTooLargeError);
    },
  },
  {
    id: "payload.secret",
    name: "an error of a launch with a secret payload does not show the secret",
    run: async ({ iaas, launchOptions }) => {
      const canary = `canary-${"x".repeat(iaas.capabilities.payload.maxBytes.value * 2)}`;
      const payload = Payload.environment({ TOKEN: new Secret(canary) });
      const options = launchOptions({ payload, payloadFormat: "env-file", allowInlineSecrets: true });
      const error = await refusal(iaas, async () => await iaas.launch(options), "IAAS_PAYLOAD_TOO_LARGE");
      withoutText(error, "canary-x");
    },
  },
  {
    id: "partition.region",
    name: "a partition of another region is refused, naming the region",
    run: async ({ iaas }) => {
      const validate = async (): Promise<void> => await iaas.validatePartition({ region: "no-such-region" });
      const error = await refusal(iaas, validate, "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "partition.region");
    },
  },
  {
    id: "partition.zone",
    name: "a zone that does not exist is refused, naming the zone",
    run: async ({ iaas }) => {
      const error = await rejection(iaas.validatePartition({ zone: "no-such-zone" }), "IAAS_INVALID_INPUT");
      assert.equal((error as InvalidInputError).field, "partition.zone");
    },
  },
];
