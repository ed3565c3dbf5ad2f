import { createCipheriv, createHash, createHmac, timingSafeEqual } from "node:crypto";

import { reveal, type Secret } from "../../iaas/secret.ts";
import type { PayloadIntent } from "./hosting.ts";

/** 128 bits in base64url. */
export const ticketLength = 22;
const ticketPattern = /^[A-Za-z0-9_-]{22}$/;

/** The end of a URL: proves that the host itself let these bytes wait for this launch. */
export function ticketFor(secret: string | Secret, { owner, key, generation }: PayloadIntent, sha256: string): string {
  return keyed(secret, ["ticket", owner, key, generation, sha256]).subarray(0, 16).toString("base64url");
}

export function isTicketLike(text: string): boolean {
  return ticketPattern.test(text);
}

/** Whether one of the secrets made the ticket. Takes the same time whatever differs. */
export function isTicketOf(
  ticket: string,
  secrets: readonly (string | Secret)[],
  intent: PayloadIntent,
  sha256: string,
): boolean {
  const given = Buffer.from(ticket);
  return secrets.map((secret) => timingSafeEqual(given, Buffer.from(ticketFor(secret, intent, sha256)))).some(Boolean);
}

/** Under what a store keeps a ticket's bytes: who can list the ids does not know the tickets. */
export function idOf(ticket: string): string {
  return sha256Of(Buffer.from(ticket));
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The key for the bytes of one launch: never used for others, so that the counter may begin at zero. */
export function bodyKeyFor(secret: string | Secret, intent: PayloadIntent, sha256: string): Buffer {
  const { owner, key, generation } = intent;
  return keyed(secret, ["key", owner, key, generation, sha256]);
}

export function encrypt(bytes: Uint8Array, key: Buffer): Uint8Array {
  const cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  return Buffer.concat([cipher.update(bytes), cipher.final()]);
}

function keyed(secret: string | Secret, parts: readonly (string | number)[]): Buffer {
  return createHmac("sha256", reveal(secret))
    .update(JSON.stringify(["iaaskit payload 1", ...parts]))
    .digest();
}
