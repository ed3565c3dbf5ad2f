import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { InvalidInputError } from "../../iaas/errors.ts";
import { reveal, type Secret } from "../../iaas/secret.ts";
import { check } from "../../iaas/validation.ts";

/** A client's certificate and the authority that has signed the engine's; texts in PEM. */
export interface DockerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string | Secret;
}

/**
 * Where the engine is. Left out, as the `docker` command finds it: `DOCKER_HOST` (with `DOCKER_CERT_PATH`), the context
 * of `DOCKER_CONTEXT` or of `~/.docker/config.json`, the usual socket.
 */
export interface DockerConnectionOptions {
  /** As `unix:///run/user/1000/docker.sock`, `npipe:////./pipe/docker_engine` or `tcp://10.0.0.5:2376`. */
  readonly endpoint?: string | undefined;
  /** Name of a context of the `docker` command. */
  readonly context?: string | undefined;
  /** For an endpoint over TCP. */
  readonly tls?: DockerTls | undefined;
  /** Talk TCP without TLS: whoever reaches that port has the rights of root on its machine. Default false. */
  readonly allowWithoutTls?: boolean | undefined;
}

/** An engine's place, found. */
export interface Connection {
  /** For people: the endpoint, and what has named it. */
  readonly shown: string;
  readonly socketPath: string | null;
  readonly host: string | null;
  readonly port: number | null;
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } | null;
}

/** The surroundings that decide where the engine is. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

const at = { provider: "docker", operation: "connect" };
const usualEndpoint = process.platform === "win32" ? "npipe:////./pipe/docker_engine" : "unix:///var/run/docker.sock";
const usualTlsPort = 2376;

/**
 * Find the engine. Reads the `docker` command's files where nothing else names it, and connects to nothing.
 *
 * @see https://docs.docker.com/engine/manage-resources/contexts/
 * @throws InvalidInputError for an endpoint that is none, a context that is not there, and TCP without TLS.
 */
export async function findConnection(
  options: DockerConnectionOptions,
  { environment, home }: Surroundings = { environment: process.env, home: homedir() },
): Promise<Connection> {
  const { endpoint, context, tls, allowWithoutTls = false } = options;
  const folder = environment["DOCKER_CONFIG"] ?? join(home, ".docker");
  if (endpoint !== undefined) return connectionTo(endpoint, endpoint, revealed(tls), allowWithoutTls);
  const host = context === undefined ? environment["DOCKER_HOST"] : undefined;
  if (host !== undefined && host !== "") {
    const certificates = host.startsWith("tcp:") ? await readTls(environment["DOCKER_CERT_PATH"] ?? folder) : null;
    return connectionTo(host, `${host} (DOCKER_HOST)`, revealed(tls) ?? certificates, allowWithoutTls);
  }
  const name = context ?? environment["DOCKER_CONTEXT"] ?? (await currentContext(folder));
  if (name === "" || name === "default") {
    return connectionTo(usualEndpoint, `${usualEndpoint} (DOCKER_HOST is not set)`, null, allowWithoutTls);
  }
  const id = createHash("sha256").update(name).digest("hex");
  const meta = await readJson(join(folder, "contexts", "meta", id, "meta.json"));
  const named = fieldOf(fieldOf(fieldOf(meta, "Endpoints"), "docker"), "Host");
  check(typeof named === "string", "context", `is ${JSON.stringify(name)}, which ${folder} does not have`, at);
  const certificates = await readTls(join(folder, "contexts", "tls", id, "docker"));
  return connectionTo(named, `${named} (context ${name})`, revealed(tls) ?? certificates, allowWithoutTls);
}

function connectionTo(endpoint: string, shown: string, tls: Connection["tls"], allowWithoutTls: boolean): Connection {
  const [, scheme, path = ""] = /^(unix|npipe):\/\/(.+)$/.exec(endpoint) ?? [];
  if (scheme !== undefined) return { shown, socketPath: path, host: null, port: null, tls: null };
  const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
  if (url === null || url.protocol !== "tcp:" || url.hostname === "") {
    throw new InvalidInputError("endpoint", `is ${endpoint}, and must be unix://, npipe:// or tcp://`, at);
  }
  const isSafe = tls !== null || allowWithoutTls;
  check(isSafe, "tls", `is missing: ${endpoint} would be open to everybody; else set allowWithoutTls`, at);
  const port = url.port === "" ? (tls === null ? 2375 : usualTlsPort) : Number(url.port);
  return { shown, socketPath: null, host: url.hostname, port, tls };
}

function revealed(tls: DockerTls | undefined): Connection["tls"] {
  return tls === undefined ? null : { ca: tls.ca, cert: tls.cert, key: reveal(tls.key) };
}

/** What the `docker` command's own configuration says. */
export async function readDockerConfig(folder: string): Promise<unknown> {
  return await readJson(join(folder, "config.json"));
}

async function currentContext(folder: string): Promise<string> {
  const name = fieldOf(await readDockerConfig(folder), "currentContext");
  return typeof name === "string" ? name : "";
}

/** `null` where one of the three files is missing. */
async function readTls(folder: string): Promise<Connection["tls"]> {
  const [ca, cert, key] = await Promise.all(
    ["ca.pem", "cert.pem", "key.pem"].map(async (name) => await readOptional(join(folder, name))),
  );
  return ca == null || cert == null || key == null ? null : { ca, cert, key };
}

async function readJson(path: string): Promise<unknown> {
  const text = await readOptional(path);
  if (text === null) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new InvalidInputError("endpoint", "cannot be found: this file is no JSON", { ...at, file: path, cause });
  }
}

async function readOptional(path: string): Promise<string | null> {
  return await readFile(path, "utf8").catch((cause: unknown) => {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new InvalidInputError("endpoint", "cannot be found: this file cannot be read", { ...at, file: path, cause });
  });
}

/** A field of what a file holds; `undefined` where it has none. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
