import { isUtf8 } from "node:buffer";
import { createRequire } from "node:module";
import { crc32 } from "node:zlib";

import type * as fflate from "fflate";

import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import { check } from "../iaas/validation.ts";
import { Payload } from "./payload.ts";
import { readStratos, writeStratos } from "./stratos.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.launchParams" };

/** Where the guest's scripts unpack the archive. */
const guestFolder = "/var/lib/cloud/instance/payload/";
const pairsFile = "launch-params";
const unpackedAtMost = 16 * 1024 * 1024;

/** Marks of a zip that keeps modes: made on Unix, and each entry a regular file. */
const unix = 3;
const regularFile = 0o100_000;

/**
 * Apache Stratos 3.0's form: a zip with the pairs in `launch-params` and other files beside it.
 *
 * @throws InvalidInputError for scripts and cloud-config, for files outside `/var/lib/cloud/instance/payload/`,
 * where the guest unpacks it, and for files with an owner: the zip knows none.
 */
export function writeLaunchParams(payload: Payload): Uint8Array {
  const { files, scripts, cloudConfig } = payload;
  check(scripts.length + cloudConfig.length === 0, "payload", "holds more than pairs and files", at);
  const entries: fflate.Zippable = { [pairsFile]: Buffer.from(writeStratos(Payload.environment(payload.environment))) };
  for (const { path, content, mode, owner } of files) {
    check(path.startsWith(guestFolder), "file.path", `must be below ${guestFolder}, where the guest unpacks it`, at);
    const name = path.slice(guestFolder.length);
    check(name !== pairsFile, "file.path", `must not be ${pairsFile}: that holds the pairs`, at);
    checkName(name);
    check(owner === null, "file.owner", "cannot be kept in a zip", at);
    entries[name] = [content, { os: unix, attrs: (regularFile | mode) * 0x1_00_00 }];
  }
  // A fixed time: the same payload gives the same bytes.
  return archiver().zipSync(entries, { mtime: "1980-01-01T12:00:00" });
}

/** Reads such a zip; the files come out at the paths at which the guest has them. */
export function readLaunchParams(bytes: Uint8Array): Payload {
  const entries = unzip(Buffer.from(bytes));
  const pairs = entries.get(pairsFile)?.content;
  check(pairs !== undefined, "payload", `has no ${pairsFile} in it`, at);
  check(isUtf8(pairs), pairsFile, "is not UTF-8", at);
  return [...entries]
    .filter(([name]) => name !== pairsFile && !name.endsWith("/"))
    .reduce(
      (payload, [name, { content, mode }]) =>
        payload.and(Payload.file(`${guestFolder}${name}`, content, mode === 0 ? {} : { mode: mode & 0o7777 })),
      readStratos(Buffer.from(pairs).toString("utf8")),
    );
}

/** Loaded at first use, for few need it, and by `require`: writing a payload does not wait. */
function archiver(): typeof fflate {
  return createRequire(import.meta.url)("fflate") as typeof fflate;
}

interface Entry {
  readonly content: Uint8Array;
  /** As Unix has it, with the kind of the file; 0 where the archive was not made on Unix. */
  readonly mode: number;
}

/** Modes and checksums stand in the archive's directory: fflate goes through it in order, and does not tell them. */
function unzip(archive: Buffer): Map<string, Entry> {
  const entries = new Map<string, { readonly mode: number; readonly checksum: number }>();
  let unpacked = 0;
  try {
    let entry = archive.readUInt32LE(archive.lastIndexOf("PK\u0005\u0006", -22, "latin1") + 16);
    const contents = archiver().unzipSync(archive, {
      filter: ({ name, compression, size, originalSize }) => {
        checkName(name);
        // An entry that is not compressed is as long as `size`, whatever its original size is said to be.
        unpacked += compression === 0 ? size : originalSize;
        check(unpacked <= unpackedAtMost, "payload", `unpacks to more than ${unpackedAtMost} bytes`, at);
        entries.set(name, { mode: archive.readUInt16LE(entry + 40), checksum: archive.readUInt32LE(entry + 16) });
        const lengths = [28, 30, 32].map((field) => archive.readUInt16LE(entry + field)); // name, extra field, comment
        entry += lengths.reduce((sum, length) => sum + length, 46);
        return true;
      },
    });
    return new Map(
      [...entries].map(([name, { mode, checksum }]) => {
        const content = contents[name] ?? new Uint8Array();
        check(crc32(content) === checksum, "payload", "is damaged: a checksum is wrong", at);
        return [name, { content, mode }];
      }),
    );
  } catch (error) {
    if (error instanceof InvalidInputError) throw error;
    throw new InvalidInputError("payload", "is not a zip archive", { ...at, cause: error });
  }
}

/** fflate keeps entries in a plain object, and drops a byte order mark. */
function checkName(name: string): void {
  check(!/^(__proto__$|\uFEFF)/.test(name), "file.path", "cannot be kept in a zip", at);
}
