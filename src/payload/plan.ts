import type { PayloadLimits } from "../iaas/capabilities.ts";
import { type ErrorOrigin, InvalidInputError, PayloadTooLargeError } from "../iaas/errors.ts";
import { reveal } from "../iaas/secret.ts";
import { check } from "../iaas/validation.ts";
import { type PayloadFormatName, payloadFormats } from "./format.ts";
import { type HostedBody, hostedRefusal, hostedBody } from "./hosting/hosted-body.ts";
import type { PayloadHosting } from "./hosting/hosting.ts";
import type { Payload } from "./payload.ts";
import { type PlanFields, PayloadPlan, type PlanStep } from "./payload-plan.ts";
import { gzip, measured, split } from "./wire.ts";

export interface PlanOptions {
  /** The form that the image's reader understands. Default `mime`; `shell` for files. Raw bytes have no form. */
  readonly format?: PayloadFormatName | undefined;
  /** Send secrets although others can read the user data back. Default false. */
  readonly allowInlineSecrets?: boolean | undefined;
  /** Where the payload may wait when it cannot go as it is. Default: nowhere. */
  readonly host?: PayloadHosting | undefined;
}

/** One way into the instance. */
interface Way {
  readonly encoding: PlanStep["encoding"];
  readonly limitBytes: number;
  /** Why it is not open; `null`: it is. */
  readonly refusal: string | null;
  /** What goes on the wire, in one piece or several. */
  readonly make: () => { readonly pieces: readonly Uint8Array[]; readonly hosted?: HostedBody };
  readonly reason: string;
  readonly tooLong: string;
}

const defaultOrigin: ErrorOrigin = { provider: "iaaskit", operation: "planPayload" };
const secretRule = "is secret, and others can read this cloud's user data";

/**
 * Find the way of a payload into an instance, from the limits alone: nothing is sent, nothing is kept.
 *
 * The ways, in order: as it is; gzip, where the guest's reader unpacks it; both over several files, where the cloud
 * has them; hosted, where a host is given: the instance gets a stub that downloads the payload. Secrets that others
 * could read back take the last one only.
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
  const { channel, measuredOn } = limits;
  const [secretPart] = limits.confidential || options.allowInlineSecrets === true ? [] : payload.secretParts;
  const isSecret = secretPart !== undefined;
  const isHostable = channel !== "direct" && options.host?.uses === "once";
  check(!isSecret || isHostable, `payload.${secretPart}`, secretRule, at);
  if (channel === "direct") return planDirect(payload, limits, at);

  const fallback = channel === "files" ? "shell" : "mime";
  const format = payload.raw === null ? (options.format ?? fallback) : null;
  check(format === null || Object.hasOwn(payloadFormats, format), "payloadFormat", "is not known", at);
  const steps: PlanStep[] = [];
  for (const way of waysOf(payload, limits, format, options.host, isSecret)) {
    const { encoding, limitBytes } = way;
    if (way.refusal !== null) {
      steps.push({ encoding, wireBytes: null, limitBytes, headroomBytes: null, chosen: false, reason: way.refusal });
      continue;
    }
    const { pieces, hosted = null } = way.make();
    const wireBytes = pieces.reduce((sum, piece) => sum + measured(piece, measuredOn), 0);
    const chosen = wireBytes <= limitBytes && pieces.length <= piecesOf(encoding, limits);
    const reason = chosen ? way.reason : way.tooLong;
    steps.push({ encoding, wireBytes, limitBytes, headroomBytes: limitBytes - wireBytes, chosen, reason });
    const fields: PlanFields = { channel, format, encoding, measuredOn, wireBytes, limitBytes, steps };
    if (chosen) return new PayloadPlan(fields, pieces, payload, hosted);
  }
  throw refusalOf(steps, limits, secretPart, at);
}

/** The ways of a cloud with user data or files, in the order in which they are tried. */
function waysOf(
  payload: Payload,
  limits: PayloadLimits,
  format: PayloadFormatName | null,
  host: PayloadHosting | undefined,
  isSecret: boolean,
): readonly Way[] {
  const { maxBytes, measuredOn } = limits;
  const isText = limits.channel === "files";
  const secret = isSecret ? "it holds secrets, and others can read this cloud's user data" : null;
  const gzipped = secret ?? gzipRefusal(format, limits);
  const one = maxBytes.value;
  const all = one * (limits.maxFiles?.value ?? 1);
  let plainBytes: Uint8Array | null = null;
  const plain = (): Uint8Array => (plainBytes ??= payload.raw ?? payloadFormats[format ?? "mime"].write(payload));
  const packed = (): Uint8Array => gzip(plain(), isText);
  const inline: readonly Way[] = [
    {
      encoding: "raw",
      limitBytes: one,
      refusal: secret,
      make: () => ({ pieces: [plain()] }),
      reason: "fits as it is",
      tooLong: "too long as it is",
    },
    {
      encoding: "gzip",
      limitBytes: one,
      refusal: gzipped,
      make: () => ({ pieces: [packed()] }),
      reason: "the guest unpacks gzip",
      tooLong: "too long compressed",
    },
  ];
  const files: readonly Way[] = [
    {
      encoding: "split",
      limitBytes: all,
      refusal: secret,
      make: () => ({ pieces: split(plain(), one, measuredOn) }),
      reason: "fits into several files",
      tooLong: "too long for all files",
    },
    {
      encoding: "split-gzip",
      limitBytes: all,
      refusal: gzipped,
      make: () => ({ pieces: split(packed(), one, measuredOn) }),
      reason: "fits into several files compressed",
      tooLong: "too long for all files compressed",
    },
  ];
  if (host === undefined) return isText ? [...inline, ...files] : inline;
  const hosted: Way = {
    encoding: "hosted",
    limitBytes: one,
    refusal: hostedRefusal(format),
    make: () => {
      const body = hostedBody(payload, format, host, (bytes) => measured(bytes, measuredOn) <= one);
      return { pieces: [body.placeholder], hosted: body };
    },
    reason: `waits at the host, fetched ${host.uses === "once" ? "once" : "until it expires"} by a stub`,
    tooLong: "the stub that fetches it is too long",
  };
  return isText ? [...inline, ...files, hosted] : [...inline, hosted];
}

function piecesOf(encoding: PlanStep["encoding"], limits: PayloadLimits): number {
  return encoding === "split" || encoding === "split-gzip" ? (limits.maxFiles?.value ?? 1) : 1;
}

function planDirect(payload: Payload, limits: PayloadLimits, at: ErrorOrigin): PayloadPlan {
  const pairs = Object.entries(payload.environment).map(([name, value]) => `${name}=${reveal(value)}\0`);
  const texts = [...pairs, ...payload.scripts.map(({ text }) => text), ...payload.cloudConfig];
  const parts = [...payload.files.map(({ content }) => content), payload.raw ?? new Uint8Array()];
  const wireBytes =
    texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
    parts.reduce((sum, bytes) => sum + bytes.byteLength, 0);
  const { channel, measuredOn } = limits;
  const limitBytes = limits.maxBytes.value;
  if (wireBytes > limitBytes) throw new PayloadTooLargeError(wireBytes, limitBytes, "as it is", at);
  const reason = "the provider puts the parts in place";
  const encoding = "raw";
  const step: PlanStep = {
    encoding,
    wireBytes,
    limitBytes,
    headroomBytes: limitBytes - wireBytes,
    chosen: true,
    reason,
  };
  const fields: PlanFields = { channel, format: null, encoding, measuredOn, wireBytes, limitBytes, steps: [step] };
  return new PayloadPlan(fields, [payload.raw ?? new Uint8Array()], payload, null);
}

/** Why gzip is not open to a payload; `null` where it is. */
function gzipRefusal(format: PayloadFormatName | null, limits: PayloadLimits): string | null {
  if (!limits.gzip) return "the guests of this cloud do not unpack gzip";
  if (format === null) return "raw bytes are sent as they are";
  const isUnpacked = limits.channel === "files" ? format === "shell" : payloadFormats[format].readByCloudInit;
  return isUnpacked ? null : `the readers of ${format} do not unpack gzip`;
}

/** What is told when every way is closed or too narrow: the widest one that could be measured, and why not others. */
function refusalOf(
  steps: readonly PlanStep[],
  limits: PayloadLimits,
  secretPart: string | undefined,
  at: ErrorOrigin,
): InvalidInputError {
  const hosted = steps.find(({ encoding }) => encoding === "hosted");
  const notHosted = hosted === undefined ? [] : [`not hosted: ${hosted.reason}`];
  if (secretPart !== undefined) {
    return new InvalidInputError(`payload.${secretPart}`, [secretRule, ...notHosted].join("; "), at);
  }
  const gzipped = steps.find(({ encoding }) => encoding === "gzip");
  const isPacked = gzipped !== undefined && gzipped.wireBytes !== null;
  const notPacked = isPacked || gzipped === undefined ? [] : [`not compressed: ${gzipped.reason}`];
  const whyNot = [...notPacked, ...notHosted];
  const widest = steps.findLast(({ encoding, wireBytes }) => encoding !== "hosted" && wireBytes !== null);
  const how = [
    isPacked ? "compressed" : "as it is",
    ...(whyNot.length === 0 ? [] : [`(${whyNot.join("; ")})`]),
    ...(limits.measuredOn === "raw" ? [] : ["in base64"]),
  ].join(" ");
  return new PayloadTooLargeError(widest?.wireBytes ?? 0, widest?.limitBytes ?? limits.maxBytes.value, how, at);
}
