import type { Readable } from "node:stream";

import type { CallContext } from "../../iaas/call.ts";
import type { Clock } from "../../iaas/clock.ts";
import { InvalidInputError } from "../../iaas/errors.ts";
import { Redactor } from "../../iaas/redaction.ts";
import { Remembered } from "../../iaas/remembered.ts";
import { HttpClient, type HttpConnection, type HttpRequest, type HttpResponse } from "../../transport/http.ts";
import { queryOf } from "../../transport/paths.ts";
import { answerOf, OpenStackRefusal } from "./answers.ts";
import type { ServiceName } from "./connection.ts";
import type { Endpoint, Login, Session } from "./identity.ts";

export interface OpenStackClientOptions {
  readonly connection: HttpConnection & {
    readonly region?: string | undefined;
    readonly interface?: string | undefined;
    readonly endpoints?: { readonly [Name in ServiceName]?: string | undefined } | undefined;
  };
  readonly login: Login;
  readonly clock: Clock;
}

/** One request to a service. */
export interface ServiceRequest {
  readonly method?: HttpRequest["method"] | undefined;
  /** Behind the service's address, beginning with `/`. */
  readonly path: string;
  readonly query?: Parameters<typeof queryOf>[0] | undefined;
  /** Sent as JSON; a stream goes as it is. */
  readonly body?: object | Readable | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Of Nova's API 2.x, the x: the newest that the request is written for. An older cloud is asked by its own. */
  readonly microversion?: number | undefined;
}

/** What the catalogue calls a service, the usual name first. */
const typesOf: Readonly<Record<ServiceName, readonly string[]>> = {
  compute: ["compute"],
  network: ["network"],
  image: ["image"],
  volume: ["volumev3", "block-storage", "volumev2"],
};
const loginTimeoutMs = 30_000;
/** A token is renewed this long before its end, or a tenth of its life before. */
const renewBeforeMs = 60_000;

interface Current {
  readonly session: Session;
  readonly renewAt: number;
}

/** OpenStack's services behind one login: one attempt a request, and one more where the token has ended. */
export class OpenStackClient {
  readonly #options: OpenStackClientOptions;
  readonly #http: HttpClient;
  readonly #versions: Remembered<number>;
  #current: Promise<Current> | null = null;

  constructor(options: OpenStackClientOptions) {
    this.#options = options;
    this.#http = new HttpClient(options.connection);
    this.#versions = new Remembered(options.clock);
  }

  /** The token and what came with it: shared, and renewed by one of those who need it. */
  async session(context: CallContext): Promise<Session> {
    const { clock } = this.#options;
    for (;;) {
      const pending = (this.#current ??= this.#login(context));
      const { session, renewAt } = await pending;
      if (clock.now() < renewAt) return session;
      if (this.#current === pending) this.#current = null;
    }
  }

  /** Send a request and give the content of its answer; `null` where it is empty. @throws OpenStackRefusal */
  async request<T>(service: ServiceName, request: ServiceRequest, context: CallContext): Promise<T> {
    return (await this.exchange(service, request, context)).body as T;
  }

  /** As {@link OpenStackClient.request}, with the answer's headers. */
  async exchange(
    service: ServiceName,
    request: ServiceRequest,
    context: CallContext,
  ): Promise<{ readonly headers: HttpResponse["headers"]; readonly body: unknown }> {
    const { method = "GET", path, query = {} } = request;
    const session = await this.session(context);
    const url = `${this.#addressOf(service, session, context)}${path}${queryOf(query)}`;
    const versioned = await this.#versionHeaders(service, request, context);
    let response = await this.#send(url, request, session, versioned, context);
    let { token } = session;
    if (response.status === 401 && !isStream(request.body)) {
      const renewed = await this.#renewed(session, context);
      ({ token } = renewed);
      response = await this.#send(url, request, renewed, versioned, context);
    }
    try {
      return { headers: response.headers, body: answerOf(service, method, url, response) };
    } catch (error) {
      if (error instanceof Error) error.message = new Redactor([token]).clean(error.message);
      throw error;
    }
  }

  /** What stands under `field` of an answer. @throws OpenStackRefusal when nothing does. */
  async field<T>(service: ServiceName, request: ServiceRequest, field: string, context: CallContext): Promise<T> {
    const body = await this.request<Readonly<Record<string, T>> | null>(service, request, context);
    return this.present(body?.[field], service, request, field);
  }

  /** A page of a gateway has no such field, and is not taken for "nothing". @throws OpenStackRefusal */
  present<T>(value: T | undefined, service: ServiceName, { method = "GET", path }: ServiceRequest, field: string): T {
    if (value !== undefined) return value;
    const message = `${service} answered ${method} ${path} without ${field}`;
    throw new OpenStackRefusal("", message, { status: 502, retryAfterMs: undefined, requestId: undefined });
  }

  /** Of Nova's newest version 2.x, the x; 0 where it knows no microversions. */
  async computeVersion(context: CallContext): Promise<number> {
    return await this.#versions.get("compute", async () => {
      const session = await this.session(context);
      const address = this.#addressOf("compute", session, context);
      const url = `${address.replace(/(\/v\d[\d.]*)(\/.*)?$/, "$1")}/`;
      const response = await this.#send(url, { path: "" }, session, {}, context);
      const body = answerOf("compute", "GET", url, response) as { readonly version?: { readonly version?: string } };
      const [major, minor] = (body.version?.version ?? "").split(".");
      return major === "2" ? Number(minor) : 0;
    });
  }

  /** Whether the catalogue, or the caller, names an address for the service. */
  async has(service: ServiceName, context: CallContext): Promise<boolean> {
    const given = this.#options.connection.endpoints?.[service];
    return given !== undefined || this.endpointOf(service, await this.session(context)) !== undefined;
  }

  /** The service's address in the catalogue, in the region and for the interface of the connection. */
  endpointOf(service: ServiceName, { endpoints }: Session): Endpoint | undefined {
    const { region, interface: side = "public" } = this.#options.connection;
    const usable = endpoints.filter((one) => one.interface === side && (region === undefined || one.region === region));
    return typesOf[service].map((type) => usable.find((one) => one.type === type)).find((one) => one !== undefined);
  }

  dispose(): void {
    this.#http.dispose();
  }

  async #login(context: CallContext): Promise<Current> {
    const { clock, login } = this.#options;
    try {
      // Those who share it have their own deadlines: none of them ends it for the others.
      const session = await login(this.#http, { ...context, signal: clock.timeout(loginTimeoutMs) });
      const { lifeMs } = session;
      const goodForMs = lifeMs === null ? Number.POSITIVE_INFINITY : lifeMs - Math.min(renewBeforeMs, lifeMs / 10);
      return { session, renewAt: clock.now() + Math.max(1, goodForMs) };
    } catch (error) {
      this.#current = null;
      throw error;
    }
  }

  /** Another session than the one whose token was refused; whoever comes first logs in for all. */
  async #renewed(refused: Session, context: CallContext): Promise<Session> {
    if ((await this.#current?.catch(() => null))?.session === refused) this.#current = null;
    return await this.session(context);
  }

  async #send(
    url: string,
    { method = "GET", body, headers = {} }: ServiceRequest,
    { token }: Session,
    versioned: Readonly<Record<string, string>>,
    { signal }: CallContext,
  ): Promise<HttpResponse> {
    const content = body === undefined ? {} : { "Content-Type": "application/json" };
    return await this.#http.send({
      method,
      url,
      headers: { Accept: "application/json", "X-Auth-Token": token, ...content, ...versioned, ...headers },
      body: body === undefined || isStream(body) ? body : JSON.stringify(body),
      signal,
    });
  }

  async #versionHeaders(
    service: ServiceName,
    { microversion }: ServiceRequest,
    context: CallContext,
  ): Promise<Readonly<Record<string, string>>> {
    if (microversion === undefined) return {};
    const version = Math.min(microversion, await this.computeVersion(context));
    if (version === 0) return {};
    const text = `2.${version}`;
    // The first name is understood from 2.27 on, the second from 2.1 on.
    return { "OpenStack-API-Version": `${service} ${text}`, "X-OpenStack-Nova-API-Version": text };
  }

  #addressOf(service: ServiceName, session: Session, context: CallContext): string {
    const { endpoints = {}, region, interface: side = "public" } = this.#options.connection;
    const given = endpoints[service];
    const found = given ?? this.endpointOf(service, session)?.url;
    if (found === undefined) {
      const place = region === undefined ? "" : ` in the region ${region}`;
      const regions = [...new Set(session.endpoints.map((one) => one.region))].join(", ") || "none";
      const rule = `leads nowhere: the catalogue has no ${side} address of ${service}${place}; its regions are: ${regions}`;
      throw new InvalidInputError("region", rule, context);
    }
    this.#http.check(found, `endpoints.${service}`, context);
    return versioned(service, found.replace(/\/+$/, ""), session);
  }
}

/** Catalogues give addresses with the version, or without. */
function versioned(service: ServiceName, address: string, { projectId }: Session): string {
  if (/\/v\d[\d.]*(\/|$)/.test(address)) return address;
  const versions = { compute: "v2.1", network: "v2.0", image: "v2", volume: `v3/${projectId ?? ""}` };
  return `${address}/${versions[service]}`;
}

function isStream(body: object | undefined): body is Readable {
  return body !== undefined && "pipe" in body;
}
