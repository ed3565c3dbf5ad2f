import { z } from "zod";

import { type ErrorOrigin, InvalidInputError } from "../../iaas/errors.ts";
import { Secret } from "../../iaas/secret.ts";
import { checkEndpoint } from "../../transport/http.ts";

const text = z.string().min(1);
const secret = z.union([text, z.instanceof(Secret)]);

/** Which project, or domain, the token is for; by id, or by name and the name's domain. */
const scope = {
  projectId: text.optional(),
  projectName: text.optional(),
  projectDomainId: text.optional(),
  projectDomainName: text.optional(),
  /** A token for a whole domain, instead of a project. */
  domainId: text.optional(),
  domainName: text.optional(),
};
const user = {
  userId: text.optional(),
  username: text.optional(),
  userDomainId: text.optional(),
  userDomainName: text.optional(),
};
const endpoint = {
  /** Of Keystone, as `https://cloud.example.org:5000/v3`. */
  authUrl: text,
};

const password = z.strictObject({
  ...endpoint,
  ...user,
  ...scope,
  password: secret,
  identityVersion: z.enum(["2", "3"]).optional(),
});
const token = z.strictObject({ ...endpoint, ...scope, token: secret, identityVersion: z.enum(["2", "3"]).optional() });
const applicationCredential = z.strictObject({
  ...endpoint,
  ...user,
  applicationCredentialId: text.optional(),
  /** By name it needs the user too. */
  applicationCredentialName: text.optional(),
  applicationCredentialSecret: secret,
});

/**
 * Who logs in, and for which project: a user with a password, a token, or an application credential, which is bound to
 * its project already. Names are looked for in the domain `Default` where none is given.
 */
export type OpenStackAuth = z.infer<typeof password> | z.infer<typeof token> | z.infer<typeof applicationCredential>;

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
