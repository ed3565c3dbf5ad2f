import { IaasError } from "./errors.ts";
import { reveal, type Secret } from "./secret.ts";

/** Shorter secrets would also hit ordinary text. */
const shortestSecret = 4;

/** Replaces known secrets, and their usual encodings, in everything that leaves the library as text. */
export class Redactor {
  readonly #forms: ReadonlySet<string>;

  constructor(secrets: Iterable<string | Secret>) {
    this.#forms = new Set([...secrets].flatMap((secret) => encodingsOf(reveal(secret))));
  }

  /** One that knows `secrets` too. */
  with(secrets: Iterable<string | Secret>): Redactor {
    const wider = new Redactor(secrets);
    return new Redactor([...this.#forms, ...wider.#forms]);
  }

  clean(text: string): string {
    let cleaned = text;
    for (const form of this.#forms) cleaned = cleaned.replaceAll(form, "[secret]");
    return cleaned;
  }

  /** The same error, its texts cleaned, and with a cause that holds nothing but cleaned texts. */
  cleanError<E extends IaasError>(error: E): E {
    error.message = this.clean(error.message);
    if (error.stack !== undefined) error.stack = this.clean(error.stack);
    // What an InvalidInputError says of the rule may be the cloud's own words.
    if ("rule" in error && typeof error.rule === "string") Object.assign(error, { rule: this.clean(error.rule) });
    if (IaasError.is(error.cause)) {
      this.cleanError(error.cause);
    } else if (error.cause !== undefined) {
      Object.defineProperty(error, "cause", { value: this.#cleanCause(error.cause, 3), configurable: true });
    }
    return error;
  }

  /** A new error with name, text and code only: what HTTP libraries throw also holds headers and bodies. */
  #cleanCause(cause: unknown, depth: number): unknown {
    if (!(cause instanceof Error)) return typeof cause === "string" ? this.clean(cause) : undefined;
    if (IaasError.is(cause)) return this.cleanError(cause);
    const copy = new Error(this.clean(cause.message));
    copy.name = cause.name;
    if (cause.stack !== undefined) copy.stack = this.clean(cause.stack);
    if ("code" in cause && typeof cause.code === "string") Object.assign(copy, { code: this.clean(cause.code) });
    if (cause.cause !== undefined && depth > 0) {
      Object.defineProperty(copy, "cause", { value: this.#cleanCause(cause.cause, depth - 1) });
    }
    return copy;
  }
}

function encodingsOf(value: string): string[] {
  if (value.length < shortestSecret) return [];
  const bytes = Buffer.from(value, "utf8");
  const escaped = JSON.stringify(value).slice(1, -1);
  const base64 = bytes.toString("base64").replace(/=+$/, "");
  return [value, escaped, encodeURIComponent(value), base64, bytes.toString("base64url"), bytes.toString("hex")];
}
