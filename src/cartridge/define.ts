import type { z } from "zod";

import { type ErrorOrigin, InvalidInputError, type InputPosition } from "../iaas/errors.ts";
import type { Cartridge } from "./model.ts";
import { cartridgeSchema } from "./schema.ts";

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
  const [first] = parsed.error.issues;
  const issue = first === undefined ? undefined : innermost(first);
  if (issue === undefined) throw new InvalidInputError("value", "is not valid", at);
  const [unknown] = issue.code === "unrecognized_keys" ? issue.keys : [];
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  const rule = unknown === undefined ? ruleOf(issue) : "is not known";
  throw new InvalidInputError(pathText(path), rule, { ...at, ...positionOf(path) });
}

/** Where a value may have several forms: the one that it has and in which something is wrong, if there is only one. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const [meant, ...others] = issue.errors.filter((ofForm) => ofForm.some(isInside));
  const inner = meant?.[0];
  if (inner === undefined || others.length > 0) return issue;
  return innermost({ ...inner, path: [...issue.path, ...inner.path] });
}

function isInside({ code, path }: z.core.$ZodIssue): boolean {
  return path.length > 0 || code === "unrecognized_keys";
}

function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type" && issue.message.endsWith("received undefined")) return "is missing";
  return issue.message
    .replace(/^Invalid (?:input|option): expected /, "must be ")
    .replace(/^Too (?:small|big): expected \w+ to /, "must ")
    .replace(/^Invalid input$/, "has none of the allowed forms");
}

/** As `iaasProvider[1].imageId`. */
export function pathText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "document";
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("");
}
