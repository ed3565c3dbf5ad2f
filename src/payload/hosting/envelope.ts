import { z } from "zod";

import type { PayloadIntent } from "./hosting.ts";

/** What a store keeps: whom the body is for and until when, and the body. */
export interface Envelope {
  readonly intent: PayloadIntent;
  /** Milliseconds since 1970. */
  readonly endsAt: number;
  readonly body: Uint8Array;
}

const headSchema = z.object({ owner: z.string(), key: z.string(), generation: z.int(), endsAt: z.number() });

/** One line of JSON, then the body. */
export function seal({ intent: { owner, key, generation }, endsAt, body }: Envelope): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ owner, key, generation, endsAt })}\n`), body]);
}

/** `null` for bytes that nobody sealed: they give no ticket its body. */
export function unseal(bytes: Uint8Array): Envelope | null {
  const end = bytes.indexOf(0x0a);
  const head = headSchema.safeParse(parse(Buffer.from(bytes.subarray(0, Math.max(end, 0))).toString("utf8")));
  if (!head.success) return null;
  const { endsAt, ...intent } = head.data;
  return { intent, endsAt, body: bytes.subarray(end + 1) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the schema refuses it
  }
}
