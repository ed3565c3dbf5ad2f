import { isUtf8 } from "node:buffer";

import { type ErrorOrigin } from "../iaas/errors.ts";
import { check } from "../iaas/validation.ts";
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

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.format" };

/**
 * - `mime`: multipart for cloud-init; holds everything.
 * - `shell`: one POSIX script; everything but cloud-config.
 * - `json`: one document for an agent of your own; everything.
 * - `env-file`: `NAME="value"` lines; pairs only.
 * - `stratos`: `KEY=value,KEY=value`; pairs only.
 * - `launch-params`: zip with Stratos' pairs and files.
 */
export const payloadFormats = Object.freeze({
  mime: textFormat(writeMime, readMime, true),
  shell: textFormat(writeShell, readShell, true),
  json: textFormat(writeJson, readJson, false),
  "env-file": textFormat(writePairs, readEnvFile, false),
  stratos: textFormat(writeStratos, readStratos, false),
  "launch-params": format(writeLaunchParams, readLaunchParams, false),
} satisfies Record<string, PayloadFormat>);

export type PayloadFormatName = keyof typeof payloadFormats;

function textFormat(
  write: (payload: Payload) => string,
  read: (text: string) => Payload,
  readByCloudInit: boolean,
): PayloadFormat {
  const readBytes = (bytes: Uint8Array): Payload => {
    check(isUtf8(bytes), "payload", "is not UTF-8", at);
    return read(Buffer.from(bytes).toString("utf8"));
  };
  return format((payload) => Buffer.from(write(payload)), readBytes, readByCloudInit);
}

function format(
  write: (payload: Payload) => Uint8Array,
  read: (bytes: Uint8Array) => Payload,
  readByCloudInit: boolean,
): PayloadFormat {
  const writeParts = (payload: Payload): Uint8Array => {
    check(payload.raw === null, "payload", "is raw: it goes as it is, in no form", at);
    return write(payload);
  };
  return Object.freeze({ write: writeParts, read, readByCloudInit });
}

function writePairs(payload: Payload): string {
  const others = payload.files.length + payload.scripts.length + payload.cloudConfig.length;
  check(others === 0, "payload", "holds more than pairs", at);
  return writeEnvFile(payload);
}
