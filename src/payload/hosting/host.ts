import type { IncomingMessage, ServerResponse } from "node:http";

import { type Clock, systemClock } from "../../iaas/clock.ts";
import { type ErrorOrigin, UnavailableError } from "../../iaas/errors.ts";
import { reveal, Secret } from "../../iaas/secret.ts";
import { check, checkFields, isIntegerIn } from "../../iaas/validation.ts";
import { answerTo, type Delivery } from "./answer.ts";
import { seal, unseal } from "./envelope.ts";
import type { PayloadHosting, PayloadIntent, PublishedPayload } from "./hosting.ts";
import { memoryPayloadStore } from "./memory-store.ts";
import { answerNode } from "./node-http.ts";
import { RefusalLimit } from "./refusal-limit.ts";
import { type ListenOptions, type PayloadServer, listen } from "./server.ts";
import type { PayloadStore } from "./store.ts";
import { bodyKeyFor, encrypt, idOf, isTicketLike, isTicketOf, sha256Of, ticketFor, ticketLength } from "./ticket.ts";

export interface PayloadHostOptions {
  /**
   * Where guests reach the host, as `http://10.0.0.5:8080/`. At most 32 characters leave room for the smallest stub.
   * Every controller that shares the store gives the same.
   */
  readonly url: string;
  /**
   * What URLs are made with: at least 32 bytes. Of two, the first makes URLs and both are accepted: put the new one
   * first, and leave the old one out when the last URL that it made is over.
   */
  readonly secret: string | Secret | readonly [string | Secret, string | Secret];
  /** Default: in memory, so that what waits ends with the process. */
  readonly store?: PayloadStore | undefined;
  /** How long a URL lives. Default 15 minutes, at most 24 hours. */
  readonly ttlMs?: number | undefined;
  /**
   * Encrypt what waits, in the store and on its way, with a key that travels in the stub: its guests need `openssl`.
   * Default false.
   */
  readonly encrypt?: boolean | undefined;
  /** Certificates in PEM that the guest has to trust to reach `url`; they travel in the stub. */
  readonly certificateAuthority?: string | undefined;
  /** After how many refusals in a minute an address is refused without a look at the store. Default 60. */
  readonly refusalsPerMinute?: number | undefined;
  /** Is told what a store throws while a guest asks. Default: a warning of the process. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
}

const fields: readonly string[] = Object.keys({
  url: 0,
  secret: 0,
  store: 0,
  ttlMs: 0,
  encrypt: 0,
  certificateAuthority: 0,
  refusalsPerMinute: 0,
  onError: 0,
  clock: 0,
} satisfies Record<keyof PayloadHostOptions, 0>);

const at: ErrorOrigin = { provider: "iaaskit", operation: "PayloadHost" };
const dayMs = 24 * 60 * 60_000;
const secondChanceMs = 60_000;

/**
 * Hands each payload that waits to one guest, once.
 *
 * A URL holds 128 bits that prove that this host made it for these bytes; it lives for 15 minutes, and one complete
 * delivery ends it. Whatever is wrong, the answer is the same 404.
 *
 * @example
 * const host = new PayloadHost({ url: "https://10.0.0.5:8443/", secret, store: folderPayloadStore("/var/lib/payloads") });
 * await using server = await host.listen({ tls: { key, cert } });
 * const iaas = new Ec2Iaas({ owner, region, payloadHost: host });
 */
export class PayloadHost implements PayloadHosting {
  readonly url: string;
  readonly uses = "once";
  readonly urlBytes: number;
  readonly encrypts: boolean;
  readonly certificateAuthority: string | null;
  readonly #secrets: readonly (string | Secret)[];
  readonly #store: PayloadStore;
  readonly #ttlMs: number;
  readonly #refusals: RefusalLimit;
  readonly #onError: (error: unknown) => void;
  readonly #clock: Clock;
  /** Bodies whose delivery was cut off. */
  readonly #secondChances = new Map<string, Uint8Array>();

  /** @throws InvalidInputError for a URL that is none, a secret that is too short, a life that is too long. */
  constructor(options: PayloadHostOptions) {
    checkFields(options, fields, "", at);
    const { url, secret, store, ttlMs = 15 * 60_000, clock = systemClock, refusalsPerMinute = 60 } = options;
    this.#secrets = Array.isArray(secret) ? secret : [secret as string | Secret];
    for (const one of this.#secrets) {
      check(typeof one === "string" || one instanceof Secret, "secret", "must be a text or a Secret, or two", at);
      check(Buffer.byteLength(reveal(one)) >= 32, "secret", "must have at least 32 bytes", at);
    }
    check(this.#secrets.length <= 2, "secret", "must be one or two", at);
    check(isIntegerIn(ttlMs, 1_000, dayMs), "ttlMs", "must be a whole number from 1000 to 86400000", at);
    check(isIntegerIn(refusalsPerMinute, 1, 1e6), "refusalsPerMinute", "must be a whole number from 1", at);
    this.url = baseUrl(url);
    this.urlBytes = this.url.length + ticketLength;
    this.encrypts = options.encrypt === true;
    this.certificateAuthority = options.certificateAuthority ?? null;
    this.#store = store ?? memoryPayloadStore({ clock });
    this.#ttlMs = ttlMs;
    this.#refusals = new RefusalLimit(refusalsPerMinute, clock);
    this.#onError = options.onError ?? warn;
    this.#clock = clock;
  }

  async publish(bytes: Uint8Array, intent: PayloadIntent): Promise<PublishedPayload> {
    const [secret = ""] = this.#secrets;
    const key = this.encrypts ? bodyKeyFor(secret, intent, sha256Of(bytes)) : null;
    const body = key === null ? bytes : encrypt(bytes, key);
    const sha256 = sha256Of(body);
    const ticket = ticketFor(secret, intent, sha256);
    const endsAt = this.#clock.now() + this.#ttlMs;
    try {
      await this.#store.put(idOf(ticket), seal({ intent, endsAt, body }), { ttlMs: this.#ttlMs });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const details = { ...at, outcome: "not-applied", cause: error } as const;
      throw new UnavailableError(`the store of payloads did not take it: ${why}`, details);
    }
    return { url: this.url + ticket, sha256, key: key === null ? null : new Secret(key.toString("hex")) };
  }

  /** End a URL before its time. Success when it is over. */
  async revoke(url: string): Promise<void> {
    const ticket = this.#ticketIn(url.startsWith(this.url) ? new URL(url).pathname : "");
    check(ticket !== null, "url", "is none of this host's", at);
    this.#secondChances.delete(ticket);
    await this.#store.delete(idOf(ticket));
  }

  /**
   * Answer a request, in any framework that has the standard's `Request` and `Response`.
   *
   * Nobody tells from here whether the answer arrives, so the first one ends the URL; see {@link nodeListener}.
   * @param info.remoteAddress Who asks, as the connection says; by it refusals are counted. Behind a proxy that you
   * trust, what the proxy says.
   * @throws What the store throws.
   */
  async handle(request: Request, info: { readonly remoteAddress?: string | undefined } = {}): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const delivery = await this.open(request.method, pathname + search, info.remoteAddress ?? "");
    delivery?.end("delivered");
    const { status, headers, body } = answerTo(delivery);
    return new Response(Uint8Array.from(body), { status, headers });
  }

  /**
   * A listener for `node:http` and `node:https`, and for Express' `app.use`. It sees whether the delivery was
   * complete: after a cut it serves the same URL for 60 seconds, from the memory of this process.
   */
  nodeListener(): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) => {
      void answerNode(this, request, response, this.#onError);
    };
  }

  /** Serve on a port of its own, with limits on time, headers and connections. */
  async listen(options: ListenOptions = {}): Promise<PayloadServer> {
    return await listen(this.url, this.nodeListener(), options);
  }

  /** @internal The body that waits at a path; `null` for whatever is refused. */
  async open(method: string, target: string, address: string): Promise<Delivery | null> {
    if (this.#refusals.isReached(address)) return null;
    const ticket = method === "GET" ? this.#ticketIn(target) : null;
    const body = ticket === null ? null : (this.#secondChance(ticket) ?? (await this.#take(ticket)));
    if (ticket === null || body === null) {
      this.#refusals.count(address);
      return null;
    }
    return { body, end: (outcome) => outcome === "cut" && this.#keep(ticket, body) };
  }

  #ticketIn(target: string): string | null {
    const { pathname } = new URL(this.url);
    const ticket = target.slice(pathname.length);
    return target.startsWith(pathname) && isTicketLike(ticket) ? ticket : null;
  }

  async #take(ticket: string): Promise<Uint8Array | null> {
    const bytes = await this.#store.take(idOf(ticket));
    const envelope = bytes === null ? null : unseal(bytes);
    if (envelope === null || envelope.endsAt <= this.#clock.now()) return null;
    // What somebody else has put into the store, or changed there, has no ticket.
    const isOurs = isTicketOf(ticket, this.#secrets, envelope.intent, sha256Of(envelope.body));
    return isOurs ? envelope.body : null;
  }

  #secondChance(ticket: string): Uint8Array | null {
    const body = this.#secondChances.get(ticket) ?? null;
    this.#secondChances.delete(ticket);
    return body;
  }

  #keep(ticket: string, body: Uint8Array): void {
    const kept = body.slice(); // another object than that of an earlier chance, whose time ends before
    this.#secondChances.set(ticket, kept);
    this.#clock.timeout(secondChanceMs).addEventListener("abort", () => {
      if (this.#secondChances.get(ticket) === kept) this.#secondChances.delete(ticket);
    });
  }
}

/** With a slash at the end. */
function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  check(url?.protocol === "http:" || url?.protocol === "https:", "url", "must be an http or https URL", at);
  const isPlain = url.username + url.password + url.search + url.hash === "" && /^[\x21-\x7E]+$/.test(url.href);
  check(isPlain, "url", "must be without user, query and fragment", at);
  return url.href.endsWith("/") ? url.href : `${url.href}/`;
}

function warn(error: unknown): void {
  process.emitWarning(`the store of payloads failed: ${error instanceof Error ? error.message : String(error)}`);
}
