import { XMLBuilder } from "fast-xml-parser";

import type { RateLimits } from "../buckets.ts";
import type { Answer, Dialect, Failure, ReceivedRequest } from "../dialect.ts";
import type { MetFaults } from "../faults.ts";
import type { CloudModel } from "../model/cloud-model.ts";
import type { Refusal } from "../model/refusal.ts";
import type { Offer } from "../model/settings.ts";
import type { Random } from "../random.ts";
import * as addresses from "./addresses.ts";
import * as catalog from "./catalog.ts";
import * as groups from "./groups.ts";
import * as images from "./images.ts";
import * as instances from "./instances.ts";
import * as keyPairs from "./key-pairs.ts";
import type { Ec2Request } from "./listing.ts";
import { Query } from "./query.ts";
import { Ec2Refusal, ec2CodeOf } from "./refusals.ts";
import * as volumes from "./volumes.ts";

const account = "123456789012";
const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/";
const builder = new XMLBuilder({ ignoreAttributes: false, suppressEmptyNode: true });

const actions: Readonly<Record<string, (request: Ec2Request) => object>> = {
  AllocateAddress: addresses.allocateAddress,
  AssociateAddress: addresses.associateAddress,
  AttachVolume: volumes.attachVolume,
  AuthorizeSecurityGroupIngress: groups.authorizeIngress,
  CreateImage: images.createImage,
  CreateKeyPair: keyPairs.createKeyPair,
  CreateSecurityGroup: groups.createSecurityGroup,
  CreateSnapshot: volumes.createSnapshot,
  CreateTags: catalog.createTags,
  CreateVolume: volumes.createVolume,
  DeleteKeyPair: keyPairs.deleteKeyPair,
  DeleteSecurityGroup: groups.deleteSecurityGroup,
  DeleteSnapshot: volumes.deleteSnapshot,
  DeleteVolume: volumes.deleteVolume,
  DeregisterImage: images.deregisterImage,
  DescribeAddresses: addresses.describeAddresses,
  DescribeAvailabilityZones: catalog.describeAvailabilityZones,
  DescribeHosts: catalog.describeHosts,
  DescribeImageAttribute: images.describeImageAttribute,
  DescribeImages: images.describeImages,
  DescribeInstanceAttribute: instances.describeInstanceAttribute,
  DescribeInstanceTypes: catalog.describeInstanceTypes,
  DescribeInstances: instances.describeInstances,
  DescribeKeyPairs: keyPairs.describeKeyPairs,
  DescribeRegions: catalog.describeRegions,
  DescribeSecurityGroups: groups.describeSecurityGroups,
  DescribeSnapshots: volumes.describeSnapshots,
  DescribeSubnets: groups.describeSubnets,
  DescribeVolumes: volumes.describeVolumes,
  DescribeVpcs: groups.describeVpcs,
  DetachVolume: volumes.detachVolume,
  DisassociateAddress: addresses.disassociateAddress,
  GetConsoleOutput: instances.getConsoleOutput,
  ImportKeyPair: keyPairs.importKeyPair,
  ModifyImageAttribute: images.modifyImageAttribute,
  RebootInstances: instances.rebootInstances,
  ReleaseAddress: addresses.releaseAddress,
  RevokeSecurityGroupIngress: groups.revokeIngress,
  RunInstances: instances.runInstances,
  StartInstances: instances.startInstances,
  StopInstances: instances.stopInstances,
  TerminateInstances: instances.terminateInstances,
};

const failures: Readonly<
  Record<Failure, { readonly code: string; readonly message: string; readonly status: number }>
> = {
  throttled: { code: "RequestLimitExceeded", message: "Request limit exceeded.", status: 503 },
  unavailable: { code: "Unavailable", message: "The service is unavailable.", status: 503 },
  "expired-credentials": { code: "RequestExpired", message: "Request has expired.", status: 400 },
  "unknown-action": { code: "InvalidAction", message: "The action is not valid for this web service.", status: 400 },
};

/** The EC2 query protocol, for one region of one account. Signatures are not checked. */
export class Ec2Dialect implements Dialect {
  readonly offer: Offer = {
    region: "eu-west-1",
    zones: ["eu-west-1a", "eu-west-1b", "eu-west-1c"],
    images: [
      { id: "ami-0a1b2c3d4e5f60718", name: "debian-13-amd64", architecture: "x86_64" },
      { id: "ami-0b1c2d3e4f5a60729", name: "debian-13-arm64", architecture: "arm64" },
    ],
    sizes: [
      { id: "t3.micro", cpus: 2, memoryMiB: 1_024, architecture: "x86_64" },
      { id: "t3.small", cpus: 2, memoryMiB: 2_048, architecture: "x86_64" },
      { id: "m7i.large", cpus: 2, memoryMiB: 8_192, architecture: "x86_64" },
      { id: "m7i.xlarge", cpus: 4, memoryMiB: 16_384, architecture: "x86_64" },
      { id: "c7g.large", cpus: 2, memoryMiB: 4_096, architecture: "arm64" },
    ],
    userDataBytes: 16_384,
  };
  /**
   * The example that AWS gives; its own figures differ by action.
   *
   * @see https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
   */
  readonly rateLimits: RateLimits = { "*": { size: 100, perSecond: 20 } };
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  actionOf(request: ReceivedRequest): string | null {
    const action = queryOf(request).text("Action");
    return action !== null && Object.hasOwn(actions, action) ? action : null;
  }

  perform(action: string, request: ReceivedRequest, model: CloudModel, met: MetFaults): Answer {
    try {
      const result = actions[action]?.({ query: queryOf(request), model, met, account }) ?? {};
      const response = { "@_xmlns": namespace, requestId: this.#requestId(), ...result };
      return this.#xml(200, { [`${action}Response`]: response });
    } catch (error) {
      if (error instanceof Ec2Refusal) return this.coded(error.code, error.message);
      throw error;
    }
  }

  refused(refusal: Refusal): Answer {
    return this.coded(ec2CodeOf(refusal), refusal.message);
  }

  failed(failure: Failure, retryAfterMs?: number): Answer {
    const { code, message, status } = failures[failure];
    const answer = this.coded(code, message, status);
    if (retryAfterMs === undefined) return answer;
    return { ...answer, headers: { ...answer.headers, "retry-after": String(Math.ceil(retryAfterMs / 1_000)) } };
  }

  coded(code: string, message: string, status = code.startsWith("Insufficient") ? 500 : 400): Answer {
    const errors = { Error: { Code: code, Message: message } };
    return this.#xml(status, { Response: { Errors: errors, RequestID: this.#requestId() } });
  }

  #xml(status: number, content: object): Answer {
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n${builder.build(content)}`;
    return { status, headers: { "content-type": "text/xml;charset=UTF-8" }, body };
  }

  #requestId(): string {
    const digits = Array.from({ length: 32 }, () => Math.floor(this.#random() * 16).toString(16)).join("");
    return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
}

/** From the address or from the body: EC2 takes both. */
function queryOf({ url, body }: ReceivedRequest): Query {
  return new Query(new Map([...url.searchParams, ...new URLSearchParams(body.toString())]));
}
