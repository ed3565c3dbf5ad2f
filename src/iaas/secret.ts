import { inspect } from "node:util";

/**
 * A value that does not show itself: printing, inspecting or serialising it gives `[secret]`.
 *
 * @example
 * const password = new Secret(process.env["DB_PASSWORD"] ?? "");
 * console.log({ password }); // { password: [secret] }
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself, for the one place that needs it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}

/** The text of a plain or a secret value. */
export function reveal(value: string | Secret): string {
  return value instanceof Secret ? value.reveal() : value;
}
