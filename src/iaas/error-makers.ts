import {
  type AnyIaasError,
  AuthenticationError,
  ConflictError,
  type ConflictReason,
  type IaasErrorDetails,
  InsufficientCapacityError,
  InvalidInputError,
  NotFoundError,
  PermissionDeniedError,
  ProviderFailureError,
  QuotaExceededError,
  ThrottledError,
  UnavailableError,
} from "./errors.ts";

/** Makes the error that a row of a provider's table of errors stands for. */
export type ErrorMaker = (message: string, details: IaasErrorDetails) => AnyIaasError;

export const authentication: ErrorMaker = (message, details) => new AuthenticationError(message, details);
export const permission: ErrorMaker = (message, details) => new PermissionDeniedError(message, details);
export const quota: ErrorMaker = (message, details) => new QuotaExceededError(message, details);
export const capacity: ErrorMaker = (message, details) => new InsufficientCapacityError(message, details);
export const throttled: ErrorMaker = (message, details) => new ThrottledError(message, details);
export const unavailable: ErrorMaker = (message, details) => new UnavailableError(message, details);
export const notFound: ErrorMaker = (message, details) => new NotFoundError(message, details);
export const failure: ErrorMaker = (message, details) => new ProviderFailureError(message, details);
export const conflict =
  (reason: ConflictReason): ErrorMaker =>
  (message, details) =>
    new ConflictError(reason, message, details);
export const invalid =
  (field: string): ErrorMaker =>
  (message, details) =>
    new InvalidInputError(field, `is refused: ${message}`, details);
