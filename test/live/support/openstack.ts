import { readFileSync } from "node:fs";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { OpenStackIaas, type OpenStackOptions } from "iaaskit/openstack";

interface Bed {
  readonly auth_url: string;
  readonly username: string;
  readonly password: string;
  readonly project_name: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly region_name: string;
  readonly image_id: string;
  readonly private_network_id: string;
  readonly external_network_id: string;
  readonly endpoints: Readonly<Record<"compute" | "network" | "image" | "volumev3", string>>;
}

/** The folder of the test bed's state. */
export const bedFolder: string = folderOf();
/** What the test bed has written about itself. */
export const bed: Bed = JSON.parse(readFileSync(join(bedFolder, "openrc.json"), "utf8")) as Bed;
if (!new URL(bed.auth_url).hostname.startsWith("127.")) throw new Error(`${bed.auth_url} is not on this machine`);

/** A launch that the bed can do at once: without a port, of which Neutron makes 40 a minute. */
export const launchable = {
  image: bed.image_id,
  size: "m1.tiny",
  providerOptions: { openstack: { networkless: true } },
};

/** The usual user, in the usual project. */
export const auth = {
  authUrl: bed.auth_url,
  username: bed.username,
  password: bed.password,
  projectName: bed.project_name,
};

function folderOf(): string {
  const folder = process.env["TESTBED_OPENSTACK"];
  if (folder !== undefined && folder !== "") return folder;
  throw new Error(
    "TESTBED_OPENSTACK is not set. Start the OpenStack test bed (testbeds/openstack/up.sh, as root, which installs the " +
      "services on 127.0.0.1), and run TESTBED_OPENSTACK=<its state folder> npx vitest run --project live",
  );
}

export function iaasOf(owner: string, more: Partial<OpenStackOptions> = {}): OpenStackIaas {
  return new OpenStackIaas({ owner, auth, region: bed.region_name, ...more });
}

interface Listed {
  readonly id?: string;
  readonly name?: string;
  readonly keypair?: { readonly name: string };
}

/** The services themselves, asked by their operator without anything of ours between. */
export class Operator {
  readonly #token: string;
  readonly #project: string;

  private constructor(token: string, project: string) {
    this.#token = token;
    this.#project = project;
  }

  static async login(): Promise<Operator> {
    const Default = { name: "Default" };
    const user = { name: "admin", password: "admin", domain: Default };
    const identity = { methods: ["password"], password: { user } };
    const body = { auth: { identity, scope: { project: { name: "admin", domain: Default } } } };
    const answer = await fetch(`${bed.auth_url}/auth/tokens`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const { token } = (await answer.json()) as { readonly token: { readonly project: { readonly id: string } } };
    return new Operator(answer.headers.get("X-Subject-Token") ?? "", token.project.id);
  }

  async send<T>(method: string, url: string, body?: object): Promise<T> {
    const answer = await fetch(url, {
      method,
      headers: {
        "X-Auth-Token": this.#token,
        "Content-Type": "application/json",
        ...(url.startsWith(bed.endpoints.compute) ? { "OpenStack-API-Version": "compute 2.90" } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${text}`);
    return (text === "" ? null : JSON.parse(text)) as T;
  }

  async network<T>(method: string, path: string, body?: object): Promise<T> {
    return await this.send<T>(method, `${bed.endpoints.network}/v2.0${path}`, body);
  }

  async server(id: string): Promise<Readonly<Record<string, unknown>>> {
    const { server } = await this.send<{ server: Record<string, unknown> }>(
      "GET",
      `${bed.endpoints.compute}/servers/${id}`,
    );
    return server;
  }

  /** Names of everything in the cloud, of all projects, that costs something or is in the way. */
  async inventory(): Promise<string[]> {
    const { compute, image } = bed.endpoints;
    const volumev3 = bed.endpoints.volumev3.replace(/[^/]+$/, this.#project);
    const lists: readonly (readonly [string, string, string])[] = [
      ["server", `${compute}/servers?all_tenants=1`, "servers"],
      ["floating-ip", `${bed.endpoints.network}/v2.0/floatingips`, "floatingips"],
      ["port", `${bed.endpoints.network}/v2.0/ports`, "ports"],
      ["security-group", `${bed.endpoints.network}/v2.0/security-groups`, "security_groups"],
      ["volume", `${volumev3}/volumes?all_tenants=1`, "volumes"],
      ["snapshot", `${volumev3}/snapshots?all_tenants=1`, "snapshots"],
      ["image", `${image}/v2/images`, "images"],
      ["key-pair", `${compute}/os-keypairs?user_id=${bed.user_id}`, "keypairs"],
    ];
    const all = await Promise.all(
      lists.map(async ([kind, url, field]) => {
        const answer = await this.send<Record<string, Listed[]>>("GET", url);
        // Neutron makes each project a group of that name, once it is asked for groups.
        const made = (answer[field] ?? []).filter(({ name }) => kind !== "security-group" || name !== "default");
        return made.map(({ id, keypair }) => `${kind} ${id ?? keypair?.name}`);
      }),
    );
    return all.flat();
  }
}

/** Remembers what there is now; the function that it gives tells what there is besides, once it has had time to go. */
export async function tracked(operator: Operator): Promise<() => Promise<readonly string[]>> {
  const before = new Set(await operator.inventory());
  return async () => {
    for (let look = 1; ; look += 1) {
      const left = (await operator.inventory()).filter((name) => !before.has(name));
      if (left.length === 0 || look === 20) return left;
      await sleep(500);
    }
  };
}

/** Rules by which the bed fails, until they are disposed of: see the bed's README. */
export async function faults(rules: object): Promise<AsyncDisposable> {
  const path = join(bedFolder, "faults.json");
  await writeFile(`${path}.new`, JSON.stringify(rules));
  await rename(`${path}.new`, path);
  return { [Symbol.asyncDispose]: async () => await rm(path, { force: true }) };
}

/** What the hypervisor was given, once it has been. */
export async function spawned(id: string): Promise<Readonly<Record<string, unknown>>> {
  for (let look = 1; ; look += 1) {
    try {
      return JSON.parse(await readFile(join(bedFolder, "spawned", `${id}.json`), "utf8")) as Record<string, unknown>;
    } catch (error) {
      if (look === 100) throw error;
      await sleep(100);
    }
  }
}

/** The user data that the hypervisor was given; `null` where there was none. */
export async function userDataOf(id: string): Promise<Buffer | null> {
  const { user_data: data } = await spawned(id);
  return typeof data === "string" ? Buffer.from(data, "latin1") : null;
}

/** The answers that a service has given to requests of this library since `since`, oldest first. */
export async function requestsOf(
  service: string,
  since: number,
): Promise<{ method: string; path: string; status: number }[]> {
  const text = await readFile(join(bedFolder, "log", `http-${service}.jsonl`), "utf8");
  const lines = text.split("\n").filter((line) => line !== "");
  const all = lines.map(
    (line) => JSON.parse(line) as { t: number; agent: string; method: string; path: string; status: number },
  );
  return all.filter(({ t, agent }) => t * 1_000 >= since && agent === "iaaskit");
}

/** Everything that a list gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
