import { gzipSync } from "node:zlib";

import type { PayloadLimits } from "../iaas/capabilities.ts";
import { type ErrorOrigin, PayloadTooLargeError } from "../iaas/errors.ts";
import { reveal } from "../iaas/secret.ts";
import { check } from "../iaas/validation.ts";
import { type PayloadFormatName, payloadFormats } from "./format.ts";
import type { Payload } from "./payload.ts";

export interface PlanOptions {
  /** The form that the image's reader understands. Default `mime`. Raw bytes have no form. */
  readonly format?: PayloadFormatName | undefined;
  /** Send secrets although others can read the user data back. Default false. */
  readonly allowInlineSecrets?: boolean | undefined;
}

/** One way that was looked at, in order. */
export interface PlanStep {
  readonly encoding: "raw" | "gzip";
  /** Bytes that the cloud counts. */
  readonly wireBytes: number;
  readonly chosen: boolean;
  readonly reason: string;
}

/** How a payload gets into an instance of one Iaas. */
export class PayloadPlan {
  readonly channel: PayloadLimits["channel"];
  /** `null` for raw bytes and for a provider that puts the parts in place itself. */
  readonly format: PayloadFormatName | null;
  readonly encoding: "raw" | "gzip";
  readonly measuredOn: PayloadLimits["measuredOn"];
  readonly wireBytes: number;
  readonly limitBytes: number;
  readonly steps: readonly PlanStep[];
  /** The bytes that the guest is to read. Not shown by `inspect` nor JSON: it may hold secrets. */
  readonly #body: Uint8Array;
  readonly #payload: Payload;

  /** @internal Made by {@link planPayload}. */
  constructor(
    fields: Omit<PayloadPlan, "body" | "payload" | "headroomBytes" | "explain">,
    body: Uint8Array,
    payload: Payload,
  ) {
    this.channel = fields.channel;
    this.format = fields.format;
    this.encoding = fields.encoding;
    this.measuredOn = fields.measuredOn;
    this.wireBytes = fields.wireBytes;
    this.limitBytes = fields.limitBytes;
    this.steps = fields.steps;
    this.#body = body;
    this.#payload = payload;
  }

  /** The bytes that the guest is to read: encoded once, not yet in base64. */
  get body(): Uint8Array {
    return this.#body;
  }

  /** The parts, for a provider that puts them in place itself. */
  get payload(): Payload {
    return this.#payload;
  }

  get headroomBytes(): number {
    return this.limitBytes - this.wireBytes;
  }

  /** The plan in words: what is sent, then a line for each way that was looked at. */
  explain(): string {
    const form = this.format === null ? "" : ` as ${this.format}`;
    const size = `${this.wireBytes} of ${this.limitBytes} bytes (${this.measuredOn}), ${this.headroomBytes} left`;
    const steps = this.steps.map(({ encoding, wireBytes, reason }) => `${encoding}, ${wireBytes} bytes: ${reason}`);
    return [`${this.channel}${form}, ${this.encoding}: ${size}`, ...steps].join("\n");
  }
}

const defaultOrigin: ErrorOrigin = { provider: "iaaskit", operation: "planPayload" };

/**
 * Find the way of a payload into an instance, from the limits alone: nothing is sent.
 *
 * The ways, in order: as it is; gzip, where the guest's reader unpacks it.
 *
 * @throws PayloadTooLargeError when no way is wide enough.
 * @throws InvalidInputError for a part that the form cannot hold, and for secrets that others could read back.
 */
export function planPayload(
  payload: Payload,
  limits: PayloadLimits,
  options: PlanOptions = {},
  at: ErrorOrigin = defaultOrigin,
): PayloadPlan {
  const { channel, measuredOn, maxBytes } = limits;
  const limitBytes = maxBytes.value;
  const readable = payload.secretParts.length > 0 && !limits.confidential && options.allowInlineSecrets !== true;
  check(!readable, `payload.${payload.secretParts[0]}`, "is secret, and others can read this cloud's user data", at);
  if (channel === "direct") return planDirect(payload, limits, at);

  const format = payload.raw === null ? (options.format ?? "mime") : null;
  check(format === null || Object.hasOwn(payloadFormats, format), "payloadFormat", "is not known", at);
  const plain = payload.raw ?? payloadFormats[format ?? "mime"].write(payload);
  const fields = { channel, format, measuredOn, limitBytes };
  const plainBytes = measured(plain, measuredOn);
  if (plainBytes <= limitBytes) {
    const step: PlanStep = { encoding: "raw", wireBytes: plainBytes, chosen: true, reason: "fits as it is" };
    return new PayloadPlan({ ...fields, encoding: "raw", wireBytes: plainBytes, steps: [step] }, plain, payload);
  }
  const tooLong: PlanStep = { encoding: "raw", wireBytes: plainBytes, chosen: false, reason: "too long as it is" };
  const refusal = gzipRefusal(format, limits);
  if (refusal !== null) throw tooLarge(plainBytes, limits, `as it is (not compressed: ${refusal})`, at);
  const packed = pack(plain);
  const packedBytes = measured(packed, measuredOn);
  if (packedBytes > limitBytes) throw tooLarge(packedBytes, limits, "compressed", at);
  const step: PlanStep = { encoding: "gzip", wireBytes: packedBytes, chosen: true, reason: "the guest unpacks gzip" };
  return new PayloadPlan(
    { ...fields, encoding: "gzip", wireBytes: packedBytes, steps: [tooLong, step] },
    packed,
    payload,
  );
}

function planDirect(payload: Payload, limits: PayloadLimits, at: ErrorOrigin): PayloadPlan {
  const pairs = Object.entries(payload.environment).map(([name, value]) => `${name}=${reveal(value)}\0`);
  const texts = [...pairs, ...payload.scripts.map(({ text }) => text), ...payload.cloudConfig];
  const parts = [...payload.files.map(({ content }) => content), payload.raw ?? new Uint8Array()];
  const wireBytes =
    texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
    parts.reduce((sum, bytes) => sum + bytes.byteLength, 0);
  if (wireBytes > limits.maxBytes.value) throw tooLarge(wireBytes, limits, "as it is", at);
  const step: PlanStep = { encoding: "raw", wireBytes, chosen: true, reason: "the provider puts the parts in place" };
  return new PayloadPlan(
    {
      channel: limits.channel,
      format: null,
      encoding: "raw",
      measuredOn: limits.measuredOn,
      wireBytes,
      limitBytes: limits.maxBytes.value,
      steps: [step],
    },
    payload.raw ?? new Uint8Array(),
    payload,
  );
}

/** Why gzip is not open to a payload; `null` where it is. */
function gzipRefusal(format: PayloadFormatName | null, limits: PayloadLimits): string | null {
  if (!limits.gzip) return "the guests of this cloud do not unpack gzip";
  if (format === null) return "raw bytes are sent as they are";
  return payloadFormats[format].readByCloudInit ? null : `the readers of ${format} do not unpack gzip`;
}

/** Gzip whose bytes depend on nothing but the input: zlib writes the operating system into byte 9. */
function pack(bytes: Uint8Array): Uint8Array {
  const packed = gzipSync(bytes, { level: 9 });
  packed[9] = 255;
  return packed;
}

function measured(bytes: Uint8Array, on: PayloadLimits["measuredOn"]): number {
  return on === "raw" ? bytes.byteLength : Math.ceil(bytes.byteLength / 3) * 4;
}

function tooLarge(bytes: number, limits: PayloadLimits, how: string, at: ErrorOrigin): PayloadTooLargeError {
  const unit = limits.measuredOn === "raw" ? how : `${how} in base64`;
  return new PayloadTooLargeError(bytes, limits.maxBytes.value, unit, at);
}
