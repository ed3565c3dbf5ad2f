import type { CallContext } from "../../iaas/call.ts";
import { AuthenticationError, InvalidInputError } from "../../iaas/errors.ts";
import { reveal } from "../../iaas/secret.ts";
import type { HttpClient } from "../../transport/http.ts";
import type { OpenStackAuth } from "./connection.ts";
import { answerOf, OpenStackRefusal } from "./answers.ts";

/** One address of a service. */
export interface Endpoint {
  /** As `compute`. */
  readonly type: string;
  /** As `nova`: one type may have several services. */
  readonly name: string;
  readonly region: string;
  readonly interface: string;
  readonly url: string;
}

/** What a login gives. */
export interface Session {
  readonly token: string;
  /** How long the token is good for, by Keystone's own clock; `null` where it does not tell. */
  readonly lifeMs: number | null;
  /** `null` for a token that is not for a project. */
  readonly projectId: string | null;
  readonly endpoints: readonly Endpoint[];
  /** The region that the cloud has chosen for the user: Rackspace tells it, OpenStack does not. */
  readonly defaultRegion: string | null;
}

/** Asks for a token once. */
export type Login = (http: HttpClient, context: CallContext) => Promise<Session>;

interface TokenV3 {
  readonly expires_at?: string | null;
  readonly issued_at?: string;
  readonly project?: { readonly id: string };
  readonly catalog?: readonly {
    readonly type: string;
    readonly name?: string;
    readonly endpoints: readonly {
      readonly region?: string | null;
      readonly region_id?: string | null;
      readonly interface: string;
      readonly url: string;
    }[];
  }[];
}

interface AccessV2 {
  readonly token: {
    readonly id: string;
    readonly expires?: string;
    readonly issued_at?: string;
    readonly tenant?: { readonly id: string };
  };
  readonly user?: { readonly "RAX-AUTH:defaultRegion"?: string };
  readonly serviceCatalog?: readonly {
    readonly type: string;
    readonly name?: string;
    readonly endpoints: readonly Readonly<Record<string, string | undefined>>[];
  }[];
}

/** The login that the options ask for: of version 3, or 2 for clouds from before 2013. */
export function loginOf(auth: OpenStackAuth): Login {
  if ("applicationCredentialSecret" in auth) return loginV3(auth); // version 2 has none
  const isV2 = auth.identityVersion === "2" || /\/v2(\.0)?\/?$/.test(auth.authUrl);
  return isV2 ? loginV2(auth.authUrl, bodyV2(auth)) : loginV3(auth);
}

/** @see https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management */
function loginV3(auth: OpenStackAuth): Login {
  return async (http, context) => {
    const url = `${withVersion(auth.authUrl, "v3")}/auth/tokens`;
    const { headers, body } = await post(http, url, { auth: bodyV3(auth) }, whoIs(auth), context);
    const token = headers["x-subject-token"];
    const { token: details } = body as { readonly token?: TokenV3 };
    if (token === undefined || details === undefined) throw unlike(url, context);
    return {
      token,
      lifeMs: lifeOf(details.issued_at, details.expires_at),
      projectId: details.project?.id ?? null,
      endpoints: (details.catalog ?? []).flatMap(({ type, name = "", endpoints }) =>
        endpoints.map(({ region, region_id, interface: side, url: address }) => ({
          type,
          name,
          region: region ?? region_id ?? "",
          interface: side,
          url: address,
        })),
      ),
      defaultRegion: null,
    };
  };
}

/**
 * Version 2, which Rackspace still speaks. @param credentials What stands under `auth`.
 *
 * @see https://docs.openstack.org/api-ref/identity/v2/
 */
function loginV2(authUrl: string, credentials: object): Login {
  return async (http, context) => {
    const url = `${withVersion(authUrl, "v2.0")}/tokens`;
    const { body } = await post(http, url, { auth: credentials }, "the credentials", context);
    const { access } = body as { readonly access?: AccessV2 };
    if (access === undefined) throw unlike(url, context);
    const { token, user, serviceCatalog = [] } = access;
    return {
      token: token.id,
      lifeMs: lifeOf(token.issued_at, token.expires),
      projectId: token.tenant?.id ?? null,
      endpoints: serviceCatalog.flatMap(({ type, name = "", endpoints }) =>
        endpoints.flatMap((endpoint) =>
          (["public", "internal", "admin"] as const).flatMap((side) => {
            const address = endpoint[`${side}URL`];
            return address === undefined
              ? []
              : [{ type, name, region: endpoint["region"] ?? "", interface: side, url: address }];
          }),
        ),
      ),
      defaultRegion: user?.["RAX-AUTH:defaultRegion"] ?? null,
    };
  };
}

async function post(
  http: HttpClient,
  url: string,
  body: object,
  who: string,
  context: CallContext,
): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: unknown }> {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const response = await http.send({
    method: "POST",
    url,
    headers,
    body: JSON.stringify(body),
    signal: context.signal,
  });
  try {
    return { headers: response.headers, body: answerOf("identity", "POST", url, response) };
  } catch (error) {
    if (error instanceof OpenStackRefusal && error.status === 401) {
      const message = `Keystone refuses ${who}: wrong name, password or secret, or no role in that project`;
      throw new AuthenticationError(message, { ...context, vendorCode: error.name, requestId: error.requestId });
    }
    // Of a whole cloud "not found" is not about one thing in it.
    if (error instanceof OpenStackRefusal && error.status === 404) {
      throw new InvalidInputError(
        "auth.authUrl",
        `is ${url.replace(/\/(auth\/)?tokens$/, "")}, where no Keystone answers`,
        context,
      );
    }
    throw error;
  }
}

/** In words, for the error: who asked for what. */
function whoIs(auth: OpenStackAuth): string {
  if ("applicationCredentialSecret" in auth) {
    return `the application credential ${auth.applicationCredentialId ?? auth.applicationCredentialName}`;
  }
  const who = "password" in auth ? `the user ${auth.username ?? auth.userId}` : "the token";
  const { projectName, projectId, domainName, domainId } = auth;
  const project = projectName ?? projectId;
  if (project !== undefined) return `${who} for the project ${project}`;
  const domain = domainName ?? domainId;
  return domain === undefined ? who : `${who} for the domain ${domain}`;
}

function bodyV3(auth: OpenStackAuth): object {
  if ("applicationCredentialSecret" in auth) {
    const { applicationCredentialId: id, applicationCredentialName: name } = auth;
    const secret = reveal(auth.applicationCredentialSecret);
    const credential = id === undefined ? { name, secret, user: userOf(auth) } : { id, secret };
    return { identity: { methods: ["application_credential"], application_credential: credential } };
  }
  const identity =
    "password" in auth
      ? { methods: ["password"], password: { user: { ...userOf(auth), password: reveal(auth.password) } } }
      : { methods: ["token"], token: { id: reveal(auth.token) } };
  return { identity, ...scopeOf(auth) };
}

type User = { readonly [Field in "userId" | "username" | "userDomainId" | "userDomainName"]?: string | undefined };
type Scope = Extract<OpenStackAuth, { readonly token: unknown }>;

function userOf({ userId, username, userDomainId, userDomainName }: User): object {
  return userId === undefined ? { name: username, domain: domainOf(userDomainId, userDomainName) } : { id: userId };
}

function scopeOf(auth: Omit<Scope, "token" | "identityVersion">): object {
  const { projectId, projectName, projectDomainId, projectDomainName, domainId, domainName } = auth;
  if (projectId !== undefined) return { scope: { project: { id: projectId } } };
  if (projectName !== undefined) {
    return { scope: { project: { name: projectName, domain: domainOf(projectDomainId, projectDomainName) } } };
  }
  if (domainId === undefined && domainName === undefined) return {};
  return { scope: { domain: domainOf(domainId, domainName) } };
}

function domainOf(id: string | undefined, name: string | undefined): object {
  return id === undefined ? { name: name ?? "Default" } : { id };
}

function bodyV2(auth: Exclude<OpenStackAuth, { readonly applicationCredentialSecret: unknown }>): object {
  const { projectId: tenantId, projectName: tenantName } = auth;
  const tenant = tenantId === undefined ? { tenantName } : { tenantId };
  return "password" in auth
    ? { passwordCredentials: { ...nameOrId(auth), password: reveal(auth.password) }, ...tenant }
    : { token: { id: reveal(auth.token) }, ...tenant };
}

function nameOrId({ userId, username }: User): object {
  return userId === undefined ? { username } : { userId };
}

function withVersion(url: string, version: string): string {
  const trimmed = url.replace(/\/+$/, "");
  return /\/v\d+(\.\d+)?$/.test(trimmed) ? trimmed.replace(/\/v\d+(\.\d+)?$/, `/${version}`) : `${trimmed}/${version}`;
}

/** Between two times of Keystone's, so that it does not matter whether this machine's clock agrees. */
function lifeOf(issuedAt: string | undefined, expiresAt: string | null | undefined): number | null {
  if (expiresAt === undefined || expiresAt === null) return null;
  const lifeMs = Date.parse(expiresAt) - (issuedAt === undefined ? Date.now() : Date.parse(issuedAt));
  return Number.isFinite(lifeMs) ? lifeMs : null;
}

function unlike(url: string, context: CallContext): InvalidInputError {
  return new InvalidInputError(
    "auth.authUrl",
    `is ${new URL(url).origin}, which does not answer as Keystone does`,
    context,
  );
}
