import { InvalidInputError } from "../iaas/errors.ts";
import { readEnvFile, writeEnvFile } from "./env-file.ts";
import { readJson, writeJson } from "./json.ts";
import { readLaunchParams, writeLaunchParams } from "./launch-params.ts";
import { readMime, writeMime } from "./mime.ts";
import type { Payload } from "./payload.ts";
import { readShell, writeShell } from "./shell.ts";
import { readStratos, writeStratos } from "./stratos.ts";

/** A form in which a payload travels. What is written is read back the same, but for the mark on secrets. */
export interface PayloadFormat {
  /** @throws InvalidInputError for a part that the form cannot hold. */
  readonly write: (payload: Payload) => Uint8Array;
  /** @throws InvalidInputError for bytes that are not of this form. */
  readonly read: (bytes: Uint8Array) => Payload;
  /** Whether cloud-init is the reader, which unpacks gzip. */
  readonly readByCloudInit: boolean;
}

/**
 * - `mime`: multipart for cloud-init; holds everything.
 * - `shell`: one POSIX script; everything but cloud-config.
 * - `json`: one document for an agent of your own; everything.
 * - `env-file`: `NAME="value"` lines; pairs only.
 * - `stratos`: `KEY=value,KEY=value`; pairs only.
 * - `launch-params`: zip with Stratos' pairs and files.
 */
export const payloadFormats = Object.freeze({
  mime: format(writeMime, readMime, true),
  shell: format(writeShell, readShell, true),
  json: format(writeJson, readJson, false),
  "env-file": format(writePairs, readEnvFile, false),
  stratos: format(writeStratos, readStratos, false),
  "launch-params": { write: writeLaunchParams, read: readLaunchParams, readByCloudInit: false },
} satisfies Record<string, PayloadFormat>);

export type PayloadFormatName = keyof typeof payloadFormats;

function format(
  write: (payload: Payload) => string,
  read: (text: string) => Payload,
  readByCloudInit: boolean,
): PayloadFormat {
  return Object.freeze({
    write: (payload: Payload) => new TextEncoder().encode(write(payload)),
    read: (bytes: Uint8Array) => read(Buffer.from(bytes).toString("utf8")),
    readByCloudInit,
  });
}

function writePairs(payload: Payload): string {
  if (payload.files.length + payload.scripts.length + payload.cloudConfig.length > 0) {
    const at = { provider: "iaaskit", operation: "payload.envFile" };
    throw new InvalidInputError("payload", "holds more than pairs", at);
  }
  return writeEnvFile(payload);
}
