import {
  type AnyIaasError,
  AuthenticationError,
  type IaasErrorDetails,
  type Outcome,
  UnavailableError,
} from "../iaas/errors.ts";

/** The connection was never made, so nothing has happened. */
const neverSent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN"]);
/** The connection broke, or its answer did not come: it may have happened. */
const broken = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT", "ECONNABORTED", "ERR_STREAM_PREMATURE_CLOSE"]);
/** What came back was not HTTP. */
const garbled = /^HPE_/;
const untrusted = /^(CERT_|ERR_TLS_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_)/;

/** The error for what went wrong below HTTP; `null` for what did not. */
export function networkError(cause: unknown, details: IaasErrorDetails): AnyIaasError | null {
  if (!(cause instanceof Error)) return null;
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  const full = (outcome: Outcome): IaasErrorDetails => ({ ...details, vendorCode: code, outcome, cause });
  if (untrusted.test(code)) {
    return new AuthenticationError(`the endpoint's certificate is not trusted: ${cause.message}`, full("not-applied"));
  }
  if (neverSent.has(code))
    return new UnavailableError(`the endpoint cannot be reached: ${cause.message}`, full("not-applied"));
  if (broken.has(code) || garbled.test(code) || cause.name === "TimeoutError" || /socket hang up/.test(cause.message)) {
    return new UnavailableError(`the connection broke: ${cause.message}`, full("unknown"));
  }
  return null;
}
