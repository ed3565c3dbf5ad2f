import { resolve } from "node:path";

import type { CallContext } from "../../iaas/call.ts";
import type { CapabilityFindings, Facets } from "../../iaas/capabilities.ts";
import { InvalidInputError, UnsupportedCapabilityError } from "../../iaas/errors.ts";
import { Iaas } from "../../iaas/iaas.ts";
import type { LaunchInput } from "../../iaas/launcher.ts";
import type { FoundInstance, Page } from "../../iaas/model.ts";
import { callerTagsOf } from "../../iaas/ownership.ts";
import { type IaasOptions, iaasOptionFields } from "../../iaas/provider-definition.ts";
import { checkFields } from "../../iaas/validation.ts";
import { localCapabilities } from "./capabilities.ts";
import { LocalCatalog, machineSize } from "./catalog.ts";
import { LocalClient } from "./client.ts";
import { readManifest } from "./content.ts";
import { toLocalError } from "./errors.ts";
import { LocalFloatingIps } from "./floating-ips.ts";
import { folderOfImage, LocalImages } from "./images.ts";
import { currentBoot } from "./processes.ts";
import { readConsole } from "./runner.ts";
import { defaultStateFolder } from "./store.ts";
import { LocalVolumes } from "./volumes.ts";

export interface LocalOptions extends IaasOptions {
  /** Folders whose sub-folders are images: each with an `image.json` that tells its command and ports. */
  readonly images?: string | readonly string[] | undefined;
  /** Where instances, volumes and made images are kept. Default `$XDG_STATE_HOME/iaaskit` or `~/.local/state/iaaskit`. */
  readonly stateFolder?: string | undefined;
  /**
   * Whether a payload's scripts run, with this user's rights. Default false: they are put in place and left alone.
   */
  readonly execute?: boolean | undefined;
}

/**
 * This machine as an Iaas, without an account: an instance is a tree of processes with a folder, a log and a
 * loopback address of its own.
 *
 * It isolates nothing: instances run with this user's rights and see this machine's files, network and other
 * processes. Linux and macOS.
 */
export class LocalIaas extends Iaas<typeof localCapabilities> {
  readonly #client: LocalClient;
  readonly #imageFolders: readonly string[];
  readonly #execute: boolean;

  /** @throws UnsupportedCapabilityError on other systems than Linux and macOS. */
  constructor(options: LocalOptions) {
    const at = { provider: "local", operation: "new" };
    if (process.platform !== "linux" && process.platform !== "darwin") {
      throw new UnsupportedCapabilityError(process.platform, "it runs on Linux and macOS", at);
    }
    checkFields(options, [...iaasOptionFields, "images", "stateFolder", "execute"], "", at);
    const { images = [], stateFolder = defaultStateFolder(), execute = false } = options;
    const client = new LocalClient(resolve(stateFolder));
    const imageFolders = [images].flat().map((folder) => resolve(folder));
    super(
      {
        provider: "local",
        capabilities: localCapabilities,
        connection: client.store.folder,
        region: null,
        secrets: [],
        toError: toLocalError,
        facets: {
          volumes: (caller) => new LocalVolumes(caller, client),
          images: (caller) => new LocalImages(caller, client, imageFolders),
          catalog: (caller) => new LocalCatalog(caller),
          ...(localCapabilities.floatingIps ? { floatingIps: (caller) => new LocalFloatingIps(caller, client) } : {}),
        },
      },
      options,
    );
    this.#client = client;
    this.#imageFolders = [...imageFolders, client.store.path("images")];
    this.#execute = execute;
  }

  protected override async _probe(): Promise<{
    readonly account: string | null;
    readonly findings: CapabilityFindings;
  }> {
    await currentBoot();
    return { account: String(process.getuid?.() ?? ""), findings: {} };
  }

  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const { name, image, size, ownership, ports, tags, plan } = input;
    if (size !== null && size !== machineSize) {
      throw new InvalidInputError("size", `is ${JSON.stringify(size)}, this machine has only ${machineSize}`, context);
    }
    const imageFolder = await folderOfImage(image, this.#imageFolders, context);
    const manifest = await readManifest(imageFolder);
    const served = [...new Set([...manifest.ports, ...ports.map(({ port }) => port)])];
    const callerTags = callerTagsOf(tags);
    const wanted = { name, ownership, imageId: image, manifest, tags: callerTags, execute: this.#execute };
    return await this.#client.launch(wanted, served, imageFolder, plan?.payload ?? null, context);
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<FoundInstance> {
    return await this.#client.observe(await this.#client.get(id, context));
  }

  protected override async _list(): Promise<Page<FoundInstance>> {
    const records = await this.#client.list();
    const items = await Promise.all(records.map(async (record) => await this.#client.observe(record)));
    return { items, marker: null };
  }

  protected override async _terminate({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#client.terminate(id, context);
  }

  protected override async _stop({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#client.stop(id, context);
  }

  protected override async _start({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#client.start(id, context);
  }

  protected override async _reboot({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#client.stop(id, context);
    await this.#client.start(id, context);
  }

  protected override async _consoleOutput({ id }: { readonly id: string }, context: CallContext): Promise<string> {
    await this.#client.get(id, context);
    return await readConsole(this.#client.folderOf(id));
  }
}

/** The facets that an Iaas of this type is sure to have. */
export interface LocalIaas extends Facets<typeof localCapabilities> {}
