import { Transform } from "node:stream";

import type { EC2 } from "@aws-sdk/client-ec2";

import { MissingDependencyError, UnavailableError } from "../../iaas/errors.ts";
import { reveal, type Secret } from "../../iaas/secret.ts";

/** The keys of an AWS account or role. */
export interface Ec2Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string | Secret;
  readonly sessionToken?: string | Secret | undefined;
}

export interface Ec2ClientOptions {
  readonly region: string;
  readonly endpoint?: string | undefined;
  readonly credentials?: Ec2Credentials | (() => Promise<Ec2Credentials>) | undefined;
}

const sdkPackage = "@aws-sdk/client-ec2";
const connectTimeoutMs = 10_000;
/** No answer of EC2 is longer; a page of 1,000 instances has about 8 MB. */
const answerAtMost = 32 * 1024 * 1024;
/** The SDK's XML reader takes a time that grows with the square of a text's length. EC2's longest text is 88 kB. */
const textAtMost = 256 * 1024;

/** EC2 through AWS' SDK, loaded at first use. The SDK makes one attempt: the base class paces and repeats. */
export class Ec2Client {
  readonly #options: Ec2ClientOptions;
  #connected: Promise<EC2> | null = null;

  constructor(options: Ec2ClientOptions) {
    this.#options = options;
  }

  /** @throws MissingDependencyError when the SDK is not installed. */
  async connect(): Promise<EC2> {
    this.#connected ??= this.#create();
    return await this.#connected;
  }

  async dispose(): Promise<void> {
    (await this.#connected?.catch(() => null))?.destroy();
  }

  async #create(): Promise<EC2> {
    const { region, endpoint, credentials } = this.#options;
    const sdk = await import("@aws-sdk/client-ec2").catch((error: unknown) => {
      const isMissing = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
      throw isMissing ? new MissingDependencyError(sdkPackage, { provider: "ec2", operation: "connect" }) : error;
    });
    const client = new sdk.EC2({
      region,
      maxAttempts: 1,
      requestHandler: { connectionTimeout: connectTimeoutMs },
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials: async () => revealed(credentials) }),
    });
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
      (next) => async (args) => {
        const result = await next(args);
        const response = result.response as { body?: unknown };
        if (isReadable(response.body)) response.body = limited(response.body);
        return result;
      },
      { step: "deserialize", name: "iaaskitAnswerLimit", priority: "low" },
    );
    return client;
  }
}

async function revealed(
  credentials: Ec2Credentials | (() => Promise<Ec2Credentials>),
): Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }> {
  const { accessKeyId, secretAccessKey, sessionToken } =
    typeof credentials === "function" ? await credentials() : credentials;
  return {
    accessKeyId,
    secretAccessKey: reveal(secretAccessKey),
    ...(sessionToken === undefined ? {} : { sessionToken: reveal(sessionToken) }),
  };
}

/** The same stream, ended with an error when it, or one text in it, is longer than any answer of EC2. */
function limited(body: NodeJS.ReadableStream): Transform {
  let total = 0;
  let textLength = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _, done) {
      total += chunk.byteLength;
      const lastTag = chunk.lastIndexOf("<");
      const firstTag = chunk.indexOf("<");
      const longest =
        firstTag === -1 ? textLength + chunk.byteLength : Math.max(textLength + firstTag, longestText(chunk));
      textLength = lastTag === -1 ? textLength + chunk.byteLength : chunk.byteLength - lastTag;
      if (total <= answerAtMost && longest <= textAtMost) return done(null, chunk);
      const at = { provider: "ec2", operation: "read" };
      done(new UnavailableError("the answer is longer than any of EC2's", at));
    },
  });
  body.on("error", (error) => limit.destroy(error));
  return body.pipe(limit);
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

function isClockCorrected(error: unknown): boolean {
  const metadata = (error as { readonly $metadata?: { clockSkewCorrected?: unknown; httpStatusCode?: number } } | null)
    ?.$metadata;
  return metadata?.clockSkewCorrected === true && (metadata.httpStatusCode ?? 500) < 500;
}

function isReadable(body: unknown): body is NodeJS.ReadableStream {
  return typeof body === "object" && body !== null && "pipe" in body;
}
