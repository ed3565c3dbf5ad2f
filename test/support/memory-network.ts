import {
  type CallContext,
  type Caller,
  ConflictError,
  type FloatingIp,
  FloatingIps,
  type KeyPair,
  KeyPairs,
  NotFoundError,
  type Ownership,
  type Page,
  Secret,
  type SecurityGroup,
  type SecurityGroupRule,
  SecurityGroups,
} from "iaaskit";

import type { FullMemoryCloud } from "./memory-full.ts";

/** All of `items` on pages of the cloud's size. */
export function pageOf<T>(cloud: FullMemoryCloud, items: Iterable<T>, marker: string | null): Page<T> {
  const all = [...items];
  const start = Number(marker ?? 0);
  const end = start + cloud.pageSize;
  return { items: all.slice(start, end), marker: end < all.length ? String(end) : null };
}

interface ListInput {
  readonly marker: string | null;
}

export class MemoryFloatingIps extends FloatingIps {
  readonly cloud: FullMemoryCloud;

  constructor(caller: Caller, cloud: FullMemoryCloud) {
    super(caller);
    this.cloud = cloud;
  }

  protected override async _allocate({ ownership }: { readonly ownership: Ownership }): Promise<FloatingIp> {
    const number = this.cloud.nextNumber();
    const made = { id: `ip-${number}`, address: `198.51.100.${number}`, instanceId: null, ownership };
    this.cloud.floatingIps.set(made.address, made);
    return await Promise.resolve(made);
  }

  protected override async _list({ marker }: ListInput): Promise<Page<FloatingIp>> {
    return await Promise.resolve(pageOf(this.cloud, this.cloud.floatingIps.values(), marker));
  }

  protected override async _get({ address }: { readonly address: string }, context: CallContext): Promise<FloatingIp> {
    const found = this.cloud.floatingIps.get(address);
    if (found === undefined) throw new NotFoundError(`no ${address}`, context);
    return await Promise.resolve(found);
  }

  protected override async _associate(
    input: { readonly floatingIp: FloatingIp; readonly instanceId: string; readonly move: boolean },
    context: CallContext,
  ): Promise<void> {
    await Promise.resolve();
    const { address } = input.floatingIp;
    const known = this.cloud.floatingIps.get(address);
    if (known === undefined) throw new NotFoundError(`no ${address}`, context);
    if (known.instanceId !== null && !input.move) throw new ConflictError("in-use", "it leads elsewhere", context);
    this.cloud.floatingIps.set(address, { ...known, instanceId: input.instanceId });
  }

  protected override async _disassociate({ floatingIp }: { readonly floatingIp: FloatingIp }): Promise<void> {
    this.cloud.floatingIps.set(floatingIp.address, { ...floatingIp, instanceId: null });
    await Promise.resolve();
  }

  protected override async _release({ floatingIp }: { readonly floatingIp: FloatingIp }): Promise<void> {
    this.cloud.floatingIps.delete(floatingIp.address);
    await Promise.resolve();
  }
}

interface GroupRules {
  readonly group: SecurityGroup;
  readonly rules: readonly SecurityGroupRule[];
}

export class MemorySecurityGroups extends SecurityGroups {
  readonly cloud: FullMemoryCloud;

  constructor(caller: Caller, cloud: FullMemoryCloud) {
    super(caller);
    this.cloud = cloud;
  }

  protected override async _create(
    { name, ownership }: { readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<SecurityGroup> {
    const groups = [...this.cloud.groups.values()];
    const taken = groups.some((group) => group.name === name && group.ownership?.owner === ownership.owner);
    if (taken) throw new ConflictError("name-taken", `there is a group ${name}`, context);
    const group = { id: `sg-${this.cloud.nextNumber()}`, name, rules: [], ownership };
    this.cloud.groups.set(group.id, group);
    return await Promise.resolve(group);
  }

  protected override async _list({ marker }: ListInput): Promise<Page<SecurityGroup>> {
    return await Promise.resolve(pageOf(this.cloud, this.cloud.groups.values(), marker));
  }

  protected override async _authorize({ group, rules }: GroupRules): Promise<void> {
    const known = this.cloud.groups.get(group.id) ?? group;
    this.cloud.groups.set(group.id, { ...known, rules: [...known.rules, ...rules] });
    await Promise.resolve();
  }

  protected override async _revoke({ group, rules }: GroupRules): Promise<void> {
    const revoked = new Set(rules.map((rule) => JSON.stringify(rule)));
    const known = this.cloud.groups.get(group.id) ?? group;
    const left = known.rules.filter((rule) => !revoked.has(JSON.stringify(rule)));
    this.cloud.groups.set(group.id, { ...known, rules: left });
    await Promise.resolve();
  }

  protected override async _delete({ group }: { readonly group: SecurityGroup }, context: CallContext): Promise<void> {
    if (this.cloud.isGroupUsed(group)) throw new ConflictError("in-use", `${group.id} has members`, context);
    this.cloud.groups.delete(group.id);
    await Promise.resolve();
  }
}

export class MemoryKeyPairs extends KeyPairs {
  readonly cloud: FullMemoryCloud;

  constructor(caller: Caller, cloud: FullMemoryCloud) {
    super(caller);
    this.cloud = cloud;
  }

  protected override async _import(
    { name, ownership }: { readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<KeyPair> {
    if (this.cloud.keyPairs.has(name)) throw new ConflictError("name-taken", `there is a key ${name}`, context);
    const keyPair = { id: `key-${this.cloud.nextNumber()}`, name, ownership };
    this.cloud.keyPairs.set(name, keyPair);
    return await Promise.resolve(keyPair);
  }

  protected override async _generate(
    input: { readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<{ readonly keyPair: KeyPair; readonly privateKey: Secret }> {
    return { keyPair: await this._import(input, context), privateKey: new Secret("a PRIVATE KEY") };
  }

  protected override async _list({ marker }: ListInput): Promise<Page<KeyPair>> {
    return await Promise.resolve(pageOf(this.cloud, this.cloud.keyPairs.values(), marker));
  }

  protected override async _delete({ keyPair }: { readonly keyPair: KeyPair }): Promise<void> {
    this.cloud.keyPairs.delete(keyPair.name);
    await Promise.resolve();
  }
}
