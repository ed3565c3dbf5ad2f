import { OpenStackIaas, type OpenStackOptions } from "iaaskit/openstack";
import { VirtualClock } from "iaaskit/testing";
import nock from "nock";

import { noRequestYet } from "./wire.ts";

// Loaded before any test, so that no virtual clock runs on meanwhile.
await import("axios");

export { all, failureOf, pass } from "./wire.ts";

export const host = "https://cloud.example.org";
export const auth = {
  authUrl: `${host}:5000/v3`,
  username: "demo",
  password: "canary-password",
  projectName: "web",
};
/** What a launch needs to be told. */
export const launchOptions = { key: "job-1", image: "img-1", size: "m1.small" };
/** The metadata that holds the ownership of `job-1`. */
export const ownTags = { "iaaskit:owner": "me", "iaaskit:key": "job-1", "iaaskit:generation": "0" };
export const ownership = { owner: "me", key: "job-1", generation: 0, fingerprint: null };

/** A request that a service got. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** When it came, by the Iaas' clock. */
  readonly at: number;
}

/** A body, more of an answer, or what goes wrong instead of one. */
export type Reply =
  | Error
  | {
      readonly status?: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    };

/** The connection breaks after the request has been sent. */
export const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

const services = ["compute", "network", "image", "volumev3"] as const;
const ports = { compute: 8774, network: 9696, image: 9292, volumev3: 8776 };
const versions = { compute: "/v2.1", network: "/v2.0", image: "/v2", volumev3: "/v3/project-1" };

/** What Keystone answers to a login. */
export function login(token: string, more: object = {}, regions: readonly string[] = ["RegionOne"]): Reply {
  const catalog = services.map((type) => ({
    type,
    name: type,
    endpoints: regions.flatMap((region) =>
      ["public", "internal"].map((side) => ({
        region,
        interface: side,
        url: `${side === "public" ? host : "https://inside.example.org"}:${ports[type]}${versions[type]}`,
      })),
    ),
  }));
  const issued_at = "2030-01-01T00:00:00.000000Z";
  const expires_at = "2030-01-01T01:00:00.000000Z";
  const details = { issued_at, expires_at, project: { id: "project-1" }, catalog, ...more };
  return { status: 201, body: { token: details }, headers: { "X-Subject-Token": token } };
}

/** OpenStack as far as one test goes: it answers what the test says, and remembers what it was asked. One at a time. */
export class OpenStackApi {
  readonly requests: Received[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    nock.cleanAll();
    noRequestYet();
    this.#clock = clock;
  }

  /**
   * Answer the next request with these replies, one after the other; the last one for ever.
   *
   * @param request As `POST compute /servers`: the path behind the service's version, to its end.
   */
  on(request: string, ...replies: [Reply, ...Reply[]]): this {
    return this.#answer(request, replies, false);
  }

  /** As {@link OpenStackApi.on}, where it does not matter whether it is asked. */
  maybe(request: string, ...replies: [Reply, ...Reply[]]): this {
    return this.#answer(request, replies, true);
  }

  #answer(request: string, replies: readonly Reply[], isOptional: boolean): this {
    const [method = "", service = "", path = ""] = request.split(" ");
    const base = service === "identity" ? `${host}:5000` : `${host}:${ports[service as keyof typeof ports]}`;
    const prefix = service === "identity" ? "" : versions[service as keyof typeof versions];
    for (const [index, reply] of replies.entries()) {
      const { requests } = this;
      const now = (): number => this.#clock.now();
      const { status = 200, body = {}, headers = {} } = reply instanceof Error ? {} : reply;
      const interceptor = nock(base).intercept((uri) => uri.split("?")[0] === `${prefix}${path}`, method);
      if (isOptional) interceptor.optionally();
      const scope = interceptor.reply(
        status,
        async function (uri, sent) {
          const query = new URL(uri, base).searchParams;
          requests.push({
            method,
            path: `${service} ${path}`,
            query,
            headers: this.req.headers,
            body: sent,
            at: now(),
          });
          if (reply instanceof Error) throw reply;
          return await Promise.resolve(typeof body === "string" ? body : JSON.stringify(body));
        },
        { "content-type": "application/json", "x-openstack-request-id": "req-1", ...headers },
      );
      if (index === replies.length - 1) scope.persist();
    }
    return this;
  }

  /** Keystone gives these tokens, one a login; Nova knows this version. */
  ready(version = "2.93", ...tokens: readonly string[]): this {
    const [first = "token-1", ...others] = tokens;
    return this.on("POST identity /v3/auth/tokens", login(first), ...others.map((token) => login(token))).maybe(
      "GET compute /",
      { body: { version: { id: "v2.1", version, min_version: "2.1" } } },
    );
  }

  /** What a probe asks: an installation with everything, where no other extensions are named. */
  probed(extensions: readonly string[] = ["router", "security-group", "standard-attr-description"]): this {
    return this.maybe("GET network /extensions", {
      body: { extensions: extensions.map((alias) => ({ alias })) },
    }).maybe("GET compute /limits", { body: { limits: { absolute: { maxServerMeta: 128 } } } });
  }

  servers(...found: object[]): this {
    return this.on("GET compute /servers/detail", { body: { servers: found } });
  }

  /** What a launch asks before it launches: nothing of the key is there, the image and the flavor are. */
  launchable(): this {
    return this.probed()
      .maybe("GET image /images/img-1", { body: { id: "img-1", name: "debian", status: "active" } })
      .maybe("GET compute /flavors/detail", {
        body: { flavors: [{ id: "2", name: "m1.small", vcpus: 1, ram: 2048 }] },
      });
  }

  /** The requests of one kind, as `POST compute /servers`. */
  sent(request: string): Received[] {
    return this.requests.filter(({ method, path }) => `${method} ${path}` === request);
  }
}

/** A server in an answer. */
export function server(id: string, more: object = {}, metadata: object = ownTags): object {
  return {
    id,
    name: "job-1",
    status: "ACTIVE",
    metadata,
    image: { id: "img-1" },
    flavor: { id: "2" },
    addresses: {},
    created: "2030-01-01T00:00:00Z",
    "OS-EXT-AZ:availability_zone": "nova",
    ...more,
  };
}

/** An Iaas, its clock, and OpenStack. */
export function create(options: Partial<OpenStackOptions> = {}) {
  const clock = new VirtualClock();
  const iaas = new OpenStackIaas({ owner: "me", region: "RegionOne", auth, clock, ...options });
  return { api: new OpenStackApi(clock), clock, iaas };
}
