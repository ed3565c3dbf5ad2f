import { createHash, randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";

import { ConflictError, type ErrorOrigin, NotFoundError } from "../../iaas/errors.ts";
import type { FoundInstance } from "../../iaas/model.ts";
import type { Payload } from "../../payload/payload.ts";
import { prepareContent } from "./content.ts";
import { toInstance } from "./mappers.ts";
import type { AddressRecord, AssociationRecord, InstanceRecord } from "./model.ts";
import { addressesFor, hasOwnAddresses, portFor } from "./network.ts";
import { endTree, isAlive, ownIdentity } from "./processes.ts";
import { exitCodeOf, markerOf, processOf, startProcesses } from "./runner.ts";
import { Store } from "./store.ts";

/** The cloud that this machine is: instances as processes, kept by records on its disk. */
export class LocalClient {
  readonly store: Store;

  constructor(folder: string) {
    this.store = new Store(folder);
  }

  /** Where the instance's files are. */
  folderOf(id: string): string {
    return this.store.path("running", id);
  }

  /**
   * Make an instance and start it. What it is to be is on disk before anything else happens, so that a process that
   * is killed here leaves an instance that everybody can see and end.
   *
   * @throws ConflictError when its key has an instance already.
   */
  async launch(
    wanted: Omit<
      InstanceRecord,
      "id" | "address" | "publishedPorts" | "createdAt" | "intent" | "maker" | "starts" | "payloadFiles"
    >,
    ports: readonly number[],
    imageFolder: string,
    payload: Payload | null,
    at: ErrorOrigin,
  ): Promise<FoundInstance> {
    const { owner, key } = wanted.ownership;
    let record: InstanceRecord = {
      ...wanted,
      id: `i-${keyDigest(owner, key)}-${randomBytes(3).toString("hex")}`,
      address: "",
      publishedPorts: [],
      createdAt: new Date().toISOString(),
      intent: "creating",
      maker: await ownIdentity(),
      starts: 1,
      payloadFiles: [],
    };
    if (!(await this.store.create("instances", recordName(record.id), record))) return await this.#existing(wanted, at);
    const address = await this.#claimAddress(record.id);
    const publishedPorts = [];
    for (const port of ports) publishedPorts.push({ port, publishedPort: await portFor(address, port) });
    record = { ...record, address, publishedPorts };
    await this.#save(record);
    const folder = this.folderOf(record.id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const payloadFiles = await prepareContent(folder, record, imageFolder, payload);
    record = { ...record, payloadFiles, intent: "running" };
    await this.#save(record);
    await startProcesses(record, folder);
    return await this.observe(record);
  }

  /** @throws NotFoundError */
  async get(id: string, at: ErrorOrigin): Promise<InstanceRecord> {
    const record = isInstanceId(id) ? await this.store.read<InstanceRecord>("instances", recordName(id)) : null;
    if (record?.id !== id) throw new NotFoundError(`there is no instance ${id}`, at);
    return record;
  }

  async list(): Promise<InstanceRecord[]> {
    return await this.store.list<InstanceRecord>("instances");
  }

  /** The instance as its processes show it now. */
  async observe(record: InstanceRecord): Promise<FoundInstance> {
    const folder = this.folderOf(record.id);
    const leader = await processOf(record, folder);
    const observed = {
      makerAlive: leader === null && (await isAlive(record.maker)),
      hasStarted: leader !== null,
      processAlive: leader !== null && (await isAlive(leader)),
      exitCode: await exitCodeOf(record, folder),
    };
    const leading = (await this.associations()).filter(({ instanceId }) => instanceId === record.id);
    return toInstance(
      record,
      observed,
      leading.map(({ address }) => address),
    );
  }

  /** Ends the instance and all that it is on this machine. */
  async terminate(id: string, at: ErrorOrigin): Promise<void> {
    const record = await this.get(id, at);
    await this.#save({ ...record, intent: "terminating" });
    await this.#endProcesses(record);
    const associations = await this.store.list<AssociationRecord>("associations");
    for (const { address, instanceId } of associations) if (instanceId === id) await this.dissociate(address);
    await rm(this.folderOf(id), { recursive: true, force: true });
    const addresses = await this.store.list<AddressRecord>("addresses");
    for (const { address, usedBy } of addresses) if (usedBy === id) await this.store.remove("addresses", address);
    await this.store.remove("instances", recordName(id));
  }

  async stop(id: string, at: ErrorOrigin): Promise<void> {
    const record = await this.get(id, at);
    await this.#save({ ...record, intent: "stopped" });
    await this.#endProcesses(record);
  }

  async start(id: string, at: ErrorOrigin): Promise<void> {
    const before = await this.get(id, at);
    const leader = await processOf(before, this.folderOf(id));
    if (leader !== null && (await isAlive(leader))) {
      if (before.intent !== "stopped") return;
      throw new ConflictError("wrong-state", `${id} is stopping`, at);
    }
    const record: InstanceRecord = { ...before, intent: "running", starts: before.starts + 1 };
    await this.#save(record);
    await startProcesses(record, this.folderOf(id));
  }

  /** Associations whose forwarder runs, or is being started. */
  async associations(): Promise<AssociationRecord[]> {
    const all = await this.store.list<AssociationRecord>("associations");
    const alive = await Promise.all(all.map(async ({ forwarder, maker }) => await isAlive(forwarder ?? maker)));
    return all.filter((_, index) => alive[index]);
  }

  /** Ends the forwarder of an address. */
  async dissociate(address: string): Promise<void> {
    const association = await this.store.read<AssociationRecord>("associations", address);
    await endTree(association?.forwarder ?? null, forwarderMarker(this.store.folder, address));
    await this.store.remove("associations", address);
  }

  /** An address that no other instance of this folder has. */
  async #claimAddress(usedBy: string): Promise<string> {
    for (const address of addressesFor("instance", `${this.store.folder} ${usedBy}`)) {
      const record: AddressRecord = { address, usedBy };
      if (!hasOwnAddresses || (await this.store.create("addresses", address, record))) return address;
    }
    return "127.0.0.1";
  }

  async #endProcesses(record: InstanceRecord): Promise<void> {
    await endTree(await processOf(record, this.folderOf(record.id)), markerOf(record.id));
  }

  async #save(record: InstanceRecord): Promise<void> {
    await this.store.update("instances", recordName(record.id), record);
  }

  /** The instance that the key has: made a moment ago by somebody else, or left behind unfinished. */
  async #existing({ ownership }: Pick<InstanceRecord, "ownership">, at: ErrorOrigin): Promise<FoundInstance> {
    const { owner, key, fingerprint } = ownership;
    const record = await this.store.read<InstanceRecord>("instances", keyDigest(owner, key));
    const instance = record === null ? null : await this.observe(record);
    if (instance === null || instance.state === "failed" || instance.state === "terminating") {
      throw new ConflictError("token-spent", `the instance of ${key} has ended`, at);
    }
    if (instance.ownership?.fingerprint === fingerprint) return instance;
    throw new ConflictError("spec-mismatch", `the key ${key} stands for another specification`, at);
  }
}

/** In the environment of the process that forwards an address. */
export function forwarderMarker(folder: string, address: string): string {
  return `IAASKIT_FORWARDER=${folder} ${address}`;
}

/** One record for one key: so there is one instance of it. */
function recordName(id: string): string {
  return id.split("-")[1] ?? id;
}

function isInstanceId(id: string): boolean {
  return /^i-[0-9a-f]{20}-[0-9a-f]{6}$/.test(id);
}

function keyDigest(owner: string, key: string): string {
  return createHash("sha256")
    .update(JSON.stringify([owner, key]))
    .digest("hex")
    .slice(0, 20);
}
