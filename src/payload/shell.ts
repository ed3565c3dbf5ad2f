import { isUtf8 } from "node:buffer";

import { type ErrorOrigin } from "../iaas/errors.ts";
import { check } from "../iaas/validation.ts";
import { readEnvFile, writeEnvFile } from "./env-file.ts";
import { Payload } from "./payload.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.shell" };

/** Where the guest keeps the pairs, for services that start later. */
const environmentFile = "payload.env";
/** One line for each part: `ok` or `failed with STATUS:`, and what it was. */
const reportFile = "payload.report";
/** Gives the pairs to login shells of those who may read them. */
const profile = `if [ -r /etc/iaaskit/${environmentFile} ]; then set -a; . /etc/iaaskit/${environmentFile}; set +a; fi`;

/** What every payload script begins with; the lines behind it are nothing but calls of its functions. */
const preamble = `#!/bin/sh
# iaaskit payload 1
iaaskit_dir="\${IAASKIT_DIR:-/etc/iaaskit}"
iaaskit_status=0
rm -f "$iaaskit_dir/${reportFile}"
iaaskit_report() {
  if [ "$1" = 0 ]; then
    iaaskit_line="ok $2"
  else
    iaaskit_status=1
    iaaskit_line="failed with $1: $2"
    echo "iaaskit: $2 failed" >&2
  fi
  mkdir -p "$iaaskit_dir/" && printf '%s\\n' "$iaaskit_line" >>"$iaaskit_dir/${reportFile}"
}
iaaskit_decode() {
  if [ "$1" = base64 ]; then printf %s "$2" | base64 -d; else printf %s "$2"; fi
}
iaaskit_write() {
  mkdir -p "\${1%/*}/" && rm -f "$1" && (umask 077 && iaaskit_decode "$4" "$5" >"$1") &&
    { [ -z "$3" ] || chown "$3" "$1"; } && chmod "$2" "$1"
}
iaaskit_file() {
  iaaskit_write "$@"
  iaaskit_report $? "file $1"
}
iaaskit_environment() {
  iaaskit_write "$iaaskit_dir/${environmentFile}" 0600 '' text "$1"
  iaaskit_written=$?
  iaaskit_report "$iaaskit_written" environment
  [ "$iaaskit_written" = 0 ] || return
  if [ -z "\${IAASKIT_DIR:-}" ] && [ -d /etc/profile.d ]; then
    iaaskit_write /etc/profile.d/iaaskit.sh 0644 '' text "${profile}"
  fi
  set -a
  . "$iaaskit_dir/${environmentFile}"
  set +a
}
iaaskit_script() {
  iaaskit_work=$(mktemp -d) && iaaskit_write "$iaaskit_work/$1" 0700 '' text "$2" && "$iaaskit_work/$1"
  iaaskit_report $? "script $1"
  rm -rf "$iaaskit_work"
}
`;
const ending = 'exit "$iaaskit_status"\n';
const quotedQuote = String.raw`'\''`;

/**
 * The payload as one POSIX shell script: it puts the pairs into `/etc/iaaskit/payload.env` and exports them,
 * writes the files, runs the scripts in order, reports each in `/etc/iaaskit/payload.report`, and fails when one of
 * them has failed. Login shells get the pairs by `/etc/profile.d/iaaskit.sh`. Needs `base64` and `mktemp`;
 * `IAASKIT_DIR` puts pairs and report elsewhere, and leaves login shells alone.
 *
 * @throws InvalidInputError for cloud-config: only cloud-init reads that.
 */
export function writeShell(payload: Payload): string {
  const { files, scripts, cloudConfig } = payload;
  check(cloudConfig.length === 0, "cloudConfig", "cannot be written as a shell script: cloud-init reads it", at);
  const environment = writeEnvFile(payload);
  const calls = [
    ...(environment === "" ? [] : [["iaaskit_environment", environment]]),
    ...files.map(({ path, mode, owner, content }) => {
      const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
      const text = isUtf8(bytes) && !bytes.includes(0);
      const words = text ? ["text", bytes.toString("utf8")] : ["base64", bytes.toString("base64")];
      return ["iaaskit_file", path, mode.toString(8).padStart(4, "0"), owner ?? "", ...words];
    }),
    ...scripts.map(({ name, text }) => ["iaaskit_script", name, text]),
  ];
  const lines = calls.map(([name = "", ...words]) => `${[name, ...words.map(quote)].join(" ")}\n`);
  return `${preamble}${lines.join("")}${ending}`;
}

/** True for what {@link writeShell} wrote. */
export function isShellPayload(text: string): boolean {
  return text.startsWith(preamble);
}

/** Reads what {@link writeShell} wrote, and nothing else: it does not run it. */
export function readShell(text: string): Payload {
  check(isShellPayload(text) && text.endsWith(ending), "payload", "is not a payload script of this version", at);
  const body = text.slice(preamble.length, -ending.length);
  check(!body.includes("\0"), "payload", "must not contain a NUL character", at);
  // Without the quotes that are quoted themselves, text outside of words and words take turns.
  const pieces = `\n${body}`.replaceAll(quotedQuote, "\0").split("'");
  check(pieces.length % 2 === 1 && pieces.pop() === "\n", "payload", "is not a payload script of this version", at);
  const calls: string[][] = [];
  for (let index = 0; index < pieces.length; index += 2) {
    const [outside, word = ""] = pieces.slice(index, index + 2);
    const name = /^\niaaskit_(\w+) $/.exec(outside ?? "")?.[1];
    if (name !== undefined) calls.push([name]);
    check(name !== undefined || outside === " ", "payload", "is not a payload script of this version", at);
    calls.at(-1)?.push(word.replaceAll("\0", "'"));
  }
  return calls.map(partOf).reduce((payload, part) => payload.and(part), Payload.empty);
}

/** One word of a POSIX shell. */
function quote(word: string): string {
  return `'${word.replaceAll("'", quotedQuote)}'`;
}

function partOf([call, ...words]: readonly string[]): Payload {
  if (call === "environment") return readEnvFile(words[0] ?? "");
  if (call === "script") return Payload.script(words[1] ?? "", { name: words[0] ?? "" });
  check(call === "file", "payload", "is not a payload script of this version", at);
  const [path = "", mode = "", owner = "", encoding, content = ""] = words;
  return Payload.file(path, encoding === "base64" ? Buffer.from(content, "base64") : content, {
    mode: Number.parseInt(mode, 8),
    ...(owner === "" ? {} : { owner }),
  });
}
