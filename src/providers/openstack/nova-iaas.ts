import type { CallContext } from "../../iaas/call.ts";
import type { Capabilities } from "../../iaas/capabilities.ts";
import { Iaas } from "../../iaas/iaas.ts";
import type { ListInput } from "../../iaas/instances.ts";
import type { LaunchInput } from "../../iaas/launcher.ts";
import type { FoundInstance, Page } from "../../iaas/model.ts";
import type { IaasOptions, ProviderDefinition } from "../../iaas/provider-definition.ts";
import { pathOf } from "../../transport/paths.ts";
import type { OpenStackClient } from "./client.ts";
import { createdBy, createServerBody } from "./create-server.ts";
import { Flavors } from "./flavors.ts";
import { type NovaServer, readBy, toInstance } from "./mappers.ts";
import { pageOf } from "./pages.ts";
import { keyTagOf, ownerTagOf } from "./tags.ts";

/** With more keys than this an address would be longer than gateways take. */
const keysAtMost = 50;

/** Servers of Nova. Each cloud that has it adds its own login and its own facets. */
export abstract class NovaIaas<C extends Capabilities> extends Iaas<C> {
  readonly #client: OpenStackClient;
  readonly #region: string | null;
  readonly #flavors: Flavors;

  constructor(definition: ProviderDefinition<C>, options: IaasOptions, client: OpenStackClient) {
    super(definition, options);
    this.#client = client;
    this.#region = definition.region;
    this.#flavors = new Flavors(client, options.clock);
  }

  /** The settings of the account that Nova tells, as `maxServerMeta`. */
  protected async limits(context: CallContext): Promise<Readonly<Record<string, number>>> {
    const limits = await this.#client.field<{ readonly absolute?: Readonly<Record<string, number>> }>(
      "compute",
      { path: "/limits" },
      "limits",
      context,
    );
    return limits.absolute ?? {};
  }

  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const version = Math.min(createdBy, await this.#client.computeVersion(context));
    const flavor = await this.#flavors.idOf(input.size ?? "", context);
    const body = createServerBody(input, flavor, version);
    const request = { method: "POST", path: "/servers", body, microversion: createdBy } as const;
    const { id } = await this.#client.field<{ readonly id: string }>("compute", request, "server", context);
    // The answer tells the id only. It is seconds until a host, and an address, are chosen.
    const { name, image, tags: metadata } = input;
    const accepted = { id, name, metadata, status: "BUILD", image: { id: image }, flavor: { id: flavor } };
    return toInstance(accepted, this.#region);
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<FoundInstance> {
    const request = { path: pathOf`/servers/${id}`, microversion: readBy };
    return toInstance(await this.#client.field<NovaServer>("compute", request, "server", context), this.#region);
  }

  /** By tags, where Nova knows them; else all of the project, of which the base takes the owner's. */
  protected override async _list(input: ListInput, context: CallContext): Promise<Page<FoundInstance>> {
    const { owner, keys, marker } = input;
    const hasTags = (await this.#client.computeVersion(context)) >= 52;
    const isFew = keys !== null && keys.length <= keysAtMost;
    const query = {
      tags: hasTags ? ownerTagOf(owner) : null,
      "tags-any": hasTags && isFew ? keys.map(keyTagOf).join(",") : null,
    };
    const request = { service: "compute", path: "/servers/detail", query, field: "servers", marker } as const;
    const page = await pageOf<NovaServer>(this.#client, { ...request, microversion: readBy }, ({ id }) => id, context);
    return { ...page, items: page.items.map((server) => toInstance(server, this.#region)) };
  }

  protected override async _terminate({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#client.request("compute", { method: "DELETE", path: pathOf`/servers/${id}` }, context);
  }

  protected override async _stop({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#act(id, { "os-stop": null }, context);
  }

  protected override async _start({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#act(id, { "os-start": null }, context);
  }

  protected override async _reboot({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.#act(id, { reboot: { type: "SOFT" } }, context);
  }

  protected override async _consoleOutput({ id }: { readonly id: string }, context: CallContext): Promise<string> {
    const answer = await this.#act<{ readonly output?: string }>(id, { "os-getConsoleOutput": {} }, context);
    return answer?.output ?? "";
  }

  protected override async _dispose(): Promise<void> {
    this.#client.dispose();
    await Promise.resolve();
  }

  /** @see https://docs.openstack.org/api-ref/compute/#servers-run-an-action-servers-action */
  async #act<T>(id: string, body: object, context: CallContext): Promise<T | null> {
    const request = { method: "POST", path: pathOf`/servers/${id}/action`, body } as const;
    return await this.#client.request<T | null>("compute", request, context);
  }
}
