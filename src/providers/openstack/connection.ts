import { z } from "zod";

import { type ErrorOrigin, InvalidInputError } from "../../iaas/errors.ts";
import { Secret } from "../../iaas/secret.ts";
import { checkEndpoint } from "../../transport/http.ts";

const text = z.string().min(1);
const secret = z.union([text, z.instanceof(Secret)]);

/** Which project, or domain, the token is for; by id, or by name and the name's domain. */
interface Scope {
  readonly projectId?: string | undefined;
  readonly projectName?: string | undefined;
  readonly projectDomainId?: string | undefined;
  readonly projectDomainName?: string | undefined;
  /** A token for a whole domain, instead of a project. */
  readonly domainId?: string | undefined;
  readonly domainName?: string | undefined;
}

/** By id, or by name and the name's domain. */
interface User {
  readonly userId?: string | undefined;
  readonly username?: string | undefined;
  readonly userDomainId?: string | undefined;
  readonly userDomainName?: string | undefined;
}

interface Keystone {
  /** As `https://cloud.example.org:5000/v3`. */
  readonly authUrl: string;
}

/** A user with a password. */
export interface OpenStackPassword extends Keystone, User, Scope {
  readonly password: string | Secret;
  /** Default 3, and 2 for an address that ends in `/v2.0`. */
  readonly identityVersion?: "2" | "3" | undefined;
}

/** A token that somebody else got: it is not renewed for longer than Keystone gives it. */
export interface OpenStackToken extends Keystone, Scope {
  readonly token: string | Secret;
  readonly identityVersion?: "2" | "3" | undefined;
}

/** An application credential, which is bound to its project. */
export interface OpenStackApplicationCredential extends Keystone, User {
  readonly applicationCredentialId?: string | undefined;
  /** By name it needs the user too. */
  readonly applicationCredentialName?: string | undefined;
  readonly applicationCredentialSecret: string | Secret;
}

/** Who logs in, and for which project. Names are looked for in the domain `Default` where none is given. */
export type OpenStackAuth = OpenStackPassword | OpenStackToken | OpenStackApplicationCredential;

const scope = {
  projectId: text.optional(),
  projectName: text.optional(),
  projectDomainId: text.optional(),
  projectDomainName: text.optional(),
  domainId: text.optional(),
  domainName: text.optional(),
};
const user = {
  userId: text.optional(),
  username: text.optional(),
  userDomainId: text.optional(),
  userDomainName: text.optional(),
};
const keystone = { authUrl: text };
const version = { identityVersion: z.enum(["2", "3"]).optional() };

const password = z.strictObject({
  ...keystone,
  ...user,
  ...scope,
  ...version,
  password: secret,
}) satisfies z.ZodType<OpenStackPassword>;
const token = z.strictObject({
  ...keystone,
  ...scope,
  ...version,
  token: secret,
}) satisfies z.ZodType<OpenStackToken>;
const applicationCredential = z.strictObject({
  ...keystone,
  ...user,
  applicationCredentialId: text.optional(),
  applicationCredentialName: text.optional(),
  applicationCredentialSecret: secret,
}) satisfies z.ZodType<OpenStackApplicationCredential>;

/** Services, by the names of their interfaces. */
export type ServiceName = "compute" | "network" | "image" | "volume";

const services = {
  compute: text.optional(),
  network: text.optional(),
  image: text.optional(),
  volume: text.optional(),
};

const connection = z.strictObject({
  auth: z.record(z.string(), z.unknown()),
  region: text.optional(),
  interface: z.enum(["public", "internal", "admin"]).optional(),
  endpoints: z.strictObject(services).optional(),
  ca: text.optional(),
  allowPlainHttp: z.boolean().optional(),
  floatingNetwork: text.optional(),
});

/** Where a cloud is, and who asks. */
export interface OpenStackConnection {
  readonly auth: OpenStackAuth;
  /** As the catalogue names it. Left out: the first that the catalogue has for each service. */
  readonly region?: string | undefined;
  /** Which of a service's addresses to take from the catalogue. Default `public`. */
  readonly interface?: "public" | "internal" | "admin" | undefined;
  /** Addresses to use instead of the catalogue's. */
  readonly endpoints?: { readonly [Name in ServiceName]?: string | undefined } | undefined;
  /** Certificates of the authorities to trust instead of the system's, as PEM. Holds for this Iaas only. */
  readonly ca?: string | undefined;
  /** Speak plain http also beyond this machine. Default false. */
  readonly allowPlainHttp?: boolean | undefined;
  /** Name or id of the external network that floating IPs come from. Left out: the only one. */
  readonly floatingNetwork?: string | undefined;
}

/** @throws InvalidInputError naming the field that is missing, wrong or not known. */
export function checkConnection(options: OpenStackConnection, at: ErrorOrigin): void {
  const { auth } = parsed(connection, options, "", at);
  parsed(authSchemaOf(auth), auth, "auth.", at);
  const given = options.auth;
  checkEndpoint(given.authUrl, "auth.authUrl", options, at);
  for (const [service, address] of Object.entries(options.endpoints ?? {})) {
    if (address !== undefined) checkEndpoint(address, `endpoints.${service}`, options, at);
  }
  const need = (holds: boolean, field: string, rule: string): void => {
    if (!holds) throw new InvalidInputError(`auth.${field}`, rule, at);
  };
  const needUser = (): void => {
    const { userId, username } = given as { readonly userId?: string; readonly username?: string };
    need(userId !== undefined || username !== undefined, "username", "is missing");
  };
  if ("password" in given) needUser();
  if ("applicationCredentialSecret" in given && given.applicationCredentialId === undefined) {
    need(given.applicationCredentialName !== undefined, "applicationCredentialId", "is missing");
    needUser();
  }
}

function authSchemaOf(auth: object): z.ZodType {
  if ("applicationCredentialSecret" in auth) return applicationCredential;
  return "token" in auth ? token : password;
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, path: string, at: ErrorOrigin): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === "unrecognized_keys") throw new InvalidInputError(`${path}${issue.keys[0]}`, "is not known", at);
  const [first = ""] = issue?.path ?? [];
  const isMissing = issue?.path.length === 1 && (value as Readonly<Record<PropertyKey, unknown>>)[first] === undefined;
  throw new InvalidInputError(
    `${path}${issue?.path.join(".") ?? ""}`,
    isMissing ? "is missing" : (issue?.message ?? ""),
    at,
  );
}
