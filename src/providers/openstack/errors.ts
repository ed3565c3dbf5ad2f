import {
  type ErrorMaker,
  authentication,
  capacity,
  conflict,
  failure,
  invalid,
  notFound,
  permission,
  quota,
  throttled,
  unavailable,
} from "../../iaas/error-makers.ts";
import { type AnyIaasError, type ErrorOrigin, UnavailableError } from "../../iaas/errors.ts";
import { networkError } from "../../transport/network-errors.ts";
import { OpenStackRefusal } from "./answers.ts";

/** Neutron gives each error a type of its own. */
const neutron = new Map<string, ErrorMaker>([
  ["OverQuota", quota],
  ["IpAddressGenerationFailure", capacity],
  ["ExternalIpAddressExhausted", capacity],
  ["NoMoreIpAddresses", capacity],
  ["SecurityGroupRuleExists", conflict("name-taken")],
  ["SecurityGroupInUse", conflict("in-use")],
  ["FloatingIPPortAlreadyAssociated", conflict("in-use")],
  ["RevisionNumberConstraintFailed", conflict("in-use")],
  ["IpAddressInUse", conflict("in-use")],
  ["IpAddressAlreadyAllocated", conflict("in-use")],
  ["PortInUse", conflict("in-use")],
]);

/** What a launch names, by the words with which Nova tells that it is not there, or not allowed. */
const launchFields: readonly (readonly [RegExp, string])[] = [
  [/image/i, "image"],
  [/flavor/i, "size"],
  [/key_name|keypair|key pair/i, "keyPair"],
  [/user_data|personality/i, "payload"],
  [/availability zone|availability_zone/i, "partition.zone"],
  [/security group|security_group/i, "securityGroups"],
  [/network|subnet|port|fixed ip|nics?\b/i, "networks"],
  [/metadata|tag/i, "tags"],
  [/host\b|compute node|hypervisor/i, "partition.host"],
  [/\bname\b/i, "name"],
];

const limits = /quota|maximum number of|limit exceeded|exceeds allowed/i;
const noRoom = /no valid host|no more ip addresses|not enough hosts|insufficient compute resources/i;
const attempts = /maximum number of retries|max scheduling attempts/i;

/** Turn what a service refused, or the fault of an instance, into an error of this library. */
export function toOpenStackError(cause: unknown, at: ErrorOrigin): AnyIaasError {
  if (cause instanceof OpenStackRefusal) {
    const { name, message, status, retryAfterMs, requestId } = cause;
    const vendorCode = name === "" ? String(status) : name;
    return makerOf(cause, at)(message, { ...at, vendorCode, requestId, retryAfterMs, cause });
  }
  const network = networkError(cause, { ...at, cause });
  if (network !== null) return network;
  const { name = "", message = String(cause) } = cause instanceof Error ? cause : {};
  if (/^\d{3}$/.test(name)) return faultOf(message)(message, { ...at, vendorCode: name, cause });
  return new UnavailableError(`${name}: ${message}`, { ...at, cause });
}

/** The reason of an instance that Nova gave up on; the last of several tries tells what it was. */
function faultOf(message: string): ErrorMaker {
  const limit = message.replace(attempts, "");
  if (limits.test(limit)) return quota;
  return noRoom.test(message) || attempts.test(message) ? capacity : failure;
}

function makerOf({ name, message, status }: OpenStackRefusal, at: ErrorOrigin): ErrorMaker {
  const exact = neutron.get(name);
  if (exact !== undefined) return exact;
  switch (status) {
    case 400:
      return badRequest(message, at);
    case 401:
      return authentication;
    // Nova has one answer for a policy that forbids it and for a quota that is full.
    case 403:
      return limits.test(message) ? quota : permission;
    case 404:
      return at.operation === "launch" ? refusedLaunch(message, notFound) : notFound;
    case 409:
      return conflicting(message);
    // Cinder's quota comes with a `Retry-After` of 0; what limits rates asks for patience and names no quota.
    case 413:
      return limits.test(message) && !/rate/i.test(message) ? quota : throttled;
    case 429:
      return throttled;
    case 412:
      return conflict("in-use");
    default:
      return status >= 500 ? unavailable : failure;
  }
}

function badRequest(message: string, at: ErrorOrigin): ErrorMaker {
  if (/status must be|must be available|invalid (volume|snapshot): /i.test(message)) return conflict("wrong-state");
  if (limits.test(message) && !/invalid input/i.test(message)) return quota;
  return at.operation === "launch" ? refusedLaunch(message, invalid("request")) : invalid("request");
}

function refusedLaunch(message: string, otherwise: ErrorMaker): ErrorMaker {
  const field = launchFields.find(([words]) => words.test(message))?.[1];
  return field === undefined ? otherwise : invalid(field);
}

function conflicting(message: string): ErrorMaker {
  if (/already exists/i.test(message)) return conflict("name-taken");
  if (/in use|already associated|already attached/i.test(message)) return conflict("in-use");
  if (/multiple possible networks/i.test(message)) return invalid("networks");
  if (limits.test(message)) return quota;
  return noRoom.test(message) ? capacity : conflict("wrong-state");
}
