import { type ErrorOrigin } from "../iaas/errors.ts";
import { reveal } from "../iaas/secret.ts";
import { check } from "../iaas/validation.ts";
import { Payload } from "./payload.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.stratos" };

/**
 * Apache Stratos' form: `KEY=value,KEY=value` on one line.
 *
 * The guest's readers know no escaping: they split at every comma and lose what stands behind a second `=`.
 * @throws InvalidInputError for a value that they would not read back, and for anything but pairs.
 */
export function writeStratos(payload: Payload): string {
  const { environment, files, scripts, cloudConfig } = payload;
  check(files.length + scripts.length + cloudConfig.length === 0, "payload", "holds more than pairs", at);
  return Object.entries(environment)
    .map(([name, secretOrText]) => {
      const value = reveal(secretOrText);
      const rule = "must not contain a comma, = or a line break in Stratos' form";
      check(!/[,=\r\n]/.test(value), `environment.${name}`, rule, at);
      return `${name}=${value}`;
    })
    .join(",");
}

/**
 * Reads Stratos' form. Behind the first `=` everything up to the comma is the value, so that base64 survives;
 * empty segments, which the original left behind, are passed over.
 */
export function readStratos(text: string): Payload {
  const environment = Object.create(null) as Record<string, string>;
  const line = text.replace(/(?<![\r\n])[\r\n]+$/, "");
  for (const [index, segment] of line.split(",").entries()) {
    if (segment.trim() === "") continue;
    const split = segment.indexOf("=");
    // The segment itself is not shown: it may be the rest of a password with a comma.
    check(split > 0, "payload", `must be KEY=value pairs; segment ${index + 1} is none`, at);
    environment[segment.slice(0, split).trim()] = segment.slice(split + 1);
  }
  return Payload.environment(environment);
}
