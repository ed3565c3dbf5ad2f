import {
  type ErrorMaker,
  authentication,
  capacity,
  conflict,
  invalid,
  notFound,
  permission,
  quota,
  throttled,
  unavailable,
} from "../../iaas/error-makers.ts";
import {
  type AnyIaasError,
  type ErrorOrigin,
  MissingDependencyError,
  ProviderFailureError,
  ThrottledError,
  UnavailableError,
} from "../../iaas/errors.ts";
import { networkError } from "../../transport/network-errors.ts";

/**
 * EC2's codes, also those in an instance's state reason.
 *
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const table = new Map<string, ErrorMaker>([
  ["AuthFailure", authentication],
  ["InvalidClientTokenId", authentication],
  ["SignatureDoesNotMatch", authentication],
  ["RequestExpired", authentication],
  ["MissingAuthenticationToken", authentication],
  ["IncompleteSignature", authentication],
  ["CredentialsProviderError", authentication],
  ["ExpiredToken", authentication],
  ["ExpiredTokenException", authentication],

  ["UnauthorizedOperation", permission],
  ["OptInRequired", permission],
  ["Blocked", permission],
  ["OperationNotPermitted", permission],
  ["AuthorizationError", permission],
  ["ServiceLinkedRoleCreationNotPermitted", permission],
  ["AuthFailure.ServiceLinkedRoleCreationNotPermitted", permission],

  ["VcpuLimitExceeded", quota],
  ["InstanceLimitExceeded", quota],
  ["MaxSpotInstanceCountExceeded", quota],
  ["MaxFleetCountExceeded", quota],
  ["MaxTemplateLimitExceeded", quota],
  ["AddressLimitExceeded", quota],
  ["VolumeLimitExceeded", quota],
  ["MaxIOPSLimitExceeded", quota],
  ["SnapshotLimitExceeded", quota],
  ["PendingSnapshotLimitExceeded", quota],
  ["SecurityGroupLimitExceeded", quota],
  ["SecurityGroupsPerInstanceLimitExceeded", quota],
  ["SecurityGroupsPerInterfaceLimitExceeded", quota],
  ["RulesPerSecurityGroupLimitExceeded", quota],
  ["KeyPairLimitExceeded", quota],
  ["TagLimitExceeded", invalid("tags")],

  ["InsufficientInstanceCapacity", capacity],
  ["InsufficientHostCapacity", capacity],
  ["InsufficientReservedInstanceCapacity", capacity],
  ["InsufficientCapacity", capacity],
  ["InsufficientAddressCapacity", capacity],
  ["InsufficientFreeAddressesInSubnet", capacity],
  ["InsufficientVolumeCapacity", capacity],
  ["ReservationCapacityExceeded", capacity],
  ["UnfulfillableCapacity", capacity],
  ["SpotMaxPriceTooLow", capacity],
  ["SpotInstanceTermination", capacity],
  ["SpotInstanceShutdown", capacity],
  ["Unsupported", capacity],

  ["RequestLimitExceeded", throttled],
  ["Throttling", throttled],
  ["ThrottlingException", throttled],
  ["EC2ThrottledException", throttled],
  ["RequestThrottled", throttled],
  ["TooManyRequestsException", throttled],

  ["InternalError", unavailable],
  ["InternalFailure", unavailable],
  ["Client.InternalError", permission], // mostly a key of an encrypted volume that may not be used
  ["Unavailable", unavailable],
  ["ServiceUnavailable", unavailable],

  ["IdempotentParameterMismatch", conflict("spec-mismatch")],
  ["IdempotentInstanceTerminated", conflict("token-spent")],
  ["DependencyViolation", conflict("in-use")],
  ["VolumeInUse", conflict("in-use")],
  ["Resource.AlreadyAssociated", conflict("in-use")],
  ["Resource.AlreadyAssigned", conflict("in-use")],
  ["InvalidIPAddress.InUse", conflict("in-use")],
  ["InvalidPermission.Duplicate", conflict("name-taken")],
  ["IncorrectState", conflict("wrong-state")],
  ["IncorrectInstanceState", conflict("wrong-state")],
  ["InvalidInstanceID", conflict("wrong-state")], // "The pending instance … is not in a valid state"
  ["InvalidInstanceState", conflict("wrong-state")],

  ["MissingParameter", invalid("request")],
  ["InvalidParameter", invalid("request")],
  ["InvalidParameterCombination", invalid("request")],
  ["UnknownParameter", invalid("request")],
  ["InvalidAMIID.Unavailable", notFound], // deregistered
  ["InvalidUserData.Malformed", invalid("payload")],
]);

/** What a launch names, by the code for a thing of that kind that is not there. */
const launchFields = new Map<string, string>([
  ["InvalidAMIID.NotFound", "image"],
  ["InvalidAMIID.Unavailable", "image"],
  ["InvalidAMIID.Malformed", "image"],
  ["InvalidInstanceType.NotFound", "size"],
  ["InvalidKeyPair.NotFound", "keyPair"],
  ["InvalidGroup.NotFound", "securityGroups"],
  ["InvalidGroupId.Malformed", "securityGroups"],
  ["InvalidSubnetID.NotFound", "networks"],
  ["InvalidSubnet", "networks"],
  ["InvalidNetworkInterfaceID.NotFound", "networks"],
  ["InvalidHostID.NotFound", "partition.host"],
  ["InvalidHostID.Malformed", "partition.host"],
  ["InvalidIamInstanceProfileName.NotFound", "providerOptions.ec2.iamInstanceProfile"],
]);

/** Turn what AWS' SDK threw, or an instance's state reason, into an error of this library. */
export function toEc2Error(cause: unknown, at: ErrorOrigin): AnyIaasError {
  if (isMissing(cause)) return new MissingDependencyError("@aws-sdk/client-ec2", { ...at, cause });
  const { name = "", message = String(cause) } = cause instanceof Error ? cause : {};
  const details = { ...at, requestId: requestIdOf(cause), retryAfterMs: retryAfterOf(cause), cause };
  const make = makerOf(name, message, at);
  if (make !== undefined) return make(message, { ...details, vendorCode: name });
  const network = networkError(cause, details);
  if (network !== null) return network;
  const status = statusOf(cause);
  if (status === 429) return new ThrottledError(message, details);
  const isCoded = isFromEc2(cause);
  const full = isCoded ? { ...details, vendorCode: name } : details;
  // Without a code of EC2's it is a gateway's page, or an answer that was cut off.
  const text =
    isCoded || status === undefined
      ? `${name}: ${message}`
      : `the endpoint answered ${status}, and not as EC2 does: ${message.split("\n", 1)[0]}`;
  const mayHaveDone = status !== undefined && (status >= 500 || status < 300);
  return mayHaveDone ? new UnavailableError(text, full) : new ProviderFailureError(text, full);
}

/** Whether EC2 has refused with this code. */
export function hasName(error: unknown, code: string): boolean {
  return error instanceof Error && error.name === code;
}

/** @param name The SDK has the code in the name of its error; a state reason has `Server.` or `Client.` before it. */
function makerOf(name: string, message: string, { operation }: ErrorOrigin): ErrorMaker | undefined {
  const code = name.replace(/^(Server|Client)\./, "");
  const field = operation === "launch" ? launchFields.get(code) : undefined;
  if (field !== undefined) return invalid(field);
  // Of a launch it means "not in this zone"; of anything else that it can never be.
  if (code === "Unsupported" && operation !== "launch") return invalid("request");
  const exact = table.get(name) ?? table.get(code);
  if (exact !== undefined) return exact;
  if (code === "InvalidParameterValue") return byMessage(message);
  if (code.endsWith(".NotFound") || code.endsWith(".Unknown")) return notFound;
  if (code.endsWith(".Malformed") || code.endsWith(".Format")) return invalid("id");
  if (code.endsWith(".Duplicate")) return conflict("name-taken");
  if (code.endsWith(".InUse")) return conflict("in-use");
  return undefined;
}

/** One code for all kinds of values: the text tells which, and some are only too early. */
function byMessage(message: string): ErrorMaker {
  if (/already in use|attachment point/i.test(message)) return conflict("wrong-state");
  if (/instance ?type/i.test(message)) return invalid("size");
  if (/availability ?zone/i.test(message)) return invalid("partition.zone");
  if (/user data/i.test(message)) return invalid("payload");
  if (/iam ?instance ?profile/i.test(message)) return invalid("providerOptions.ec2.iamInstanceProfile");
  return invalid("request");
}

/** Whether a package could not be loaded. */
function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND";
}

/** Whether EC2 itself has given it a code: what else has a status the SDK calls `Unknown`, or fails to read. */
function isFromEc2(cause: unknown): boolean {
  if (!(cause instanceof Error) || cause.name === "Unknown") return false;
  return "$fault" in cause || /^(Server|Client)\./.test(cause.name);
}

function metadataOf(cause: unknown): { readonly httpStatusCode?: unknown; readonly requestId?: unknown } {
  const metadata = (cause as { readonly $metadata?: unknown } | null)?.$metadata;
  return typeof metadata === "object" && metadata !== null ? metadata : {};
}

function statusOf(cause: unknown): number | undefined {
  const { httpStatusCode } = metadataOf(cause);
  if (typeof httpStatusCode === "number") return httpStatusCode;
  const status = (cause as { readonly $response?: { readonly statusCode?: unknown } } | null)?.$response?.statusCode;
  return typeof status === "number" ? status : undefined;
}

function requestIdOf(cause: unknown): string | undefined {
  const { requestId } = metadataOf(cause);
  return typeof requestId === "string" ? requestId : undefined;
}

function retryAfterOf(cause: unknown): number | undefined {
  const headers = (cause as { readonly $response?: { readonly headers?: Record<string, string> } } | null)?.$response
    ?.headers;
  const text = headers?.["retry-after"];
  if (text === undefined) return undefined;
  const seconds = Number(text);
  const ms = Number.isNaN(seconds) ? Date.parse(text) - Date.now() : seconds * 1_000;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
