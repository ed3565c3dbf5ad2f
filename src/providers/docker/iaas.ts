import { isIP } from "node:net";

import type { CallContext } from "../../iaas/call.ts";
import type { CapabilityFindings, Facets } from "../../iaas/capabilities.ts";
import { NotFoundError } from "../../iaas/errors.ts";
import { Iaas } from "../../iaas/iaas.ts";
import type { ListInput } from "../../iaas/instances.ts";
import type { LaunchInput } from "../../iaas/launcher.ts";
import type { FoundInstance, Page } from "../../iaas/model.ts";
import { ownerTag } from "../../iaas/ownership.ts";
import { type IaasOptions, iaasOptionFields } from "../../iaas/provider-definition.ts";
import { check, checkFields } from "../../iaas/validation.ts";
import { dockerCapabilities } from "./capabilities.ts";
import { DockerCatalog } from "./catalog.ts";
import { DockerClient } from "./client.ts";
import type { DockerConnectionOptions } from "./connection.ts";
import { Containers } from "./containers.ts";
import { toDockerError } from "./errors.ts";
import { DockerImages, type PullProgress } from "./images.ts";
import { dockerLaunchOptions } from "./launch-options.ts";

export interface DockerOptions extends IaasOptions, DockerConnectionOptions {
  /** Whether a launch fetches an image that the engine lacks. Default `missing`. */
  readonly pull?: "missing" | "never" | undefined;
  /** Told while an image is fetched. */
  readonly onPull?: ((progress: PullProgress) => void) | undefined;
  /** Address of the engine's host on which the ports of a launch are published. Default `127.0.0.1`. */
  readonly publishAddress?: string | undefined;
  /**
   * Whether a payload's scripts run at an instance's first start, and its secrets are variables besides files: by a
   * small entry point that needs `/bin/sh` in the image. Default false: they are put in place and left alone.
   */
  readonly execute?: boolean | undefined;
}

const known = [
  ...iaasOptionFields,
  "endpoint",
  "context",
  "tls",
  "allowWithoutTls",
  "pull",
  "onPull",
  "publishAddress",
  "execute",
];

/**
 * A Docker engine, or Podman's service: an instance is a container. Needs the package `dockerode`, which is loaded at
 * first use.
 */
export class DockerIaas extends Iaas<typeof dockerCapabilities> {
  readonly #client: DockerClient;
  readonly #containers: Containers;

  constructor(options: DockerOptions) {
    const at = { provider: "docker", operation: "new" };
    checkFields(options, known, "", at);
    const { endpoint, context, tls, pull = "missing", onPull, publishAddress = "127.0.0.1", execute = false } = options;
    check(pull === "missing" || pull === "never", "pull", "must be missing or never", at);
    check(isIP(publishAddress) !== 0, "publishAddress", "must be an IP address", at);
    const client = new DockerClient(options);
    super(
      {
        provider: "docker",
        capabilities: dockerCapabilities,
        connection: endpoint ?? context ?? process.env["DOCKER_HOST"] ?? "",
        region: null,
        secrets: tls === undefined ? [] : [tls.key],
        toError: (cause, origin) => toDockerError(cause, origin, client.shown),
        launchOptions: dockerLaunchOptions,
        facets: {
          images: (caller) => new DockerImages(caller, client, { pull, onPull }),
          catalog: (caller) => new DockerCatalog(caller, client),
        },
      },
      options,
    );
    this.#client = client;
    this.#containers = new Containers(client, { publishAddress, execute });
  }

  protected override async _probe(): Promise<{
    readonly account: string | null;
    readonly findings: CapabilityFindings;
  }> {
    const { name } = await this.#client.machine();
    return { account: name, findings: {} };
  }

  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    return await this.#containers.launch(input, context);
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<FoundInstance> {
    const [container] = await this.#containers.list({ id: [id] }, context);
    if (container?.id !== id) throw new NotFoundError(`there is no instance ${id}`, context);
    return container;
  }

  protected override async _list({ owner }: ListInput, context: CallContext): Promise<Page<FoundInstance>> {
    return { items: await this.#containers.list({ label: [`${ownerTag}=${owner}`] }, context), marker: null };
  }

  protected override async _terminate({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#containers.remove(id, context);
  }

  protected override async _stop({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#containers.stop(id, context);
  }

  protected override async _start({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#containers.start(id, context);
  }

  protected override async _reboot({ id }: { readonly id: string }, { signal }: CallContext): Promise<void> {
    const docker = await this.#client.connect();
    await docker.getContainer(id).restart({ abortSignal: signal });
  }

  protected override async _consoleOutput({ id }: { readonly id: string }, context: CallContext): Promise<string> {
    return await this.#containers.logs(id, context);
  }

  protected override async _dispose(): Promise<void> {
    this.#client.dispose();
    await Promise.resolve();
  }
}

/** The facets that an Iaas of this type is sure to have. */
export interface DockerIaas extends Facets<typeof dockerCapabilities> {}
