import { isUtf8 } from "node:buffer";
import { isAbsolute } from "node:path/posix";
import { inspect } from "node:util";

import { type ErrorOrigin } from "../iaas/errors.ts";
import { reveal, Secret } from "../iaas/secret.ts";
import { check, checkFields } from "../iaas/validation.ts";

/** A file that the instance finds when it runs. */
export interface PayloadFile {
  /** Absolute. */
  readonly path: string;
  readonly content: Uint8Array;
  /** As `0o644`. */
  readonly mode: number;
  /** `user` or `user:group`; `null`: whoever puts it there, usually root. */
  readonly owner: string | null;
  readonly secret: boolean;
}

/** A script that the instance runs once, at its first boot, in the order in which scripts were added. */
export interface PayloadScript {
  readonly name: string;
  /** Begins with `#!`. */
  readonly text: string;
}

interface PayloadContent {
  readonly environment: Readonly<Record<string, string | Secret>>;
  readonly files: readonly PayloadFile[];
  readonly scripts: readonly PayloadScript[];
  readonly cloudConfig: readonly string[];
  readonly raw: Uint8Array | null;
}

const nothing: PayloadContent = Object.freeze({
  environment: Object.freeze({}),
  files: Object.freeze([]),
  scripts: Object.freeze([]),
  cloudConfig: Object.freeze([]),
  raw: null,
});

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload" };

/** Names that would change how the guest's own programs run; `__proto__` is no plain key of an object. */
const dangerousNames = /^(PATH|LD_.*|BASH.*|ENV|IFS|PS4|PROMPT_COMMAND|SHELLOPTS|iaaskit_.*|__proto__)$/;

/**
 * Names that a shell keeps for itself: it drops their value, stops at it, or reckons with it, and then runs the
 * commands in `OPTIND="a[$(reboot)]"`.
 */
const shellNames =
  /^(_|E?UID|PPID|OPTIND|S?RANDOM|SECONDS|EPOCH(SECONDS|REALTIME)|LINENO|HISTCMD|DIRSTACK|FUNCNAME|GROUPS|PIPESTATUS|COMP_WORDBREAKS)$/;

/**
 * What an instance is told when it starts: an immutable value. Combine parts with {@link Payload.and}.
 *
 * @example
 * const payload = Payload.environment({ HOST_NAME: "app.example.org", TOKEN: new Secret(token) })
 *   .and(Payload.script("#!/bin/sh\nsystemctl start app\n"));
 */
export class Payload {
  static readonly empty = new Payload(nothing);

  /** Pairs of name and text. Later pairs of the same name win. */
  readonly environment: Readonly<Record<string, string | Secret>>;
  readonly files: readonly PayloadFile[];
  readonly scripts: readonly PayloadScript[];
  /** Texts of cloud-config, without their first line. */
  readonly cloudConfig: readonly string[];
  /** Bytes that go as they are, instead of all others. */
  readonly raw: Uint8Array | null;

  private constructor(content: PayloadContent) {
    this.environment = Object.freeze(content.environment);
    this.files = Object.freeze(content.files.map((file) => Object.freeze(file)));
    this.scripts = Object.freeze(content.scripts.map((script) => Object.freeze(script)));
    this.cloudConfig = Object.freeze(content.cloudConfig);
    this.raw = content.raw;
    Object.freeze(this);
  }

  /**
   * Pairs that the instance sees as environment variables.
   *
   * @throws InvalidInputError for a name that is no variable's, that would change how programs run (`PATH`, `LD_*`,
   * `IFS`, …) or that a shell keeps for itself (`UID`, `RANDOM`, …), and for a value with a NUL.
   */
  static environment(pairs: Readonly<Record<string, string | Secret>>): Payload {
    for (const [name, value] of Object.entries(pairs)) {
      const field = `environment.${name}`;
      check(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name), field, "must be letters, digits and _, no digit first", at);
      check(!dangerousNames.test(name), field, "would change how the guest's programs run", at);
      check(!shellNames.test(name), field, "is a variable that shells keep for themselves", at);
      check(typeof value === "string" || value instanceof Secret, field, "must be a string or a Secret", at);
      checkText(reveal(value), field);
    }
    return new Payload({ ...nothing, environment: { ...pairs } });
  }

  /**
   * A file with text or bytes.
   *
   * @param options.mode   Default `0o644`, `0o600` for a secret.
   * @param options.secret Default false; a `Secret` always is.
   */
  static file(
    path: string,
    content: string | Uint8Array | Secret,
    options: { readonly mode?: number; readonly owner?: string; readonly secret?: boolean } = {},
  ): Payload {
    checkFields(options, ["mode", "owner", "secret"], "file", at);
    const secret = content instanceof Secret || options.secret === true;
    const { mode = secret ? 0o600 : 0o644, owner = null } = options;
    check(
      isAbsolute(path) && !/[\0\n\p{Surrogate}]|\/\.{0,2}(\/|$)/u.test(path),
      "file.path",
      "must be absolute, without . or .. or //",
      at,
    );
    check(Number.isInteger(mode) && mode >= 0 && mode <= 0o7777, "file.mode", "must be from 0 to 0o7777", at);
    check(owner === null || /^\w[\w.-]*(:\w[\w.-]*)?$/.test(owner), "file.owner", "must be user or user:group", at);
    const bytes = content instanceof Uint8Array ? Uint8Array.from(content) : new TextEncoder().encode(reveal(content));
    return new Payload({ ...nothing, files: [{ path, content: bytes, mode, owner, secret }] });
  }

  /**
   * A script that runs at the first boot.
   *
   * @param options.name For logs; default `script`.
   */
  static script(text: string, options: { readonly name?: string } = {}): Payload {
    const { name = "script" } = options;
    check(text.startsWith("#!"), "script", "must begin with #! and its interpreter", at);
    checkText(text, "script");
    check(/^\w[\w.-]*$/.test(name), "script.name", "must be letters, digits and _ . -, none of . and - first", at);
    return new Payload({ ...nothing, scripts: [{ name, text }] });
  }

  /**
   * Cloud-config for cloud-init: YAML text, with or without its `#cloud-config` line, or an object.
   *
   * @throws InvalidInputError for an object with a Secret: it would arrive as `[secret]`; for a text with control
   * characters: cloud-init would pass over all of it.
   */
  static cloudConfig(config: string | Readonly<Record<string, unknown>>): Payload {
    check(!holdsSecret(config), "cloudConfig", "must not hold a Secret: it is not kept secret here", at);
    const yaml = typeof config === "string" ? config.replace(/^(#cloud-config[ \t]*\r?\n)+/, "") : yamlOf(config);
    checkText(yaml, "cloudConfig");
    check(printable.test(yaml), "cloudConfig", "must not contain control characters: YAML has none", at);
    return new Payload({ ...nothing, cloudConfig: [yaml] });
  }

  /** Bytes or text that the instance gets exactly as they are. */
  static raw(content: string | Uint8Array): Payload {
    return new Payload({
      ...nothing,
      raw: typeof content === "string" ? Buffer.from(content) : Uint8Array.from(content),
    });
  }

  /**
   * Both payloads in one. Pairs of the same name and files of the same path are the other's.
   *
   * @throws InvalidInputError when one is raw and the other is not empty.
   */
  and(other: Payload): Payload {
    if (this.isEmpty) return other;
    if (other.isEmpty) return this;
    check(this.raw === null && other.raw === null, "payload", "is raw: it cannot be combined", at);
    const replaced = new Set(other.files.map(({ path }) => path));
    return new Payload({
      environment: { ...this.environment, ...other.environment },
      files: [...this.files.filter(({ path }) => !replaced.has(path)), ...other.files],
      scripts: [...this.scripts, ...other.scripts],
      cloudConfig: [...this.cloudConfig, ...other.cloudConfig],
      raw: null,
    });
  }

  get isEmpty(): boolean {
    const parts = [Object.keys(this.environment), this.files, this.scripts, this.cloudConfig];
    return this.raw === null && parts.every(({ length }) => length === 0);
  }

  /** Names of the parts that hold secrets, as `environment.TOKEN`. */
  get secretParts(): readonly string[] {
    const pairs = Object.entries(this.environment).filter(([, value]) => value instanceof Secret);
    const files = this.files.filter(({ secret }) => secret);
    return [...pairs.map(([name]) => `environment.${name}`), ...files.map(({ path }) => `file ${path}`)];
  }

  /** The secret values that are text, for a redactor. */
  get secretValues(): readonly Secret[] {
    const pairs = Object.values(this.environment).filter((value) => value instanceof Secret);
    const files = this.files.filter(({ secret, content }) => secret && isUtf8(content));
    return [...pairs, ...files.map(({ content }) => new Secret(Buffer.from(content).toString("utf8")))];
  }

  /** What it says, with the secrets left out: equal for equal payloads but for their secrets. */
  toJSON(): Record<string, unknown> {
    return {
      environment: this.environment,
      files: this.files.map((file) => ({ ...file, content: file.secret ? "[secret]" : base64(file.content) })),
      scripts: this.scripts,
      cloudConfig: this.cloudConfig,
      raw: this.raw === null ? null : base64(this.raw),
    };
  }

  [inspect.custom](): string {
    return `Payload ${inspect(this.toJSON())}`;
  }
}

/** Half a surrogate pair has no bytes in UTF-8: it would arrive as another character. */
function checkText(text: string, field: string): void {
  check(!/[\0\p{Surrogate}]/u.test(text), field, "must not contain a NUL character or half a surrogate pair", at);
}

/** What YAML allows in a text. @see https://yaml.org/spec/1.1/#c-printable */
const printable = /^[\t\n\r\x20-\x7E\x85\xA0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

/** JSON, which is YAML but for characters that YAML forbids, or reads as the end of a line. */
function yamlOf(config: Readonly<Record<string, unknown>>): string {
  const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(config).replaceAll(/[\x7F-\x9F\u2028\u2029\uFEFF\uFFFE\uFFFF]/g, escaped);
}

function holdsSecret(value: unknown): boolean {
  if (value instanceof Secret) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsSecret);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
