import type Dockerode from "dockerode";

import type { CallContext } from "../../iaas/call.ts";
import { ConflictError, PartialFailureError } from "../../iaas/errors.ts";
import type { LaunchInput } from "../../iaas/launcher.ts";
import type { FoundInstance } from "../../iaas/model.ts";
import type { DockerClient } from "./client.ts";
import { type Content, contentOf, payloadFolder } from "./content.ts";
import { createContainerInput, type ImageCommand } from "./create-container.ts";
import { isNameTaken, statusOf } from "./errors.ts";
import { isImageId, removeDeleted } from "./images.ts";
import { textOf } from "./logs.ts";
import { containerName, type Ending, hasEnded, ownLabels, toInstance } from "./mappers.ts";
import { tar } from "./tar.ts";

const consoleLines = 1_000;
const consoleBytes = 64 * 1024;

/** The containers of an engine that are instances. */
export class Containers {
  readonly #client: DockerClient;
  readonly #options: { readonly publishAddress: string; readonly execute: boolean };
  /** What this process has stopped: whatever its command then says, it has not failed. */
  readonly #stopped = new Set<string>();

  constructor(client: DockerClient, options: { readonly publishAddress: string; readonly execute: boolean }) {
    this.#client = client;
    this.#options = options;
  }

  /**
   * Makes the container of a key, fills and starts it. One that is there already is adopted, and finished where its
   * maker has not come that far.
   *
   * @throws ConflictError when the name belongs to somebody else, to another specification or to what has ended.
   */
  async launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const { publishAddress, execute } = this.#options;
    const { signal: abortSignal } = context;
    const docker = await this.#client.connect();
    const content = contentOf(input.plan?.payload ?? null, execute, context);
    const image = content.entryPoint === null ? null : await commandOf(docker, input.image);
    const wanted = createContainerInput(input, content, image, publishAddress, context);
    try {
      // What an instance of the key may have left that ended while its engine was down, or by somebody else's hand.
      if (content.ownFiles.length > 0) await removeVolume(docker, containerName(input.ownership), abortSignal);
      const { id } = await docker.createContainer({ ...wanted, abortSignal });
      await this.#finish(docker, id, content, context);
    } catch (error) {
      if (!isNameTaken(error)) throw error;
      const existing = await this.#existing(input, context);
      if (existing.state !== "pending") return existing;
      await this.#finish(docker, existing.id, content, context);
    }
    return await this.#named(input, context);
  }

  /** What an engine has, by its own filters. */
  async list(filters: Record<string, string[]>, { signal: abortSignal }: CallContext): Promise<FoundInstance[]> {
    const docker = await this.#client.connect();
    const containers = await docker.listContainers({ all: true, filters: JSON.stringify(filters), abortSignal });
    const instances = await Promise.all(
      containers.map(async (container) => {
        if (!hasEnded(container)) return toInstance(container, null, this.#client.host);
        const ending = await this.#endingOf(docker, container.Id, abortSignal);
        return ending === null ? null : toInstance(container, ending, this.#client.host);
      }),
    );
    return instances.filter((instance) => instance !== null);
  }

  /** Ends it at once and removes it, its anonymous volumes and the payload's too. */
  async remove(id: string, { signal: abortSignal }: CallContext): Promise<void> {
    const docker = await this.#client.connect();
    const container = docker.getContainer(id);
    const { Config: config, Image: imageId, Mounts: mounts } = await container.inspect({ abortSignal });
    try {
      await container.remove({ force: true, v: true, abortSignal });
    } catch (error) {
      const isUnderWay = statusOf(error) === 409 && /already in progress/.test(String(error));
      if (!isUnderWay) throw error;
    }
    this.#stopped.delete(id);
    for (const { Name: name = "", Destination: path } of mounts) {
      if (path === payloadFolder) await removeVolume(docker, name, abortSignal);
    }
    if (isImageId(config.Labels[ownLabels.image] ?? "")) await removeDeleted(docker, imageId, abortSignal);
  }

  async stop(id: string, { signal: abortSignal }: CallContext): Promise<void> {
    const docker = await this.#client.connect();
    this.#stopped.add(id);
    await unlessDone(docker.getContainer(id).stop({ abortSignal }));
  }

  async start(id: string, { signal: abortSignal }: CallContext): Promise<void> {
    const docker = await this.#client.connect();
    await unlessDone(docker.getContainer(id).start({ abortSignal }));
    this.#stopped.delete(id);
  }

  /** The last part of what it has written, at most 64 KiB. */
  async logs(id: string, { signal: abortSignal }: CallContext): Promise<string> {
    const docker = await this.#client.connect();
    const container = docker.getContainer(id);
    const { Config: config } = await container.inspect({ abortSignal });
    const written = await container.logs({
      stdout: true,
      stderr: true,
      tail: consoleLines,
      follow: false,
      abortSignal,
    });
    return textOf(written, config.Tty).subarray(-consoleBytes).toString("utf8");
  }

  /** Puts the payload in place and starts it; what certainly cannot start is removed. */
  async #finish(docker: Dockerode, id: string, content: Content, context: CallContext): Promise<void> {
    const container = docker.getContainer(id);
    const { signal: abortSignal } = context;
    try {
      for (const [path, entries] of [
        ["/", content.files],
        [payloadFolder, content.ownFiles],
      ] as const) {
        if (entries.length > 0) await container.putArchive(tar(entries), { path, abortSignal });
      }
      await unlessDone(container.start({ abortSignal }));
    } catch (error) {
      if (statusOf(error) !== null) await this.#removeFailed(id, error, context);
      throw error;
    }
  }

  async #removeFailed(id: string, error: unknown, context: CallContext): Promise<void> {
    try {
      await this.remove(id, context);
    } catch (cause) {
      if (statusOf(cause) === 404) return;
      const message = `${String(error)}; the container could not be removed`;
      throw new PartialFailureError(message, { ...context, created: [{ kind: "instance", id }] });
    }
  }

  async #named(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const name = containerName(input.ownership);
    const found = await this.list({ name: [`^/?${name}$`] }, context);
    const [instance] = found;
    if (instance !== undefined) return instance;
    throw new ConflictError("token-spent", `the instance of ${input.ownership.key} has ended`, context);
  }

  /** The container that has the name of the key: somebody else's launch of it, or what one has left unfinished. */
  async #existing(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const { owner, key, fingerprint } = input.ownership;
    const instance = await this.#named(input, context);
    const { ownership, state, id } = instance;
    if (ownership?.owner !== owner || ownership.key !== key) {
      throw new ConflictError("name-taken", `the container ${id} has the name that ${key} needs`, context);
    }
    if (state === "failed" || state === "terminating") {
      throw new ConflictError("token-spent", `the instance of ${key} has ended`, context);
    }
    if (ownership.fingerprint === fingerprint) return instance;
    throw new ConflictError("spec-mismatch", `the key ${key} stands for another specification`, context);
  }

  /** `null` when it has gone meanwhile. */
  async #endingOf(docker: Dockerode, id: string, abortSignal: AbortSignal): Promise<Ending | null> {
    try {
      const { State: state } = await docker.getContainer(id).inspect({ abortSignal });
      return { exitCode: state.ExitCode, outOfMemory: state.OOMKilled, wanted: this.#stopped.has(id) };
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw error;
    }
  }
}

/** Starting what runs and stopping what has stopped answer 304, which dockerode takes for a failure. */
async function unlessDone(request: Promise<unknown>): Promise<void> {
  await request.catch((error: unknown) => {
    if (statusOf(error) !== 304) throw error;
  });
}

/** Success when it is gone, and when an instance has it: a container counts from its creation on. */
async function removeVolume(docker: Dockerode, name: string, abortSignal: AbortSignal): Promise<void> {
  await docker
    .getVolume(name)
    .remove({ abortSignal })
    .catch((error: unknown) => {
      if (![404, 409].includes(statusOf(error) ?? 0)) throw error;
    });
}

async function commandOf(docker: Dockerode, image: string): Promise<ImageCommand> {
  const { Config: config } = await docker.getImage(image).inspect();
  return { entryPoint: [config.Entrypoint ?? []].flat(), command: config.Cmd ?? [] };
}
