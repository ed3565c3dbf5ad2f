import { readFileSync } from "node:fs";

import { Ec2Iaas, type Ec2Options } from "iaaskit/ec2";
import { VirtualClock } from "iaaskit/testing";
import nock from "nock";

import { projectPath } from "./folders.ts";
import { noRequestYet, pass } from "./wire.ts";

export { all, failureOf, pass } from "./wire.ts";

// Credentials are always given; should one be forgotten, AWS' chain must not ask the metadata service for any.
process.env["AWS_EC2_METADATA_DISABLED"] = "true";
// Loaded before any test, so that no virtual clock runs on meanwhile.
await import("@aws-sdk/client-ec2");

const endpoint = "https://ec2.eu-west-1.amazonaws.com";
export const credentials = {
  accessKeyId: "AKIATEST",
  secretAccessKey: "canary-secret-key",
  sessionToken: "canary-token",
};

/** What a launch needs to be told. */
export const launchOptions = { key: "job-1", image: "ami-1", size: "t3.micro" };
/** The tags that hold the ownership of `job-1`. */
export const ownTags = { "iaaskit:owner": "me", "iaaskit:key": "job-1", "iaaskit:generation": "0" };

/** A request, as the form that it is. */
export type Form = Readonly<Record<string, string>>;

/** A value of an answer: an array is a list of `<item>`s. */
export type Xml = string | number | boolean | readonly Xml[] | { readonly [name: string]: Xml };

/** Markup of a value. */
function xml(value: Xml): string {
  if (Array.isArray(value)) return value.map((item: Xml) => `<item>${xml(item)}</item>`).join("");
  if (typeof value === "object") {
    return Object.entries(value)
      .map(([name, part]) => `<${name}>${xml(part)}</${name}>`)
      .join("");
  }
  return String(value).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** An answer of EC2's to `action`. */
export function answer(action: string, content: Xml = {}): string {
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">`,
    `    <requestId>11111111-2222-3333-4444-555555555555</requestId>`,
    xml(content),
    `</${action}Response>`,
  ].join("\n");
}

/** An answer with which EC2 refuses. */
export function refusal(code: string, message = `EC2 says ${code}`): string {
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<Response><Errors><Error><Code>${code}</Code><Message>${xml(message)}</Message></Error></Errors>`,
    `<RequestID>req-of-the-error</RequestID></Response>`,
  ].join("\n");
}

/** A recorded answer. */
export function fixture(name: string): string {
  return readFileSync(projectPath(`test/fixtures/ec2/${name}`), "utf8");
}

export function tagSet(tags: Readonly<Record<string, string>>): Xml {
  return Object.entries(tags).map(([key, value]) => ({ key, value }));
}

/** An instance in an answer. */
export function instance(id: string, more: { readonly [name: string]: Xml } = {}, tags: object = ownTags): Xml {
  return {
    instanceId: id,
    imageId: "ami-1",
    instanceState: { code: 16, name: "running" },
    instanceType: "t3.micro",
    launchTime: "2030-01-01T00:00:00.000Z",
    placement: { availabilityZone: "eu-west-1a" },
    privateIpAddress: "10.0.0.5",
    tagSet: tagSet({ Name: "one", ...tags }),
    ...more,
  };
}

/** What DescribeInstances answers. */
export function instances(...found: Xml[]): Xml {
  return { reservationSet: found.map((one, index) => ({ reservationId: `r-${index}`, instancesSet: [one] })) };
}

/** A body, more of an answer, or what goes wrong instead of one. */
export type Reply =
  | string
  | Error
  | { readonly status: number; readonly body: string; readonly headers?: Readonly<Record<string, string>> };

/** The connection breaks after the request has been sent. */
export const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

/** EC2's refusal with `code`. */
export function refused(code: string, status = 400, message?: string): Reply {
  return { status, body: refusal(code, message) };
}

/** EC2 as far as one test goes: it answers what the test says, and remembers what it was asked. One at a time. */
export class Ec2Api {
  readonly requests: Form[] = [];
  readonly requestHeaders: Readonly<Record<string, string>>[] = [];

  /** When they came, by the Iaas' clock. */
  readonly arrivals: number[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    nock.cleanAll();
    noRequestYet();
    this.#clock = clock;
  }

  /** Answer the next request that has these fields, and then the next, with these replies; the last one for ever. */
  on(fields: Form | string, ...replies: [Reply, ...Reply[]]): this {
    const wanted = typeof fields === "string" ? { Action: fields } : fields;
    for (const [index, reply] of replies.entries()) {
      const { status, body, headers } = partsOf(reply);
      const note = (form: string, headers: Readonly<Record<string, string>>): void => {
        this.requests.push(Object.fromEntries(new URLSearchParams(form)));
        this.requestHeaders.push(headers);
        this.arrivals.push(this.#clock.now());
      };
      const interceptor = nock(endpoint).post("/", (form: Form) => has(form, wanted));
      const scope = interceptor.reply(
        status,
        async function (_, form) {
          note(form as string, this.req.headers);
          if (reply instanceof Error) throw reply;
          return body;
        },
        { "content-type": "text/xml;charset=UTF-8", "x-amzn-requestid": "req-of-the-header", ...headers },
      );
      if (index === replies.length - 1) scope.persist();
    }
    return this;
  }

  /** What DescribeInstances answers each time. */
  instances(...found: Xml[]): this {
    return this.on("DescribeInstances", answer("DescribeInstances", instances(...found)));
  }

  /** What a launch asks before it launches: nothing of the key is there, the image is. */
  launchable(): this {
    return this.instances().withImage();
  }

  withImage(): this {
    const image = { imageId: "ami-1", imageState: "available", name: "debian", architecture: "x86_64" };
    return this.on("DescribeImages", answer("DescribeImages", { imagesSet: [image] }));
  }

  withZones(...zones: string[]): this {
    const found = zones.map((zoneName) => ({ zoneName, zoneState: "available", regionName: "eu-west-1" }));
    return this.on("DescribeAvailabilityZones", answer("DescribeAvailabilityZones", { availabilityZoneInfo: found }));
  }

  /** The requests of one kind. */
  sent(action: string): Form[] {
    return this.requests.filter((form) => form["Action"] === action);
  }

  /** Kinds of all requests, in their order. */
  get actions(): string[] {
    return this.requests.map((form) => form["Action"] ?? "");
  }
}

function partsOf(reply: Reply): Required<Exclude<Reply, string | Error>> {
  if (typeof reply === "string") return { status: 200, body: reply, headers: {} };
  return reply instanceof Error ? { status: 200, body: "", headers: {} } : { headers: {}, ...reply };
}

function has(form: Form, wanted: Form): boolean {
  return Object.entries(wanted).every(([name, value]) => form[name] === value);
}

/** An Iaas, its clock, and EC2. */
export function create(options: Partial<Ec2Options> = {}) {
  const clock = new VirtualClock();
  const iaas = new Ec2Iaas({ owner: "me", region: "eu-west-1", credentials, clock, ...options });
  return { api: new Ec2Api(clock), clock, iaas };
}

/** What RunInstances answers. */
export const launched = answer("RunInstances", { instancesSet: [instance("i-1")] });

/** The RunInstances request to which a launch comes down. */
export async function launchRequest(
  more: object = {},
  prepare: (api: Ec2Api) => void = () => undefined,
): Promise<Form> {
  const { api, clock, iaas } = create();
  api.launchable().on("RunInstances", launched);
  prepare(api);
  await pass(clock, iaas.launch({ ...launchOptions, ...more }));
  const [form, ...others] = api.sent("RunInstances");
  if (form === undefined || others.length > 0) throw new Error("not launched once");
  return form;
}

/** The part of a form whose names begin so. */
export function part(form: Form, prefix: string): Form {
  return Object.fromEntries(Object.entries(form).filter(([name]) => name.startsWith(prefix)));
}
