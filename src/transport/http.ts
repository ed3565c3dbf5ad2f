import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { addAbortSignal, type Readable } from "node:stream";
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate } from "node:zlib";

import type { AxiosInstance, AxiosResponse } from "axios";

import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import { guardedLookup, isLoopback, isMetadataService } from "./addresses.ts";

/** How one connection may be made. */
export interface HttpConnection {
  /** Certificates of the authorities to trust instead of the system's, as PEM. For this connection only. */
  readonly ca?: string | undefined;
  /** Speak plain http also beyond this machine. Default false: credentials would be readable on the way. */
  readonly allowPlainHttp?: boolean | undefined;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Readable | undefined;
  /** The total deadline: name look-up, connecting, sending, and reading to the last byte. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** By lower-case name; the first value of each. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** No answer of a cloud is longer: a page of 1,000 instances has about 4 MB. */
const answerAtMost = 32 * 1024 * 1024;
/** More connections than this to one endpoint wait for each other. */
const connectionsAtMost = 16;
/** A connection is not used again when it has been idle this long: the other side may be about to close it. */
const idleMs = 4_000;

const unpackers: Readonly<Record<string, (packed: Buffer) => Promise<Buffer>>> = {
  gzip: async (packed) => await promisify(gunzip)(packed, { maxOutputLength: answerAtMost }),
  deflate: async (packed) => await promisify(inflate)(packed, { maxOutputLength: answerAtMost }),
  br: async (packed) => await promisify(brotliDecompress)(packed, { maxOutputLength: answerAtMost }),
  identity: async (packed) => await Promise.resolve(packed),
};

/**
 * HTTP to the endpoints of one connection. Every answer is given, whatever its status; no redirect is followed, nothing
 * is repeated, and certificates are always checked. An error is a new one: axios' own carry headers, query and body.
 */
export class HttpClient {
  readonly #connection: HttpConnection;
  #connected: Promise<AxiosInstance> | null = null;
  readonly #agents: { readonly http: HttpAgent; readonly https: HttpsAgent };

  constructor(connection: HttpConnection) {
    this.#connection = connection;
    const shared = { keepAlive: true, maxSockets: connectionsAtMost, timeout: idleMs, lookup: guardedLookup };
    const { ca } = connection;
    this.#agents = {
      http: new HttpAgent(shared),
      https: new HttpsAgent({ ...shared, minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) }),
    };
  }

  /** @throws Error with the `code` of what went wrong below HTTP: see `networkError`. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const { method, url, headers = {}, body, signal } = request;
    const axios = await (this.#connected ??= this.#connect());
    try {
      const {
        status,
        data,
        headers: received,
      } = await axios.request<Readable, AxiosResponse<Readable>>({
        method,
        url,
        headers,
        signal,
        ...(body === undefined ? {} : { data: body }),
      });
      const names = Object.entries(received as Record<string, unknown>);
      const plain = Object.fromEntries(names.map(([name, value]) => [name.toLowerCase(), firstOf(value)]));
      return { status, headers: plain, text: await textOf(data, plain["content-encoding"] ?? "identity", signal) };
    } catch (error) {
      signal.throwIfAborted();
      throw rebuilt(error, url);
    }
  }

  dispose(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  /** @throws InvalidInputError when the address is none, or may not be spoken to. */
  check(url: string, field: string, at: ErrorOrigin): void {
    checkEndpoint(url, field, this.#connection, at);
  }

  async #connect(): Promise<AxiosInstance> {
    const { default: axios } = await import("axios");
    return axios.create({
      httpAgent: this.#agents.http,
      httpsAgent: this.#agents.https,
      responseType: "stream",
      decompress: false,
      maxRedirects: 0,
      maxBodyLength: Number.POSITIVE_INFINITY,
      proxy: false,
      validateStatus: null,
      headers: { "Accept-Encoding": "gzip", "User-Agent": "iaaskit" },
      transformRequest: [(data: unknown) => data],
    });
  }
}

/** @throws InvalidInputError when the address is none, or may not be spoken to. */
export function checkEndpoint(url: string, field: string, connection: HttpConnection, at: ErrorOrigin): void {
  const refuse = (rule: string): never => {
    throw new InvalidInputError(field, rule, at);
  };
  const parsed = URL.canParse(url) ? new URL(url) : refuse("must be an address, as https://cloud.example.org:5000/v3");
  const { protocol, hostname, username, password } = parsed;
  if (protocol !== "https:" && protocol !== "http:") refuse("must begin with https://");
  if (username !== "" || password !== "") refuse("must not hold credentials");
  if (isMetadataService(hostname)) refuse("is the address of a metadata service");
  if (protocol === "http:" && !isLoopback(hostname) && connection.allowPlainHttp !== true) {
    refuse("is plain http: credentials would be readable on the way; use https, or set allowPlainHttp");
  }
}

/** Reads to the end; each side of the unpacking has its limit, so that a few bytes cannot become gigabytes. */
async function textOf(body: Readable, encoding: string, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of addAbortSignal(signal, body) as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > answerAtMost) throw new Error(`the answer is longer than ${answerAtMost} bytes`);
    chunks.push(chunk);
  }
  const packed = Buffer.concat(chunks);
  const unpack = unpackers[encoding.toLowerCase()];
  if (unpack === undefined) throw new Error(`the answer is packed as ${encoding}, which was not asked for`);
  return (packed.byteLength === 0 ? packed : await unpack(packed)).toString("utf8");
}

function firstOf(value: unknown): string {
  return String(Array.isArray(value) ? value[0] : value);
}

/** Name, code and text only, and where it went: axios' errors hold the request with its headers and body. */
function rebuilt(error: unknown, url: string): Error {
  const { message = String(error), name = "Error" } = error instanceof Error ? error : {};
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  const code = codeOf(cause) ?? codeOf(error);
  const text = (message === "" ? (cause?.message ?? code ?? "") : message).replaceAll(url, "");
  const copy = new Error(`${new URL(url).origin}: ${text}`);
  copy.name = name === "AxiosError" ? "Error" : name;
  return code === undefined ? copy : Object.assign(copy, { code });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
