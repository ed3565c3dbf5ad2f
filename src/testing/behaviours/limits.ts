import assert from "node:assert/strict";

import type { Iaas } from "../../iaas/iaas.ts";
import type { LaunchOptions } from "../../iaas/launch-options.ts";
import { callerTagsOf, ownershipTagCount } from "../../iaas/ownership.ts";
import { Payload } from "../../payload/payload.ts";
import type { Behaviour, Trial } from "../behaviour.ts";
import { refusal, refusedField } from "../expectations.ts";
import { launchInputOf } from "../hook-faults.ts";
import { given, where } from "../needs.ts";

/** A name of that length that the cloud allows. */
function nameOf({ iaas }: Trial, length: number): string {
  const name = "n".repeat(length);
  assert.match(name, new RegExp(iaas.capabilities.names.pattern, "u"));
  return name;
}

function tagsOf(count: number, keyLength = 3, valueLength = 1): Record<string, string> {
  const name = (index: number): string => `t${index}`.padEnd(keyLength, "x");
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), "v".repeat(valueLength)]));
}

function tagRoom({ iaas }: Trial): number {
  return iaas.capabilities.tags.maxCount.value - ownershipTagCount;
}

/** How many bytes a payload of one raw part may have. */
function payloadRoom({ capabilities }: Iaas): number {
  const { measuredOn, maxBytes } = capabilities.payload;
  return measuredOn === "raw" ? maxBytes.value : Math.floor(maxBytes.value / 4) * 3;
}

/** One under the limit and the limit itself go through unchanged; one over is refused before any request. */
function limit(
  id: string,
  what: string,
  of: (trial: Trial) => number,
  made: (trial: Trial, size: number) => Partial<LaunchOptions>,
  field: (more: Partial<LaunchOptions>) => string,
): Behaviour {
  return {
    id,
    name: `${what} goes through unchanged up to the limit, and is refused before any request above it`,
    run: async (trial) => {
      const { iaas, launchOptions } = trial;
      const most = of(trial);
      for (const size of [most - 1, most]) {
        const options = launchOptions(made(trial, size));
        const { name, tags, ownership } = await launchInputOf(iaas, options);
        assert.equal(name, options.name ?? name);
        assert.deepEqual([ownership.key, callerTagsOf(tags)], [options.key, options.tags ?? {}]);
      }
      const over = made(trial, most + 1);
      await refusedField(iaas, async () => await iaas.launch(launchOptions(over)), field(over));
    },
  };
}

const firstTag = ({ tags = {} }: Partial<LaunchOptions>): string => `tags.${Object.keys(tags)[0]}`;

/** Limits: one under, at, and one over. */
export const limits: readonly Behaviour[] = [
  limit(
    "input.name-length",
    "a name",
    ({ iaas }) => iaas.capabilities.names.maxLength.value,
    (trial, length) => ({ name: nameOf(trial, length) }),
    () => "name",
  ),
  limit(
    "input.tag-count",
    "the number of tags",
    tagRoom,
    (_trial, count) => ({ tags: tagsOf(count) }),
    () => "tags",
  ),
  limit(
    "input.tag-key",
    "a tag's name",
    ({ iaas }) => iaas.capabilities.tags.maxKeyLength.value,
    (_trial, length) => ({ tags: tagsOf(1, length) }),
    firstTag,
  ),
  limit(
    "input.tag-value",
    "a tag's value",
    ({ iaas }) => iaas.capabilities.tags.maxValueLength.value,
    (_trial, length) => ({ tags: tagsOf(1, 3, length) }),
    firstTag,
  ),
  limit(
    "input.key-length",
    "a key",
    () => 128,
    (_trial, length) => ({ key: "k".repeat(length) }),
    () => "key",
  ),
  {
    id: "input.network-count",
    name: "one network more than an instance may have is refused before any request",
    needs: where("networks on", ({ networks }) => networks !== false),
    run: async ({ iaas, launchOptions }) => {
      const { networks } = iaas.capabilities;
      assert.ok(networks !== false);
      const asked = Array.from({ length: networks.maxCount.value + 1 }, (_, index) => ({ id: `net-${index}` }));
      await refusedField(iaas, async () => await iaas.launch(launchOptions({ networks: asked })), "networks");
    },
  },
  {
    id: "launch.at-limits",
    name: "an instance with a name and tags at every limit is launched, and tells them all",
    run: async (trial) => {
      const { iaas, launch } = trial;
      const { names, tags: tagLimits } = iaas.capabilities;
      const name = nameOf(trial, names.maxLength.value);
      const tags = tagsOf(tagRoom(trial), tagLimits.maxKeyLength.value, tagLimits.maxValueLength.value);
      const instance = await iaas.get((await launch({ name, tags })).id);
      assert.equal(instance.name, name);
      assert.deepEqual(instance.tags, tags);
    },
  },
  {
    id: "launch.name-pattern",
    name: "a name made of a key keeps to the cloud's rules, and two keys never have the same one",
    run: async ({ iaas, launchOptions, key }) => {
      const { pattern, maxLength } = iaas.capabilities.names;
      const long = key("9/K.e:y@").padEnd(127, "y");
      const names = [];
      for (const one of [`${long}1`, `${long}2`, "7"]) {
        const { name } = await launchInputOf(iaas, launchOptions({ key: one }));
        assert.match(name, new RegExp(pattern, "u"));
        assert.ok(name.length <= maxLength.value);
        names.push(name);
      }
      assert.equal(new Set(names).size, names.length);
    },
  },
  {
    id: "payload.limit",
    name: "a payload at the limit is planned, and one byte more is refused before any request",
    run: async ({ iaas, launchOptions }) => {
      const room = payloadRoom(iaas);
      const bytes = (length: number): Payload => Payload.raw(new Uint8Array(length).fill(120));
      for (const length of [room - 1, room]) {
        const { plan } = await launchInputOf(iaas, launchOptions({ payload: bytes(length) }));
        assert.ok(plan !== null && plan.headroomBytes >= 0);
        assert.equal(plan.payload.raw?.byteLength, length);
      }
      const launch = async (): Promise<unknown> => await iaas.launch(launchOptions({ payload: bytes(room + 1) }));
      const error = await refusal(iaas, launch, "IAAS_PAYLOAD_TOO_LARGE");
      assert.ok(error.code === "IAAS_PAYLOAD_TOO_LARGE" && "sizeBytes" in error);
      assert.ok(error.sizeBytes > error.limitBytes);
    },
  },
  {
    id: "payload.bytes",
    name: "a payload arrives byte for byte, whatever it looks like",
    needs: given("payloadOf"),
    run: async ({ iaas, launch, payloadOf }) => {
      assert.ok(payloadOf !== null);
      const all = Uint8Array.from({ length: Math.min(256, payloadRoom(iaas)) }, (_, index) => 255 - index);
      for (const sent of [Buffer.from("aGVsbG8="), Buffer.from("#!/bin/sh\r\necho 'é' \\ $(x)\n\n"), all]) {
        const received = await payloadOf((await launch({ payload: Payload.raw(sent) })).id);
        assert.ok(received !== null);
        assert.deepEqual(Buffer.from(received).toString("hex"), Buffer.from(sent).toString("hex"));
      }
    },
  },
  {
    id: "payload.own",
    name: "launches at the same time get each their own payload",
    needs: given("payloadOf"),
    run: async ({ launch, payloadOf }) => {
      assert.ok(payloadOf !== null);
      const texts = ["for the first", "for the second"];
      const launched = await Promise.all(texts.map(async (text) => await launch({ payload: Payload.raw(text) })));
      const received = await Promise.all(launched.map(async ({ id }) => await payloadOf(id)));
      assert.deepEqual(
        received.map((bytes) => Buffer.from(bytes ?? []).toString()),
        texts,
      );
    },
  },
  {
    id: "payload.none",
    name: "an instance that is told nothing is told nothing",
    needs: given("payloadOf"),
    run: async ({ launch, payloadOf }) => {
      assert.ok(payloadOf !== null);
      assert.equal(await payloadOf((await launch()).id), null);
    },
  },
  {
    id: "payload.launch",
    name: "an instance is launched with a payload at the limit",
    run: async ({ iaas, launch }) => {
      const room = payloadRoom(iaas);
      const instance = await launch({ payload: Payload.raw(new Uint8Array(room).fill(35)) });
      assert.equal(instance.state, "running");
    },
  },
];
