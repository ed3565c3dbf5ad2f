import { InvalidInputError } from "../iaas/errors.ts";

const origin = { provider: "iaaskit", operation: "request" };
const longestSegment = 512;

/**
 * A path whose values are each one segment of it, whatever they hold.
 *
 * @example pathOf`/servers/${id}/action`
 * @throws InvalidInputError for a value that would lead elsewhere.
 */
export function pathOf(texts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: texts }, ...values.map(segment));
}

function segment(value: string): string {
  const isPlain = value !== "" && value !== "." && value !== ".." && value.length <= longestSegment;
  if (isPlain && !/\p{Cc}/u.test(value)) return encodeURIComponent(value);
  throw new InvalidInputError("id", `must be 1 to ${longestSegment} printable characters, and not . or ..`, origin);
}

/** A query of what is given; a list gives its name once for each value. */
export function queryOf(parameters: Readonly<Record<string, string | number | readonly string[] | null>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one !== null) query.append(name, String(one));
  }
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
