import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import type { CallContext, Caller } from "../../iaas/call.ts";
import { ConflictError, InvalidInputError, NotFoundError, ProviderFailureError } from "../../iaas/errors.ts";
import { type FloatingIp, FloatingIps } from "../../iaas/floating-ips.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { forwarderMarker, type LocalClient } from "./client.ts";
import { toFloatingIp } from "./mappers.ts";
import type { AssociationRecord, FloatingIpRecord, InstanceRecord } from "./model.ts";
import { addressesFor } from "./network.ts";
import { identityOf, ownIdentity, type ProcessIdentity } from "./processes.ts";

const forwarder = fileURLToPath(new URL("./forwarder.mjs", import.meta.url));

/** Further loopback addresses, led to an instance by a process that forwards TCP. */
export class LocalFloatingIps extends FloatingIps {
  readonly #client: LocalClient;

  constructor(caller: Caller, client: LocalClient) {
    super(caller);
    this.#client = client;
  }

  protected override async _allocate({ ownership }: { readonly ownership: Ownership }): Promise<FloatingIp> {
    const { store } = this.#client;
    for (const address of addressesFor("floating-ip", `${store.folder} ${ownership.owner} ${ownership.key}`)) {
      const record: FloatingIpRecord = { address, ownership };
      if (await store.create("floating-ips", address, record)) return toFloatingIp(record, undefined);
    }
    throw new TypeError("addresses never run out"); // the generator has no end on Linux, where this flag is on
  }

  protected override async _list(): Promise<Page<FloatingIp>> {
    const [records, associations] = await Promise.all([
      this.#client.store.list<FloatingIpRecord>("floating-ips"),
      this.#client.associations(),
    ]);
    const leading = new Map(associations.map((association) => [association.address, association]));
    return { items: records.map((record) => toFloatingIp(record, leading.get(record.address))), marker: null };
  }

  protected override async _get({ address }: { readonly address: string }, context: CallContext): Promise<FloatingIp> {
    const floatingIp = (await this._list()).items.find((candidate) => candidate.address === address);
    if (floatingIp === undefined) throw new NotFoundError(`there is no address ${address}`, context);
    return floatingIp;
  }

  protected override async _associate(
    input: { readonly floatingIp: FloatingIp; readonly instanceId: string; readonly move: boolean },
    context: CallContext,
  ): Promise<void> {
    const { store } = this.#client;
    const { address } = input.floatingIp;
    const instance = await this.#client.get(input.instanceId, context);
    if (instance.publishedPorts.length === 0) {
      throw new InvalidInputError("instanceId", `is ${instance.id}, which serves no port`, context);
    }
    const leading = (await this.#client.associations()).some((association) => association.address === address);
    if (leading && !input.move) throw new ConflictError("in-use", `${address} leads to another instance`, context);
    await this.#client.dissociate(address); // also what a process that was killed here has left
    const maker = await ownIdentity();
    const association: AssociationRecord = { address, instanceId: instance.id, maker, forwarder: null };
    if (!(await store.create("associations", address, association))) {
      throw new ConflictError("in-use", `${address} leads to another instance`, context);
    }
    try {
      const process = await this.#forward(address, instance, context);
      await store.update("associations", address, { ...association, forwarder: process });
    } catch (error) {
      await this.#client.dissociate(address);
      throw error;
    }
  }

  protected override async _disassociate({ floatingIp }: { readonly floatingIp: FloatingIp }): Promise<void> {
    await this.#client.dissociate(floatingIp.address);
  }

  protected override async _release({ floatingIp }: { readonly floatingIp: FloatingIp }): Promise<void> {
    await this.#client.dissociate(floatingIp.address);
    await this.#client.store.remove("floating-ips", floatingIp.address);
  }

  /** Starts the forwarding process; it listens when this resolves. */
  async #forward(address: string, instance: InstanceRecord, context: CallContext): Promise<ProcessIdentity> {
    const ports = instance.publishedPorts.map(({ publishedPort }) => String(publishedPort));
    const [name = "", ...value] = forwarderMarker(this.#client.store.folder, address).split("=");
    const child = spawn(process.execPath, [forwarder, address, instance.address, ...ports], {
      cwd: "/",
      detached: true,
      env: { [name]: value.join("=") },
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    const answer = await new Promise<{ readonly listening: boolean; readonly reason?: string }>((resolve, reject) => {
      child.once("message", (message) => {
        resolve(message as { readonly listening: boolean; readonly reason?: string });
      });
      child.once("error", reject);
      child.once("exit", () => {
        resolve({ listening: false, reason: "the forwarder ended" });
      });
    });
    child.unref();
    const identity = child.pid === undefined ? null : await identityOf(child.pid);
    if (answer.listening && identity !== null) return identity;
    throw new ProviderFailureError(`cannot forward ${address}: ${answer.reason ?? "the forwarder ended"}`, context);
  }
}
