import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import { inspect } from "node:util";

import type Dockerode from "dockerode";

import { UnavailableError, UnsupportedCapabilityError } from "../../iaas/errors.ts";
import { type Connection, type DockerConnectionOptions, findConnection } from "./connection.ts";

/** The version that this provider is written for; both Docker 20.10 and Podman 4 speak it. */
const apiVersion = "1.41";
const connectTimeoutMs = 10_000;
const at = { provider: "docker", operation: "connect" };

/** What an engine tells of its machine. */
export interface Machine {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly architecture: string;
}

interface EngineInfo {
  readonly Name: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Architecture: string;
}

/** A Docker engine through `dockerode`, loaded at first use. */
export class DockerClient {
  readonly #options: DockerConnectionOptions;
  #connection: Connection | null = null;
  #agent: Agent | null = null;
  #connected: Promise<Dockerode> | null = null;

  constructor(options: DockerConnectionOptions) {
    this.#options = options;
  }

  /** Where the engine is, for people; empty before the first call. */
  get shown(): string {
    return this.#connection?.shown ?? "";
  }

  /** The machine on which the engine publishes ports, as this process reaches it. */
  get host(): string {
    return this.#connection?.host ?? "127.0.0.1";
  }

  async connect(): Promise<Dockerode> {
    this.#connected ??= this.#create().catch((error: unknown) => {
      this.#connected = null; // the engine may be there next time
      throw error;
    });
    return await this.#connected;
  }

  /** The machine on which the engine runs. */
  async machine(): Promise<Machine> {
    const docker = await this.connect();
    const answer: unknown = await docker.info();
    const { Name: name, NCPU: cpus, MemTotal: memoryBytes, Architecture: architecture } = answer as EngineInfo;
    return { name, cpus, memoryMiB: Math.floor(memoryBytes / 1024 / 1024), architecture };
  }

  dispose(): void {
    this.#agent?.destroy();
  }

  async #create(): Promise<Dockerode> {
    const { default: Docker } = await import("dockerode");
    this.#connection ??= await findConnection(this.#options);
    const { socketPath, host, port, tls } = this.#connection;
    this.#agent ??= quiet(tls === null ? new Agent({ keepAlive: true }) : new TlsAgent({ keepAlive: true }));
    // Each is given, if only as undefined: else dockerode would take it from DOCKER_HOST.
    const options = {
      socketPath: socketPath ?? undefined,
      host: host ?? undefined,
      port: port ?? undefined,
      protocol: tls === null ? "http" : "https",
      ca: tls?.ca,
      cert: tls?.cert,
      key: tls?.key,
      agent: this.#agent,
      pathPrefix: "/",
      timeout: undefined,
    } as const;
    const version = await negotiate(new Docker(options));
    return new Docker({ ...options, version: `v${version}` });
  }
}

/** dockerode writes out each request in full, in case somebody debugs it: with an agent, every open connection. */
function quiet(agent: Agent): Agent {
  return Object.defineProperty(agent, inspect.custom, { value: () => "Agent" });
}

/** The version to speak: ours, or the nearest that the engine has. */
async function negotiate(docker: Dockerode): Promise<string> {
  const signal = AbortSignal.timeout(connectTimeoutMs);
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => {
      reject(new UnavailableError(`the engine did not answer within ${connectTimeoutMs} ms`, at));
    });
  });
  const { ApiVersion: newest, MinAPIVersion: oldest } = await Promise.race([docker.version(), aborted]);
  if (typeof newest !== "string" || !/^\d+\.\d+$/.test(newest)) {
    throw new UnavailableError("the endpoint answers, and not as a Docker engine does", at);
  }
  if (isBelow(newest, apiVersion)) {
    const why = `it speaks ${newest} of the Engine API, and ${apiVersion} is needed`;
    throw new UnsupportedCapabilityError("the engine", why, at);
  }
  return typeof oldest === "string" && isBelow(apiVersion, oldest) ? oldest : apiVersion;
}

function isBelow(version: string, other: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
