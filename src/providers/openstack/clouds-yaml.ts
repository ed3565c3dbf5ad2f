import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { InvalidInputError } from "../../iaas/errors.ts";
import type { OpenStackAuth, OpenStackConnection } from "./connection.ts";

const origin = { provider: "openstack", operation: "readCloud" };

type Fields = Readonly<Record<string, unknown>>;

/** What is read from, instead of the process' own. */
export interface ReadCloudOptions {
  /** Default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** Where `clouds.yaml` is looked for first. Default: the working folder. */
  readonly folder?: string | undefined;
}

/**
 * Read where a cloud is and who asks, as OpenStack's own clients do: the cloud of that name, or of the name in
 * `OS_CLOUD`, from the first `clouds.yaml` in the working folder, `~/.config/openstack` and `/etc/openstack` (or the
 * file that `OS_CLIENT_CONFIG_FILE` names), with its secrets from `secure.yaml` beside. Without a name: the variables
 * `OS_*` where `OS_AUTH_URL` is set, else the file's only cloud.
 *
 * @throws InvalidInputError when there is no such cloud, or when it asks for what would not be safe.
 * @see https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html
 */
export async function readCloud(cloud?: string, options: ReadCloudOptions = {}): Promise<OpenStackConnection> {
  const environment = options.environment ?? process.env;
  const named = cloud ?? environment["OS_CLOUD"] ?? "";
  if (named === "" && (environment["OS_AUTH_URL"] ?? "") !== "")
    return await connectionOf(ofVariables(environment), "");
  const folders = foldersOf(environment, options.folder ?? process.cwd());
  const clouds = await cloudsIn("clouds", environment["OS_CLIENT_CONFIG_FILE"], folders);
  const secrets = await cloudsIn("secure", environment["OS_CLIENT_SECURE_FILE"], folders);
  const names = Object.keys(clouds);
  const name = named === "" && names.length === 1 ? (names[0] ?? "") : named;
  if (name === "") {
    const rule = names.length === 0 ? "is missing: there is no clouds.yaml, and OS_AUTH_URL is not set" : "is missing";
    throw new InvalidInputError("cloud", `${rule}${listed(names)}`, origin);
  }
  if (!Object.hasOwn(clouds, name)) {
    throw new InvalidInputError(
      "cloud",
      `is ${JSON.stringify(name)}, which no clouds.yaml has${listed(names)}`,
      origin,
    );
  }
  return await connectionOf(merged(record(clouds[name]), record(secrets[name])), `clouds.${name}.`);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "" : `; there are: ${names.join(", ")}`;
}

function foldersOf(environment: Readonly<Record<string, string | undefined>>, here: string): string[] {
  const home = environment["XDG_CONFIG_HOME"] ?? join(environment["HOME"] ?? homedir(), ".config");
  return [here, join(home, "openstack"), "/etc/openstack"];
}

/** The clouds of the first file that there is. */
async function cloudsIn(stem: string, given: string | undefined, folders: readonly string[]): Promise<Fields> {
  const inFolders = folders.flatMap((folder) => ["yaml", "yml", "json"].map((end) => join(folder, `${stem}.${end}`)));
  for (const file of given === undefined || given === "" ? inFolders : [given, ...inFolders]) {
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
      throw new InvalidInputError("cloud", `stands in a file that cannot be read: ${error.message}`, origin);
    });
    if (text === null) continue;
    const { parse } = await import("yaml");
    try {
      return record(record(parse(text))["clouds"]);
    } catch (error) {
      // What YAML's parser shows of the place in the file may be a password.
      const { linePos } = error as { readonly linePos?: readonly { readonly line: number }[] };
      throw new InvalidInputError("cloud", "stands in a file that is no YAML", {
        ...origin,
        file,
        line: linePos?.[0]?.line,
      });
    }
  }
  return {};
}

/** `OS_USERNAME` is `auth.username`, `OS_REGION_NAME` is `region_name`. */
function ofVariables(environment: Readonly<Record<string, string | undefined>>): Fields {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith("OS_") && value !== undefined && value !== "") fields[name.slice(3).toLowerCase()] = value;
  }
  return { ...fields, auth: fields };
}

async function connectionOf(fields: Fields, path: string): Promise<OpenStackConnection> {
  const { region_name: region, regions, cacert, verify, profile } = fields;
  const refuse = (field: string, rule: string): never => {
    throw new InvalidInputError(`${path}${field}`, rule, origin);
  };
  if (profile !== undefined) refuse("profile", "is not supported: write the vendor's auth_url and region_name here");
  if (verify === false || verify === "false") {
    refuse("verify", "is false: certificates are always checked; name the cloud's own authority in cacert");
  }
  const ca = typeof cacert === "string" ? await readFile(cacert, "utf8").catch(() => null) : undefined;
  if (ca === null) return refuse("cacert", "names a file that cannot be read");
  const side = textOf(fields["interface"] ?? fields["endpoint_type"])?.replace(/URL$/, "");
  const only = Array.isArray(regions) && regions.length === 1 ? (regions[0] as unknown) : undefined;
  const endpoints = present({
    compute: textOf(fields["compute_endpoint_override"]),
    network: textOf(fields["network_endpoint_override"]),
    image: textOf(fields["image_endpoint_override"]),
    volume: textOf(
      fields["volume_endpoint_override"] ??
        fields["block_storage_endpoint_override"] ??
        fields["volumev3_endpoint_override"],
    ),
  });
  return {
    auth: authOf(record(fields["auth"]), fields),
    ...present({ region: textOf(region ?? only), ca, interface: side as OpenStackConnection["interface"] }),
    ...(Object.keys(endpoints).length === 0 ? {} : { endpoints }),
  };
}

function authOf(auth: Fields, { identity_api_version: version }: Fields): OpenStackAuth {
  const field = (...names: readonly string[]): string | undefined =>
    names.map((name) => textOf(auth[name])).find((value) => value !== undefined && value !== "");
  const user = {
    userId: field("user_id"),
    username: field("username", "user_name"),
    userDomainId: field("user_domain_id", "default_domain_id", "default_domain"),
    userDomainName: field("user_domain_name", "default_domain_name"),
  };
  const scope = {
    projectId: field("project_id", "tenant_id"),
    projectName: field("project_name", "tenant_name"),
    projectDomainId: field("project_domain_id", "default_domain_id", "default_domain"),
    projectDomainName: field("project_domain_name", "default_domain_name"),
    domainId: field("domain_id"),
    domainName: field("domain_name"),
  };
  const credential = {
    applicationCredentialId: field("application_credential_id"),
    applicationCredentialName: field("application_credential_name"),
    applicationCredentialSecret: field("application_credential_secret"),
  };
  const authUrl = field("auth_url");
  const identityVersion = textOf(version)?.startsWith("2") === true ? "2" : undefined;
  const token = field("token");
  const given =
    credential.applicationCredentialSecret === undefined
      ? token === undefined
        ? { authUrl, ...user, ...scope, password: field("password"), identityVersion }
        : { authUrl, ...scope, token, identityVersion }
      : { authUrl, ...user, ...credential };
  return present(given) as OpenStackAuth; // what is missing is found where the Iaas is made
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "string" ? value : undefined;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function present<T extends object>(fields: T): { readonly [Name in keyof T]?: NonNullable<T[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T & object;
}

/** The second over the first, at every depth. */
function merged(under: Fields, over: Fields): Fields {
  const both = Object.entries(over).map(([name, value]) => {
    const below = under[name];
    const isNested = typeof value === "object" && typeof below === "object" && !Array.isArray(value);
    return [name, isNested ? merged(record(below), record(value)) : value] as const;
  });
  return { ...under, ...Object.fromEntries(both) };
}
