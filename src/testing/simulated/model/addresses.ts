import type { CloudModel } from "./cloud-model.ts";
import { Refusal } from "./refusal.ts";
import type { AddressResource } from "./resources.ts";

/** The floating IPs of a cloud. */
export class Addresses {
  readonly #model: CloudModel;
  readonly #all = new Map<string, AddressResource>();
  #allocated = 0;

  constructor(model: CloudModel) {
    this.#model = model;
  }

  all(): AddressResource[] {
    return [...this.#all.values()];
  }

  /** @throws Refusal when there is none. */
  get(id: string): AddressResource {
    const found = this.#all.get(id);
    if (found === undefined) throw new Refusal("not-found", "address", `The allocation ID '${id}' does not exist`);
    return found;
  }

  /** The address that leads to an instance. */
  of(instanceId: string): AddressResource | undefined {
    return this.all().find(({ association }) => association?.instanceId === instanceId);
  }

  allocate(tags: ReadonlyMap<string, string>): AddressResource {
    this.#model.checkQuota("address", "addresses", this.#all.size + 1);
    this.#allocated += 1;
    const address = `203.0.113.${this.#allocated % 256}`;
    const made: AddressResource = { ...this.#model.born("eipalloc", tags), address, association: null };
    this.#all.set(made.id, made);
    return made;
  }

  /** Already leading there is success. An instance has one: another one is let go. */
  associate(id: string, instanceId: string, move: boolean): AddressResource {
    const address = this.get(id);
    const instance = this.#model.instances.get(instanceId);
    if (address.association?.instanceId === instanceId) return address;
    if (address.association !== null && !move) {
      throw new Refusal("in-use", "association", `resource ${id} is already associated with ${address.association.id}`);
    }
    if (instance.status.state !== "running" && instance.status.state !== "stopped") {
      throw new Refusal("wrong-state", "instance", `The instance '${instanceId}' is not ready for an address`);
    }
    this.letGo(instanceId);
    address.association = { id: this.#model.id("eipassoc"), instanceId };
    return address;
  }

  disassociate(associationId: string): void {
    const address = this.all().find(({ association }) => association?.id === associationId);
    if (address === undefined) {
      throw new Refusal("not-found", "association", `The association ID '${associationId}' does not exist`);
    }
    address.association = null;
  }

  letGo(instanceId: string): void {
    for (const address of this.#all.values()) {
      if (address.association?.instanceId === instanceId) address.association = null;
    }
  }

  release(id: string): void {
    const address = this.get(id);
    if (address.association !== null) throw new Refusal("in-use", "address", `The address ${id} is in use`);
    this.#all.delete(id);
  }
}
