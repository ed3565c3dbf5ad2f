import { type ErrorMaker, capacity, conflict, invalid, notFound, unavailable } from "../../iaas/error-makers.ts";
import {
  type AnyIaasError,
  AuthenticationError,
  type ErrorOrigin,
  MissingDependencyError,
  PermissionDeniedError,
  ProviderFailureError,
  ThrottledError,
  UnavailableError,
} from "../../iaas/errors.ts";
import { networkError } from "../../transport/network-errors.ts";

const undone: ErrorMaker = (message, details) => new UnavailableError(message, { ...details, outcome: "not-applied" });

/**
 * What engines say, by their words: the same trouble has status 409 in one and 500 in another, and no code in either.
 *
 * The first that fits counts.
 */
const texts: readonly (readonly [RegExp, ErrorMaker])[] = [
  [/toomanyrequests|rate limit/i, (message, details) => new ThrottledError(message, details)],
  [/pull access denied|manifest unknown|repository .* not found|name unknown|manifest for .* not found/i, notFound],
  [/unauthorized|authentication required/i, (message, details) => new AuthenticationError(message, details)],
  [/is already in use by|name .* is already in use/i, conflict("name-taken")],
  [/port is already allocated|address already in use/i, conflict("in-use")],
  [/image .*(is being used|is using|in use by)|must be forced|must force/i, conflict("in-use")],
  [/range of cpus|minimum memory limit|memory limit/i, invalid("size")],
  [
    /no such network|network .* not found|unable to find network|user specified IP|IP address .* is not/i,
    invalid("networks"),
  ],
  [/no available ipv4|all ports are allocated|no space left|cannot allocate memory|out of memory/i, capacity],
  [/resource temporarily unavailable|too many open files/i, capacity],
  [/argument list too long/i, invalid("payload")],
  [/task .* already exists/i, undone], // left by an engine that was killed; what takes its place can start
  [/shutting down|shutdown|transport is closing|context canceled|containerd.*(not running|unavailable)/i, unavailable],
];

/** What only a launch can be told: the image has not what is to run. */
const cannotRun =
  /executable file not found|exec.*no such file or directory|exec format error|exec.*permission denied/i;

/** @param shown Where the engine is, for people. */
export function toDockerError(cause: unknown, at: ErrorOrigin, shown: string): AnyIaasError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "ERR_MODULE_NOT_FOUND") return new MissingDependencyError("dockerode", { ...at, cause });
  const connecting = connectionError(cause, code, at, shown);
  if (connecting !== null) return connecting;
  const status = statusOf(cause);
  const message = messageOf(cause);
  const vendorCode = status === null ? (cause instanceof Error ? cause.name : undefined) : String(status);
  const details = { ...at, vendorCode, cause: new Error(message) }; // the raw one holds the whole answer
  const make = makeOf(status, message, at);
  if (make !== null) return make(message, details);
  return networkError(cause, details) ?? new ProviderFailureError(message, details);
}

/** The status with which the engine has refused; `null` for what is not its answer. */
export function statusOf(error: unknown): number | null {
  if (!(error instanceof Error) || !("statusCode" in error)) return null;
  return typeof error.statusCode === "number" ? error.statusCode : null;
}

/** Whether a container of that name is there already: 409 in Docker, 500 in Podman. */
export function isNameTaken(error: unknown): boolean {
  return statusOf(error) !== null && /is already in use/.test(messageOf(error)) && /name/.test(messageOf(error));
}

/** What the engine says, without dockerode's words around it. */
function messageOf(error: unknown): string {
  const json = error instanceof Error && "json" in error ? error.json : null;
  const { message } = (typeof json === "object" && json !== null ? json : {}) as { readonly message?: unknown };
  if (typeof message === "string" && message !== "") return message;
  return error instanceof Error ? error.message.trim() : String(error);
}

function connectionError(cause: unknown, code: unknown, at: ErrorOrigin, shown: string): AnyIaasError | null {
  if (!(cause instanceof Error) || !("syscall" in cause) || cause.syscall !== "connect") return null;
  const details = { ...at, vendorCode: String(code), cause };
  if (code === "EACCES" || code === "EPERM") {
    const advice = "become a member of the group that owns the socket, or set DOCKER_HOST to an engine of your own";
    return new PermissionDeniedError(`no permission to talk to ${shown}: ${advice}`, details);
  }
  if (code !== "ENOENT" && code !== "ECONNREFUSED") return null;
  const advice = "start it, or set DOCKER_HOST to the one that runs";
  return new UnavailableError(`no Docker engine answers at ${shown}: ${advice}`, {
    ...details,
    outcome: "not-applied",
  });
}

function makeOf(status: number | null, message: string, { operation }: ErrorOrigin): ErrorMaker | null {
  const isLaunch = operation === "launch";
  if (isLaunch && cannotRun.test(message)) return invalid("image");
  if (isLaunch && /no such image|image not known/i.test(message)) return invalid("image");
  const known = texts.find(([pattern]) => pattern.test(message))?.[1];
  if (known !== undefined) return known;
  if (status === null) return null;
  if (status === 400) return invalid("request");
  if (status === 401) return (text, details) => new AuthenticationError(text, details);
  if (status === 403) return (text, details) => new PermissionDeniedError(text, details);
  if (status === 404) return notFound;
  if (status === 409) return conflict("wrong-state");
  if (status === 429) return (text, details) => new ThrottledError(text, details);
  return status >= 502 ? unavailable : null;
}
