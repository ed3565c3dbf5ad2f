import type { z } from "zod";

import { type ErrorOrigin, InvalidInputError, type InputPosition } from "../iaas/errors.ts";
import { type Cartridge, cartridgeSchema } from "./model.ts";

const origin: ErrorOrigin = { provider: "iaaskit", operation: "cartridge" };

/**
 * Check a cartridge that is made in code.
 *
 * @throws InvalidInputError naming the first field that breaks a rule.
 */
export function defineCartridge(cartridge: Cartridge): Cartridge {
  return checked(cartridgeSchema, cartridge, origin, () => ({}));
}

/** @internal The value, checked by a schema; an error tells the path and, where it is known, the place. */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  at: ErrorOrigin,
  positionOf: (path: readonly PropertyKey[]) => InputPosition,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new InvalidInputError("value", "is not valid", at);
  const [unknown] = issue.code === "unrecognized_keys" ? issue.keys : [];
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const rule = unknown === undefined ? ruleOf(issue) : "is not known";
  throw new InvalidInputError(pathText(path), rule, { ...at, ...positionOf(path) });
}

function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.input === undefined) return "is missing";
  return issue.message
    .replace(/^Invalid input: expected /, "must be ")
    .replace(/^Invalid input$/, "has none of the allowed forms");
}

/** As `iaasProvider[1].imageId`. */
export function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "document";
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
}
