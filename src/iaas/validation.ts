import { type ErrorOrigin, InvalidInputError } from "./errors.ts";
import type { CallOptions } from "./model.ts";
import { identityPattern, identityRule } from "./ownership.ts";

/** @throws InvalidInputError naming `field` and `rule` when `holds` is false. */
export function check(holds: boolean, field: string, rule: string, at: ErrorOrigin): asserts holds {
  if (!holds) throw new InvalidInputError(field, rule, at);
}

const longestText = 1_024;

/**
 * A text that has to be there. It may become part of a request's path or of its header: what would lead elsewhere there
 * is refused.
 */
export function checkText(value: unknown, field: string, at: ErrorOrigin): asserts value is string {
  check(typeof value === "string" && value !== "", field, "is missing", at);
  check(value.length <= longestText, field, `must have at most ${longestText} characters`, at);
  check(!/\p{Cc}/u.test(value), field, "must not contain control characters", at);
  check(value !== "." && value !== "..", field, "must not be . or ..", at);
}

/** An owner or a key. `//` is kept for what this library makes on behalf of a key. */
export function checkIdentity(value: unknown, field: string, at: ErrorOrigin): asserts value is string {
  checkText(value, field, at);
  check(identityPattern.test(value), field, identityRule, at);
  check(!value.includes("//"), field, "must not contain //", at);
}

/** What every remote call takes. */
export function checkCallOptions({ signal, timeoutMs }: CallOptions, at: ErrorOrigin): void {
  check(timeoutMs === undefined || timeoutMs >= 0, "timeoutMs", "must be a number of milliseconds from 0", at);
  check(signal === undefined || signal instanceof AbortSignal, "signal", "must be an AbortSignal", at);
}

export function checkPort(value: unknown, field: string, at: ErrorOrigin): asserts value is number {
  check(isIntegerIn(value, 1, 65_535), field, "must be a whole number from 1 to 65535", at);
}

export function isIntegerIn(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** @throws InvalidInputError for a field that is not one of `known`: a misspelt option must not be ignored. */
export function checkFields(value: object, known: readonly string[], path: string, at: ErrorOrigin): void {
  for (const field of Object.keys(value)) {
    check(
      known.includes(field),
      path === "" ? field : `${path}.${field}`,
      `is not known; known: ${known.join(", ")}`,
      at,
    );
  }
}
