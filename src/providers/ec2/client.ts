import { pipeline, Readable, Transform } from "node:stream";

import type { EC2 } from "@aws-sdk/client-ec2";

import { Redactor } from "../../iaas/redaction.ts";
import { reveal } from "../../iaas/secret.ts";
import type { Ec2ClientOptions, Ec2Credentials } from "./client-options.ts";

const connectTimeoutMs = 10_000;
/** At the SDK's own limit of 50 a call that waits for its turn runs into its time to connect. Pacing is the limit. */
const connections = { maxSockets: Number.POSITIVE_INFINITY };
/** No answer of EC2 is longer; a page of 1,000 instances has about 8 MB. */
const answerAtMost = 32 * 1024 * 1024;
/** Nor is one text in it: the longest is a console output of 88 kB. */
const textAtMost = 256 * 1024;
/** The root element begins within the first bytes. */
const rootWithin = 1_024;
const clockRefusals = new Set(["AuthFailure", "RequestExpired", "SignatureDoesNotMatch"]);

/** EC2 through AWS' SDK, loaded at first use. The SDK makes one attempt: the base class paces and repeats. */
export class Ec2Client {
  readonly #options: Ec2ClientOptions;
  #connected: Promise<EC2> | null = null;

  constructor(options: Ec2ClientOptions) {
    this.#options = options;
  }

  async connect(): Promise<EC2> {
    this.#connected ??= this.#create();
    return await this.#connected;
  }

  async dispose(): Promise<void> {
    (await this.#connected?.catch(() => null))?.destroy();
  }

  async #create(): Promise<EC2> {
    const { region, endpoint, credentials } = this.#options;
    const sdk = await import("@aws-sdk/client-ec2");
    const client = new sdk.EC2({
      region,
      maxAttempts: 1,
      requestHandler: { connectionTimeout: connectTimeoutMs, httpAgent: connections, httpsAgent: connections },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials: async () => revealed(credentials) }),
    });
    client.middlewareStack.add(
      (next, context) => async (args) => {
        try {
          return await next(args);
        } catch (error) {
          throw withoutCredentials(error, context);
        }
      },
      { step: "initialize", name: "iaaskitSecrets", priority: "high" },
    );
    client.middlewareStack.add(
      (next) => async (args) => {
        try {
          return await next(args);
        } catch (error) {
          if (!isClockCorrected(error)) throw error;
          return await next(args); // signed by the server's time, which its refusal told
        }
      },
      { step: "initialize", name: "iaaskitClock" },
    );
    client.middlewareStack.add(
      (next, { commandName = "" }) =>
        async (args) => {
          const result = await next(args);
          const response = result.response as { body?: unknown; readonly statusCode: number };
          const root = response.statusCode < 300 ? `<${commandName.replace(/Command$/, "Response")}` : "";
          if (response.body instanceof Readable) response.body = checked(response.body, root);
          return result;
        },
      { step: "deserialize", name: "iaaskitAnswer", priority: "low" },
    );
    return client;
  }
}

async function revealed(
  credentials: Ec2Credentials | (() => Promise<Ec2Credentials>),
): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string; expiration?: Date }> {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } =
    typeof credentials === "function" ? await credentials() : credentials;
  return {
    accessKeyId,
    secretAccessKey: reveal(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: reveal(sessionToken) }),
    ...(expiration === undefined ? {} : { expiration }),
  };
}

/**
 * The same stream, ended with an error when it, or one text in it, is longer than any answer of EC2, or when it does
 * not begin with `root`: a portal's page, or nothing at all, would be read as an empty list.
 */
function checked(body: Readable, root: string): Readable {
  let head = "";
  let total = 0;
  let textLength = 0;
  const check = new Transform({
    transform(chunk: Buffer, _, done) {
      if (total < rootWithin) head += chunk.toString("latin1");
      total += chunk.byteLength;
      const lastTag = chunk.lastIndexOf("<");
      const firstTag = chunk.indexOf("<");
      const longest =
        firstTag === -1 ? textLength + chunk.byteLength : Math.max(textLength + firstTag, longestText(chunk));
      textLength = lastTag === -1 ? textLength + chunk.byteLength : chunk.byteLength - lastTag;
      if (total <= answerAtMost && longest <= textAtMost) return done(null, chunk);
      done(new Error("the answer is longer than any of EC2's"));
    },
    flush(done) {
      done(head.includes(root) ? null : new Error(`the answer has no ${root}>`));
    },
  });
  return pipeline(body, check, () => undefined); // the reader of the result gets the error
}

function longestText(chunk: Buffer): number {
  let longest = 0;
  for (let start = chunk.indexOf("<"); start !== -1;) {
    const next = chunk.indexOf("<", start + 1);
    longest = Math.max(longest, (next === -1 ? chunk.byteLength : next) - start);
    start = next;
  }
  return longest;
}

/** On a machine whose clock is wrong the SDK calls every refusal corrected; only these are due to the clock. */
function isClockCorrected(error: unknown): boolean {
  if (!(error instanceof Error) || !clockRefusals.has(error.name)) return false;
  return (error as { readonly $metadata?: { clockSkewCorrected?: unknown } }).$metadata?.clockSkewCorrected === true;
}

/** The same error. EC2 may repeat what was signed; the base knows no credentials that a function or AWS' chain gave. */
function withoutCredentials(error: unknown, context: object): unknown {
  const { __smithy_context: smithy } = context as {
    __smithy_context?: { selectedHttpAuthScheme?: { identity?: { secretAccessKey?: string; sessionToken?: string } } };
  };
  const { secretAccessKey = "", sessionToken = "" } = smithy?.selectedHttpAuthScheme?.identity ?? {};
  const redactor = new Redactor([secretAccessKey, sessionToken]);
  if (error instanceof Error) {
    error.message = redactor.clean(error.message);
    if (error.stack !== undefined) error.stack = redactor.clean(error.stack);
  }
  return error;
}
