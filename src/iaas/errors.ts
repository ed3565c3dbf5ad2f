import type { ResourceRef } from "./model.ts";

/**
 * What a caller may do next.
 *
 * - `same`: the same call again may succeed, and cannot double anything.
 * - `elsewhere`: not here; another zone, size or Iaas may do.
 * - `later`: the same call again after a while (`retryAfterMs`, where the cloud tells).
 * - `never`: the call itself, the account or the program has to change.
 */
export type RetryVerdict = "same" | "elsewhere" | "later" | "never";

/** Whether the failed operation may have taken effect all the same. */
export type Outcome = "not-applied" | "unknown";

/** What an error is limited to, where it is: another zone or size may still do. */
export interface ErrorScope {
  readonly zone?: string | undefined;
  readonly size?: string | undefined;
}

/** Where an error came from. */
export interface ErrorOrigin {
  /** Name of the provider, or `iaaskit` where no cloud was asked. */
  readonly provider: string;
  /** The public operation, as `launch` or `floatingIps.allocate`. */
  readonly operation: string;
}

/** Where an error came from, and what the cloud said of it. Holds no secret. */
export interface IaasErrorDetails extends ErrorOrigin {
  /** The cloud's own code, kept as it came. */
  readonly vendorCode?: string | undefined;
  /** The cloud's id of the failed request, for its support. */
  readonly requestId?: string | undefined;
  /** How long the cloud asks to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  readonly scope?: ErrorScope | undefined;
  readonly outcome?: Outcome | undefined;
  /** What the operation made and what still exists. */
  readonly created?: readonly ResourceRef[] | undefined;
  /** Already free of secrets: a raw error of an HTTP library carries headers and bodies. */
  readonly cause?: unknown;
}

/** The code of every error class: what `switch (error.code)` can meet. */
export type IaasErrorCode = AnyIaasError["code"];

const brand = Symbol.for("iaaskit.error");

/** What every failure of this library is. Its text, JSON and `inspect` output hold no secret. */
export abstract class IaasError extends Error {
  abstract readonly code: `IAAS_${string}`;
  readonly provider: string;
  readonly operation: string;
  readonly retry: RetryVerdict;
  readonly outcome: Outcome;
  /** The cloud's own code, where it gave one. */
  declare readonly vendorCode?: string;
  /** The cloud's id of the failed request, where it gave one. */
  declare readonly requestId?: string;
  /** How long the cloud asks to wait, in milliseconds, where it does. */
  declare readonly retryAfterMs?: number;
  /** What the error is limited to, where it is. */
  declare readonly scope?: ErrorScope;
  /** What the operation made and what still exists. */
  readonly created: readonly ResourceRef[];

  constructor(message: string, retry: RetryVerdict, outcome: Outcome, details: IaasErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.provider = details.provider;
    this.operation = details.operation;
    this.retry = retry;
    this.outcome = details.outcome ?? outcome;
    this.created = details.created ?? [];
    const { vendorCode, requestId, retryAfterMs, scope } = details;
    Object.assign(this, defined({ vendorCode, requestId, retryAfterMs, scope }));
    Object.defineProperty(this, brand, { value: true });
    Object.defineProperty(this, "name", { value: new.target.name, configurable: true });
  }

  /** True for errors of this library, also of another copy of it in the same process. */
  static is(error: unknown): error is AnyIaasError {
    return error instanceof Error && (error as { [brand]?: unknown })[brand] === true;
  }

  toJSON(): Record<string, unknown> {
    return { name: this.name, message: this.message, ...Object.fromEntries(Object.entries(this)) };
  }
}

/** Without the fields that are `undefined`: what nobody knows does not clutter the output. */
function defined(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** The Iaas cannot do this, or not here; nothing was sent. Ask `can()` first. */
export class UnsupportedCapabilityError extends IaasError {
  override readonly code = "IAAS_UNSUPPORTED_CAPABILITY";
  readonly capability: string;

  constructor(capability: string, why: string, details: IaasErrorDetails) {
    super(`${details.provider} does not support ${capability}: ${why}`, "never", "not-applied", details);
    this.capability = capability;
  }
}

/** Where in a file or an options object the bad value stands. */
export interface InputPosition {
  readonly file?: string | undefined;
  /** From 1. */
  readonly line?: number | undefined;
  /** From 1. */
  readonly column?: number | undefined;
}

/** A value breaks a rule; nothing was sent. `field` is its path, as `ports[0].port`. */
export class InvalidInputError extends IaasError {
  override readonly code: "IAAS_INVALID_INPUT" | "IAAS_PAYLOAD_TOO_LARGE" = "IAAS_INVALID_INPUT";
  readonly field: string;
  readonly rule: string;
  declare readonly file?: string;
  /** From 1. */
  declare readonly line?: number;
  /** From 1. */
  declare readonly column?: number;

  constructor(field: string, rule: string, details: IaasErrorDetails & InputPosition) {
    const place = [details.file, details.line, details.column].filter((part) => part !== undefined).join(":");
    super(`${place === "" ? "" : `${place}: `}${field} ${rule}`, "never", "not-applied", details);
    this.field = field;
    this.rule = rule;
    const { file, line, column } = details;
    Object.assign(this, defined({ file, line, column }));
  }
}

/** The payload, encoded, is longer than the cloud takes; nothing was sent. */
export class PayloadTooLargeError extends InvalidInputError {
  override readonly code = "IAAS_PAYLOAD_TOO_LARGE";
  readonly sizeBytes: number;
  readonly limitBytes: number;

  constructor(sizeBytes: number, limitBytes: number, how: string, details: IaasErrorDetails) {
    super("payload", `is ${sizeBytes} bytes ${how}, ${limitBytes} are allowed`, details);
    this.sizeBytes = sizeBytes;
    this.limitBytes = limitBytes;
  }
}

/** A package that this provider needs is not installed. */
export class MissingDependencyError extends IaasError {
  override readonly code = "IAAS_MISSING_DEPENDENCY";
  readonly packageName: string;

  constructor(packageName: string, details: IaasErrorDetails) {
    super(`${details.provider} needs ${packageName}: npm install ${packageName}`, "never", "not-applied", details);
    this.packageName = packageName;
  }
}

/** The cloud does not know who is asking: wrong or expired credentials, or a clock that is off. */
export class AuthenticationError extends IaasError {
  override readonly code = "IAAS_AUTHENTICATION";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "never", "not-applied", details);
  }
}

/** The cloud knows who is asking and says no, or the resource belongs to another owner. */
export class PermissionDeniedError extends IaasError {
  override readonly code = "IAAS_PERMISSION_DENIED";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "never", "not-applied", details);
  }
}

/** There is no such thing, or none that this owner may see. */
export class NotFoundError extends IaasError {
  override readonly code = "IAAS_NOT_FOUND";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "never", "not-applied", details);
  }
}

/**
 * In what way the call and the state of the cloud disagree.
 *
 * - `name-taken`: something of that name exists already.
 * - `in-use`: something else still uses the resource.
 * - `wrong-state`: the resource cannot do this now.
 * - `spec-mismatch`: the key stands for another specification.
 * - `token-spent`: the cloud's idempotency token belongs to an instance that has ended.
 */
export type ConflictReason = "name-taken" | "in-use" | "wrong-state" | "spec-mismatch" | "token-spent";

/** The call and the present state of the cloud disagree. */
export class ConflictError extends IaasError {
  override readonly code = "IAAS_CONFLICT";
  readonly reason: ConflictReason;

  constructor(reason: ConflictReason, message: string, details: IaasErrorDetails) {
    super(message, reason === "in-use" || reason === "wrong-state" ? "later" : "never", "not-applied", details);
    this.reason = reason;
  }
}

/** The account may not have more of this. */
export class QuotaExceededError extends IaasError {
  override readonly code = "IAAS_QUOTA_EXCEEDED";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "elsewhere", "not-applied", details);
  }
}

/** The cloud has no room for this now, in the asked place. */
export class InsufficientCapacityError extends IaasError {
  override readonly code = "IAAS_INSUFFICIENT_CAPACITY";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "elsewhere", "not-applied", details);
  }
}

/** Too many requests; this one was not carried out. */
export class ThrottledError extends IaasError {
  override readonly code = "IAAS_THROTTLED";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "later", "not-applied", details);
  }
}

/** The cloud did not answer, or not sensibly; it may have done what was asked. */
export class UnavailableError extends IaasError {
  override readonly code = "IAAS_UNAVAILABLE";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "same", "unknown", details);
  }
}

/** The deadline passed. */
export class TimeoutError extends IaasError {
  override readonly code = "IAAS_TIMEOUT";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "same", "unknown", details);
  }
}

/**
 * Nobody knows whether it happened: the request went out and no answer came back.
 *
 * The same call with the same key finds out, and cannot double anything.
 */
export class OutcomeUnknownError extends IaasError {
  override readonly code = "IAAS_OUTCOME_UNKNOWN";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "same", "unknown", details);
  }
}

/** Some of it was done and could not be undone: `created` names what exists. */
export class PartialFailureError extends IaasError {
  override readonly code = "IAAS_PARTIAL_FAILURE";
  constructor(message: string, details: IaasErrorDetails & { readonly created: readonly ResourceRef[] }) {
    super(message, "same", "unknown", details);
  }
}

/** The cloud failed in a way that this library has no better word for; `vendorCode` is the cloud's. */
export class ProviderFailureError extends IaasError {
  override readonly code = "IAAS_PROVIDER_FAILURE";
  constructor(message: string, details: IaasErrorDetails) {
    super(message, "never", "not-applied", details);
  }
}

/** Every error class: `IaasError.is(error)` narrows to it, so that `switch (error.code)` is checked. */
export type AnyIaasError =
  | UnsupportedCapabilityError
  | InvalidInputError
  | PayloadTooLargeError
  | MissingDependencyError
  | AuthenticationError
  | PermissionDeniedError
  | NotFoundError
  | ConflictError
  | QuotaExceededError
  | InsufficientCapacityError
  | ThrottledError
  | UnavailableError
  | TimeoutError
  | OutcomeUnknownError
  | PartialFailureError
  | ProviderFailureError;
