import {
  type AnyIaasError,
  type ErrorOrigin,
  PermissionDeniedError,
  ProviderFailureError,
  QuotaExceededError,
} from "../../iaas/errors.ts";

type Make = (message: string, details: ConstructorParameters<typeof ProviderFailureError>[1]) => AnyIaasError;

/** What the operating system says, by the code of its error. */
const table = new Map<string, Make>([
  ["EACCES", (message, details) => new PermissionDeniedError(message, details)],
  ["EPERM", (message, details) => new PermissionDeniedError(message, details)],
  ["EROFS", (message, details) => new PermissionDeniedError(message, details)],
  ["ENOSPC", (message, details) => new QuotaExceededError(message, details)],
  ["EDQUOT", (message, details) => new QuotaExceededError(message, details)],
  ["EMFILE", (message, details) => new QuotaExceededError(message, details)],
  ["ENFILE", (message, details) => new QuotaExceededError(message, details)],
  ["EAGAIN", (message, details) => new QuotaExceededError(message, details)],
]);

/** Turn an error of the operating system, or the failure of a process, into an error of this library. */
export function toLocalError(cause: unknown, at: ErrorOrigin): AnyIaasError {
  const code = errorCode(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  const vendorCode = code ?? (cause instanceof Error ? cause.name : undefined);
  const make = table.get(code ?? "") ?? ((text, details) => new ProviderFailureError(text, details));
  return make(message, { ...at, vendorCode, cause });
}

/** The code of a system error, as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
