import type { CloudModel } from "./cloud-model.ts";
import { Refusal } from "./refusal.ts";
import type { GroupResource, Rule } from "./resources.ts";

/** The security groups of a cloud, and the network that they are of. */
export class Groups {
  readonly #model: CloudModel;
  readonly #all = new Map<string, GroupResource>();
  readonly networkId: string;
  readonly subnetId: string;
  /** What an instance has that names no other. */
  readonly default: GroupResource;

  constructor(model: CloudModel) {
    this.#model = model;
    this.networkId = model.id("vpc");
    this.subnetId = model.id("subnet");
    const group = { name: "default", description: "default VPC security group", networkId: this.networkId };
    this.default = { ...model.born("sg", new Map()), ...group, rules: new Map() };
    this.#all.set(this.default.id, this.default);
  }

  all(): GroupResource[] {
    return [...this.#all.values()];
  }

  /** @throws Refusal when there is none. */
  get(id: string): GroupResource {
    const found = this.#all.get(id);
    if (found === undefined) throw new Refusal("not-found", "group", `The security group '${id}' does not exist`);
    return found;
  }

  create(name: string, description: string, tags: ReadonlyMap<string, string>): GroupResource {
    if (this.all().some((group) => group.name === name)) {
      throw new Refusal("duplicate", "group", `The security group '${name}' already exists`);
    }
    this.#model.checkQuota("group", "groups", this.#all.size + 1);
    const made = { ...this.#model.born("sg", tags), name, description, networkId: this.networkId, rules: new Map() };
    this.#all.set(made.id, made);
    return made;
  }

  /** All rules or none. */
  authorize(id: string, rules: readonly Rule[]): void {
    const group = this.get(id);
    const present = rules.find((rule) => group.rules.has(textOf(rule)));
    if (present !== undefined) {
      throw new Refusal("duplicate", "rule", `the specified rule "${textOf(present)}" already exists`);
    }
    for (const rule of rules) group.rules.set(textOf(rule), rule);
  }

  /** All rules or none. */
  revoke(id: string, rules: readonly Rule[]): void {
    const group = this.get(id);
    const missing = rules.find((rule) => !group.rules.has(textOf(rule)));
    if (missing !== undefined) {
      throw new Refusal("not-found", "rule", `the specified rule "${textOf(missing)}" does not exist in this group`);
    }
    for (const rule of rules) group.rules.delete(textOf(rule));
  }

  delete(id: string): void {
    const group = this.get(id);
    const isUsed = this.#model.instances
      .all()
      .some(({ status, groupIds }) => status.state !== "terminated" && groupIds.includes(id));
    const isNamed = this.all().some(
      (other) => other.id !== id && [...other.rules.values()].some(({ source }) => source === id),
    );
    if (isUsed || isNamed) throw new Refusal("in-use", "group", `resource ${id} has a dependent object`);
    this.#all.delete(group.id);
  }
}

function textOf({ protocol, fromPort, toPort, source }: Rule): string {
  return `${protocol} ${fromPort}-${toPort} ${source}`;
}
