import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import { reveal } from "../iaas/secret.ts";
import { check } from "../iaas/validation.ts";
import { Payload } from "./payload.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.envFile" };

/** What has to be escaped between double quotes. */
const special = '"\\$`';

/**
 * Pairs as `NAME="value"` lines: read alike by POSIX shells (`. file`) and by systemd's `EnvironmentFile`.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
 */
export function writeEnvFile(payload: Payload): string {
  return Object.entries(payload.environment)
    .map(([name, value]) => `${name}="${reveal(value).replaceAll(/["\\$`]/g, String.raw`\$&`)}"\n`)
    .join("");
}

/** Reads what {@link writeEnvFile} wrote; blank lines and comments may stand between the pairs. */
export function readEnvFile(text: string): Payload {
  check(!text.includes("\0"), "payload", "must not contain a NUL character", at);
  // Escaped characters step aside behind a NUL, so that the next quote is the end of a value.
  const flat = text.replaceAll(/\\(["\\$`])/g, (_, character: string) => `\0${special.indexOf(character)}`);
  const environment = Object.create(null) as Record<string, string>;
  const line = /[ \t]*(?:#[^\n]*)?(?:\n|$)|([A-Za-z_][A-Za-z0-9_]*)="([^"]*)"[ \t]*(?:\n|$)/y;
  for (let end = 0; end < flat.length; end = line.lastIndex) {
    line.lastIndex = end;
    const match = line.exec(flat);
    if (match === null) {
      const number = flat.slice(0, end).split("\n").length;
      throw new InvalidInputError(`line ${number}`, 'must be NAME="value"', at);
    }
    const [, name, value = ""] = match;
    if (name !== undefined)
      environment[name] = value.replaceAll(/\0([0-3])/g, (_, index) => special.charAt(Number(index)));
  }
  return Payload.environment(environment);
}
