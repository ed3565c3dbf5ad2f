import { type ErrorOrigin } from "../iaas/errors.ts";
import { reveal } from "../iaas/secret.ts";
import { check } from "../iaas/validation.ts";
import { Payload } from "./payload.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.envFile" };

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
  const environment: Record<string, string> = {};
  const pair = /(?:[ \t]*(?:#[^\n]*)?\n)*([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\[^])*)"[ \t]*(?:\n|$)/y;
  let end = 0;
  for (let match = pair.exec(text); match !== null; match = pair.exec(text)) {
    const [, name = "", value = ""] = match;
    environment[name] = value.replaceAll(/\\(["\\$`])/g, "$1");
    end = pair.lastIndex;
  }
  const line = text.slice(0, end).split("\n").length;
  check(/^(\s*(#[^\n]*)?(\n|$))*$/.test(text.slice(end)), `line ${line}`, 'must be NAME="value"', at);
  return Payload.environment(environment);
}
