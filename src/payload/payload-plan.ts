import type { PayloadLimits } from "../iaas/capabilities.ts";
import type { PayloadFormatName } from "./format.ts";
import type { HostedBody } from "./hosting/hosted-body.ts";
import type { PayloadHosting, PayloadIntent } from "./hosting/hosting.ts";
import type { Payload } from "./payload.ts";
import { measured } from "./wire.ts";

/** One way that was looked at, in order. */
export interface PlanStep {
  /**
   * - `raw`: as it is.
   * - `gzip`: compressed; in a file as base64.
   * - `split`, `split-gzip`: the same over several files.
   * - `hosted`: a stub that downloads it.
   */
  readonly encoding: "raw" | "gzip" | "split" | "split-gzip" | "hosted";
  /** Bytes that the cloud counts; `null` for a way that is not open. */
  readonly wireBytes: number | null;
  readonly limitBytes: number;
  readonly headroomBytes: number | null;
  readonly chosen: boolean;
  readonly reason: string;
}

/** What a plan says of itself. */
export interface PlanFields {
  readonly channel: PayloadLimits["channel"];
  readonly format: PayloadFormatName | null;
  readonly encoding: PlanStep["encoding"];
  readonly measuredOn: PayloadLimits["measuredOn"];
  readonly wireBytes: number;
  readonly limitBytes: number;
  readonly steps: readonly PlanStep[];
}

/** A file that carries the payload, or a piece of it. */
export interface PlanFile {
  readonly path: string;
  readonly content: Uint8Array;
}

/** How a payload gets into an instance of one Iaas. */
export class PayloadPlan implements PlanFields {
  readonly channel: PayloadLimits["channel"];
  /** `null` for raw bytes and for a provider that puts the parts in place itself. */
  readonly format: PayloadFormatName | null;
  readonly encoding: PlanStep["encoding"];
  readonly measuredOn: PayloadLimits["measuredOn"];
  readonly wireBytes: number;
  readonly limitBytes: number;
  readonly steps: readonly PlanStep[];
  /** What waits at the host, and how often it may be fetched; `null` where nothing does. */
  readonly hosted: { readonly bytes: number; readonly uses: PayloadHosting["uses"] } | null;
  /** What the guest is to read. Not shown by `inspect` nor JSON: it may hold secrets. */
  readonly #pieces: readonly Uint8Array[];
  readonly #payload: Payload;
  /** What `publish` has still to do. */
  readonly #unpublished: HostedBody | null;

  /** @internal Made by `planPayload`. */
  constructor(
    fields: PlanFields & { readonly hosted?: PayloadPlan["hosted"] },
    pieces: readonly Uint8Array[],
    payload: Payload,
    unpublished: HostedBody | null,
  ) {
    this.channel = fields.channel;
    this.format = fields.format;
    this.encoding = fields.encoding;
    this.measuredOn = fields.measuredOn;
    this.wireBytes = fields.wireBytes;
    this.limitBytes = fields.limitBytes;
    this.steps = fields.steps;
    this.hosted = fields.hosted ?? unpublished?.hosted ?? null;
    this.#pieces = pieces;
    this.#payload = payload;
    this.#unpublished = unpublished;
  }

  /**
   * The bytes that the guest is to read: encoded once, not yet in base64.
   *
   * @throws TypeError for a hosted plan that is not published: its stub has no URL yet.
   */
  get body(): Uint8Array {
    const [first = new Uint8Array(), ...others] = this.#published();
    return others.length === 0 ? first : Buffer.concat([first, ...others]);
  }

  /** The same as files that a program in the image joins in their order, for the channel `files`. */
  get files(): readonly PlanFile[] {
    if (this.channel !== "files") return [];
    return this.#published().map((content, index) => ({ path: `/etc/iaaskit/payload.${index}`, content }));
  }

  /** The parts, for a provider that puts them in place itself. */
  get payload(): Payload {
    return this.#payload;
  }

  get headroomBytes(): number {
    return this.limitBytes - this.wireBytes;
  }

  /**
   * Let a hosted payload wait for this launch. Launching does it.
   *
   * @returns The plan with its URL: ready to be sent. The plan itself, where nothing is hosted.
   * @throws UnavailableError when the host cannot keep it.
   */
  async publish(intent: PayloadIntent): Promise<PayloadPlan> {
    if (this.#unpublished === null) return this;
    const body = await this.#unpublished.publish(intent);
    const wireBytes = measured(body, this.measuredOn);
    return new PayloadPlan({ ...(this as PlanFields), hosted: this.hosted, wireBytes }, [body], this.#payload, null);
  }

  /** The plan in words: what is sent, then a line for each way that was looked at. */
  explain(): string {
    const form = this.format === null ? "" : ` as ${this.format}`;
    const size = `${this.wireBytes} of ${this.limitBytes} bytes (${this.measuredOn}), ${this.headroomBytes} left`;
    const steps = this.steps.map(({ encoding, wireBytes, limitBytes, headroomBytes, reason }) => {
      if (wireBytes === null || headroomBytes === null) return `${encoding}: not open, ${reason}`;
      const room = headroomBytes < 0 ? `${-headroomBytes} too many` : `${headroomBytes} left`;
      return `${encoding}, ${wireBytes} of ${limitBytes} bytes, ${room}: ${reason}`;
    });
    return [`${this.channel}${form}, ${this.encoding}: ${size}`, ...steps].join("\n");
  }

  #published(): readonly Uint8Array[] {
    if (this.#unpublished === null) return this.#pieces;
    throw new TypeError("a hosted plan has no bytes before publish()");
  }
}
