import { gzipSync } from "node:zlib";

import type { PayloadLimits } from "../iaas/capabilities.ts";

/** Bytes as the cloud counts them. */
export function measured(bytes: Uint8Array, on: PayloadLimits["measuredOn"]): number {
  return on === "raw" ? bytes.byteLength : Math.ceil(bytes.byteLength / 3) * 4;
}

/** Gzip whose bytes depend on nothing but the input: zlib writes the operating system into byte 9. */
export function gzip(bytes: Uint8Array, asText: boolean): Uint8Array {
  const packed = gzipSync(bytes, { level: 9 });
  packed[9] = 255;
  return asText ? Buffer.from(packed.toString("base64")) : packed;
}

/** Pieces of at most `maxBytes` as the cloud counts them; no character of a text is cut in two. */
export function split(bytes: Uint8Array, maxBytes: number, on: PayloadLimits["measuredOn"]): readonly Uint8Array[] {
  const longest = on === "raw" ? maxBytes : Math.floor(maxBytes / 4) * 3;
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.byteLength || pieces.length === 0;) {
    let end = Math.min(start + longest, bytes.byteLength);
    while (end > start + 1 && isInsideCharacter(bytes, end)) end -= 1;
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  return pieces;
}

/** Bytes of UTF-8 that go on with a character begin with 10. */
function isInsideCharacter(bytes: Uint8Array, index: number): boolean {
  return ((bytes[index] ?? 0) & 0xc0) === 0x80;
}
