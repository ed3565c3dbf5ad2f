import { unzipSync, zipSync } from "fflate";

import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import { check } from "../iaas/validation.ts";
import { Payload } from "./payload.ts";
import { readStratos, writeStratos } from "./stratos.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.launchParams" };

/** Where the guest's scripts unpack the archive. */
const guestFolder = "/var/lib/cloud/instance/payload/";
const pairsFile = "launch-params";
const unpackedAtMost = 16 * 1024 * 1024;

/**
 * Apache Stratos 3.0's form: a zip with the pairs in `launch-params` and other files beside it.
 *
 * @throws InvalidInputError for scripts and cloud-config, and for files outside `/var/lib/cloud/instance/payload/`,
 * where the guest unpacks it.
 */
export function writeLaunchParams(payload: Payload): Uint8Array {
  const { files, scripts, cloudConfig } = payload;
  check(scripts.length + cloudConfig.length === 0, "payload", "holds more than pairs and files", at);
  const entries: Record<string, Uint8Array> = {
    [pairsFile]: Buffer.from(writeStratos(Payload.environment(payload.environment))),
  };
  for (const { path, content } of files) {
    check(path.startsWith(guestFolder), "file.path", `must be below ${guestFolder}, where the guest unpacks it`, at);
    const name = path.slice(guestFolder.length);
    check(name !== pairsFile, "file.path", `must not be ${pairsFile}: that holds the pairs`, at);
    entries[name] = content;
  }
  // A fixed time: the same payload gives the same bytes.
  return zipSync(entries, { mtime: "1980-01-01T12:00:00" });
}

/** Reads such a zip; the files come out at the paths at which the guest has them. */
export function readLaunchParams(bytes: Uint8Array): Payload {
  const entries = unzip(bytes);
  const pairs = entries[pairsFile];
  check(pairs !== undefined, "payload", `has no ${pairsFile} in it`, at);
  return Object.entries(entries)
    .filter(([name]) => name !== pairsFile && !name.endsWith("/"))
    .reduce(
      (payload, [name, content]) => payload.and(Payload.file(`${guestFolder}${name}`, content)),
      readStratos(Buffer.from(pairs).toString("utf8")),
    );
}

function unzip(bytes: Uint8Array): Record<string, Uint8Array> {
  let unpacked = 0;
  try {
    return unzipSync(bytes, {
      filter: ({ originalSize }) => {
        unpacked += originalSize;
        check(unpacked <= unpackedAtMost, "payload", `unpacks to more than ${unpackedAtMost} bytes`, at);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof InvalidInputError) throw error;
    throw new InvalidInputError("payload", "is not a zip archive", { ...at, cause: error });
  }
}
