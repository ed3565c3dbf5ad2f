import { isIP } from "node:net";

import type { Call, CallContext, Caller } from "./call.ts";
import { Coalesced } from "./coalesced.ts";
import { createOnce } from "./create-once.ts";
import { type ErrorOrigin, NotFoundError } from "./errors.ts";
import { collect } from "./iteration.ts";
import type { CallOptions, Ownership, Page, Port } from "./model.ts";
import { check, checkIdentity, checkText, isIntegerIn } from "./validation.ts";

/** Lets traffic in. What no rule lets in stays out; what goes out is not restricted. */
export interface SecurityGroupRule {
  readonly protocol: "tcp" | "udp" | "icmp" | "all";
  /** First port, from 1; `null` for `icmp` and `all`. */
  readonly fromPort: number | null;
  /** Last port; `null` for `icmp` and `all`. */
  readonly toPort: number | null;
  /** Who is let in: a CIDR block, or the members of another group. */
  readonly source: { readonly cidr: string } | { readonly securityGroupId: string };
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly rules: readonly SecurityGroupRule[];
  readonly ownership: Ownership | null;
}

export interface EnsureSecurityGroupOptions extends CallOptions {
  readonly name: string;
  readonly description?: string | undefined;
  /** Rules that the group has afterwards, besides the ones it has already. */
  readonly rules?: readonly SecurityGroupRule[] | undefined;
  /** The cloud's id of the network it is for; the provider's default when left out. */
  readonly network?: string | undefined;
}

export interface SecurityGroupRulesOptions extends CallOptions {
  readonly id: string;
  readonly rules: readonly SecurityGroupRule[];
}

/** Packet filters of an Iaas that instances are put into. */
export abstract class SecurityGroups {
  readonly #caller: Caller;
  readonly #owned: Coalesced<readonly SecurityGroup[]>;

  constructor(caller: Caller) {
    this.#caller = caller;
    this.#owned = new Coalesced(async () => await collect(this.list()));
  }

  /** Make sure that this owner has a group of that name, and that it has these rules among others. */
  async ensure(options: EnsureSecurityGroupOptions): Promise<SecurityGroup> {
    return await this.#run("securityGroups.ensure", options, async (call) => {
      checkIdentity(options.name, "name", call.at);
      checkRules(options.rules ?? [], call.at);
      return await this.ensureFor(options.name, options, call);
    });
  }

  /** Add rules to a group of this owner; one that it has already is left as it is. */
  async authorize(options: SecurityGroupRulesOptions): Promise<void> {
    await this.#run("securityGroups.authorize", options, async (call) => {
      checkRules(options.rules, call.at);
      await this.#add(await this.#mustFind(options.id, call), options.rules, call);
    });
  }

  /** Take rules from a group of this owner; one that it has not is success. */
  async revoke(options: SecurityGroupRulesOptions): Promise<void> {
    await this.#run("securityGroups.revoke", options, async (call) => {
      checkRules(options.rules, call.at);
      const group = await this.#mustFind(options.id, call);
      const asked = new Set(options.rules.map(textOf));
      const present = group.rules.filter((rule) => asked.has(textOf(rule)));
      if (present.length === 0) return;
      await call.request("securityGroups.revoke", "idempotent", async (context) => {
        await this._revoke({ group, rules: present }, context);
      });
    });
  }

  /**
   * Delete a group of this owner. Success when it is gone.
   *
   * @throws ConflictError `in-use` while an instance or another group refers to it.
   */
  async delete(options: CallOptions & { readonly id: string }): Promise<void> {
    await this.#run("securityGroups.delete", options, async (call) => {
      checkText(options.id, "id", call.at);
      const group = await this.#find(({ id }) => id === options.id, call);
      if (group !== undefined) await this.deleteOwned(group, call);
    });
  }

  /** The groups of this owner. */
  list(options: CallOptions = {}): AsyncGenerator<SecurityGroup, void, undefined> {
    const { owner } = this.#caller;
    const run = { ...options, needs: "securityGroups" } as const;
    return this.#caller.listOwned(
      "securityGroups.list",
      run,
      async (marker, context) => await this._list({ owner, marker }, context),
    );
  }

  /** @internal Within a call of the base: the owner's groups, read together with others who ask now. */
  async owned(call: Call): Promise<readonly SecurityGroup[]> {
    return await call.race(this.#owned.next());
  }

  /** @internal Within a call of the base: the group of `key`, once, with the rules. */
  async ensureFor(
    key: string,
    wanted: Pick<EnsureSecurityGroupOptions, "name" | "description" | "rules" | "network">,
    call: Call,
  ): Promise<SecurityGroup> {
    const ownership = this.#caller.ownershipOf(key);
    const description = wanted.description ?? `made by ${this.#caller.owner}`;
    const network = wanted.network ?? null;
    const group = await createOnce(call, {
      action: "securityGroups.create",
      key,
      find: async () => await this.#find(({ name }) => name === wanted.name, call),
      create: async (context) => await this._create({ name: wanted.name, description, network, ownership }, context),
    });
    await this.#add(group, wanted.rules ?? [], call);
    return { ...group, rules: merged(group.rules, wanted.rules ?? []) };
  }

  /** @internal Within a call of the base. */
  async deleteOwned(group: SecurityGroup, call: Call): Promise<void> {
    await call.gone("securityGroups.delete", async (context) => {
      await this._delete({ group }, context);
    });
  }

  /** Create an empty group. @throws ConflictError `name-taken` when the network has one of that name. */
  protected abstract _create(
    input: {
      readonly name: string;
      readonly description: string;
      readonly network: string | null;
      readonly ownership: Ownership;
    },
    context: CallContext,
  ): Promise<SecurityGroup>;

  /** One page of the owner's groups. One that cannot filter may give all. */
  protected abstract _list(
    input: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<SecurityGroup>>;

  /** Add rules that the group does not have; one that it has by now is success. */
  protected abstract _authorize(
    input: { readonly group: SecurityGroup; readonly rules: readonly SecurityGroupRule[] },
    context: CallContext,
  ): Promise<void>;

  /** Take away rules that the group has; one that is gone by now is success. */
  protected abstract _revoke(
    input: { readonly group: SecurityGroup; readonly rules: readonly SecurityGroupRule[] },
    context: CallContext,
  ): Promise<void>;

  /** Delete it. @throws ConflictError `in-use` while an instance has it. @throws NotFoundError when it is gone. */
  protected abstract _delete(input: { readonly group: SecurityGroup }, context: CallContext): Promise<void>;

  async #run<T>(operation: string, options: CallOptions, body: (call: Call) => Promise<T>): Promise<T> {
    return await this.#caller.run(operation, { ...options, needs: "securityGroups" }, body);
  }

  async #add(group: SecurityGroup, rules: readonly SecurityGroupRule[], call: Call): Promise<void> {
    const present = new Set(group.rules.map(textOf));
    const missing = merged([], rules).filter((rule) => !present.has(textOf(rule)));
    if (missing.length === 0) return;
    await call.request("securityGroups.authorize", "idempotent", async (context) => {
      await this._authorize({ group, rules: missing }, context);
    });
  }

  async #mustFind(id: string, call: Call): Promise<SecurityGroup> {
    checkText(id, "id", call.at);
    const group = await this.#find((candidate) => candidate.id === id, call);
    if (group === undefined) throw new NotFoundError(`this owner has no security group ${id}`, call.at);
    return group;
  }

  async #find(matches: (group: SecurityGroup) => boolean, call: Call): Promise<SecurityGroup | undefined> {
    return (await this.owned(call)).find(matches);
  }
}

/** The rules that let in what a port serves. */
export function rulesFor(ports: readonly Port[]): SecurityGroupRule[] {
  return ports.flatMap(({ port, protocol = "tcp", sources = ["0.0.0.0/0", "::/0"] }) =>
    sources.map((cidr) => ({ protocol, fromPort: port, toPort: port, source: { cidr } })),
  );
}

function checkRules(rules: readonly SecurityGroupRule[], at: ErrorOrigin): void {
  for (const [index, { protocol, fromPort, toPort, source }] of rules.entries()) {
    const path = `rules[${index}]`;
    check(["tcp", "udp", "icmp", "all"].includes(protocol), `${path}.protocol`, "must be tcp, udp, icmp or all", at);
    if (protocol === "tcp" || protocol === "udp") {
      check(isIntegerIn(fromPort, 1, 65_535), `${path}.fromPort`, "must be a whole number from 1 to 65535", at);
      check(
        isIntegerIn(toPort, fromPort, 65_535),
        `${path}.toPort`,
        "must be a whole number from fromPort to 65535",
        at,
      );
    } else {
      check(fromPort === null && toPort === null, `${path}.fromPort`, `must be null for ${protocol}`, at);
    }
    if ("cidr" in source) check(isCidr(source.cidr), `${path}.source.cidr`, "must be a CIDR block, as 10.0.0.0/8", at);
    else checkText(source.securityGroupId, `${path}.source.securityGroupId`, at);
  }
}

/** True for an address and a prefix length, as `10.0.0.0/8` or `::/0`. */
export function isCidr(text: string): boolean {
  const [address = "", length = "", ...rest] = text.split("/");
  const version = isIP(address);
  return rest.length === 0 && version !== 0 && /^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128);
}

function merged(present: readonly SecurityGroupRule[], more: readonly SecurityGroupRule[]): SecurityGroupRule[] {
  return [...new Map([...present, ...more].map((rule) => [textOf(rule), rule])).values()];
}

function textOf({ protocol, fromPort, toPort, source }: SecurityGroupRule): string {
  return [protocol, fromPort, toPort, "cidr" in source ? source.cidr : source.securityGroupId].join(" ");
}
