import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import Docker from "dockerode";
import { DockerIaas, type DockerOptions } from "iaaskit/docker";

const run = promisify(execFile);

export type EngineName = "dockerd" | "podman";
export const engineNames: readonly EngineName[] = ["dockerd", "podman"];

interface Bed {
  readonly image: string;
  readonly engines: Readonly<Record<EngineName, { readonly socketPath: string; readonly pid: number }>>;
}

/** An engine of the test bed in `TESTBED_DIR`. */
export class BedEngine {
  readonly name: EngineName;

  constructor(name: EngineName) {
    this.name = name;
  }

  async image(): Promise<string> {
    return (await this.#bed()).image;
  }

  async endpoint(): Promise<string> {
    return `unix://${(await this.#bed()).engines[this.name].socketPath}`;
  }

  /** Past our own library: what the engine itself says. */
  async direct(): Promise<Docker> {
    return new Docker({ host: undefined, socketPath: (await this.#bed()).engines[this.name].socketPath });
  }

  async iaas(owner: string, options: Partial<DockerOptions> = {}): Promise<DockerIaas> {
    return new DockerIaas({ owner, endpoint: await this.endpoint(), pull: "never", ...options });
  }

  /** Names of the containers and volumes, and tags of the images, that should not be there when all is done. */
  async leftovers(): Promise<string[]> {
    const docker = await this.direct();
    const containers = await docker.listContainers({ all: true });
    const { Volumes: volumes } = await docker.listVolumes();
    const images = await docker.listImages();
    return [
      ...containers.map(({ Names: [name = ""] }) => name),
      ...(volumes ?? []).map(({ Name: name }) => name),
      ...images.flatMap(({ RepoTags: tags }) => tags ?? ["<none>"]).filter((tag) => !tag.includes("iaas-testbed")),
    ];
  }

  /** Ends the engine as a crash would. */
  async kill(): Promise<void> {
    process.kill((await this.#bed()).engines[this.name].pid, "SIGKILL");
  }

  async restart(): Promise<void> {
    // A zombie, or another process of that number, would pass for the containerd that the engine then waits for.
    await rm(join(process.env["TESTBED_DIR"] ?? "", "dockerd/run/exec/containerd/containerd.pid"), { force: true });
    await run(join(process.env["TESTBEDS"] ?? "", "docker/up.sh"), [this.name]);
  }

  async #bed(): Promise<Bed> {
    const folder = process.env["TESTBED_DIR"];
    if (folder === undefined) throw new Error("TESTBED_DIR is not set: where docker/up.sh keeps its env.json");
    return JSON.parse(await readFile(join(folder, "env.json"), "utf8")) as Bed;
  }
}

/** A web server that ends when it is asked to, as process 1 of a container has to say for itself. */
export const webServer: readonly string[] = [
  "sh",
  "-c",
  "trap 'exit 0' TERM; mkdir -p /www; httpd -p 80 -h /www; while :; do sleep 3600 & wait $!; done",
];
