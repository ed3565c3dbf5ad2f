import type { Call, Caller } from "./call.ts";
import type { FacetTypes } from "./capabilities.ts";
import { IaasError } from "./errors.ts";
import type { Instances } from "./instances.ts";
import { collect } from "./iteration.ts";
import type { CallOptions, Ownership, ResourceKind, ResourceRef } from "./model.ts";
import { intentOf } from "./parts.ts";
import { check } from "./validation.ts";

export interface SweepOptions extends CallOptions {
  /**
   * The keys that somebody still wants: of instances, volumes, addresses and snapshots their `key`, of security
   * groups, key pairs and images their name. Or a test of one resource. What it leaves out will go.
   */
  readonly keep: readonly string[] | ((resource: ResourceRef & { readonly key: string }) => boolean);
  /** Younger things are left alone: somebody may be about to claim them. Default 15 minutes. */
  readonly minAgeMs?: number | undefined;
  /** Only tell what would be done. Default true. */
  readonly dryRun?: boolean | undefined;
}

/** What a pass has found and done, or would have done in a dry run. */
export interface SweepReport {
  /** Resources of this owner, in all. */
  readonly found: number;
  /** Marked in this pass: gone in a later one, if still nobody claims them. */
  readonly marked: readonly ResourceRef[];
  /** Marked in an earlier pass, and deleted in this one. */
  readonly deleted: readonly ResourceRef[];
  /** Could not be deleted now, and why. They stay marked. */
  readonly failed: readonly (ResourceRef & { readonly reason: string })[];
  /** Set when so much would go that it looks like a mistake: nothing was deleted. */
  readonly stopped: string | null;
}

interface Candidate {
  readonly resource: ResourceRef;
  readonly key: string;
  /** `null` where the cloud does not tell: then it counts from when a pass first saw it. */
  readonly createdAt: Date | null;
  readonly remove: (call: Call) => Promise<void>;
}

export interface SweeperParts {
  readonly caller: Caller;
  readonly instances: Instances;
  readonly facets: Partial<FacetTypes>;
  readonly terminate: (id: string, call: Call) => Promise<void>;
}

const defaultMinAgeMs = 15 * 60_000;

/** Finds what nobody claims any more, marks it, and in a later pass deletes what is still unclaimed. */
export class Sweeper {
  readonly #parts: SweeperParts;
  /** When a pass first saw something that nobody claims. */
  readonly #marks = new Map<string, number>();

  constructor(parts: SweeperParts) {
    this.#parts = parts;
  }

  async sweep(options: SweepOptions, call: Call): Promise<SweepReport> {
    const { keep, minAgeMs = defaultMinAgeMs, dryRun = true } = options;
    check(Array.isArray(keep) || typeof keep === "function", "keep", "is missing: the keys that must stay", call.at);
    check(minAgeMs >= 0, "minAgeMs", "must not be negative", call.at);
    const isKept = typeof keep === "function" ? keep : keptBy(keep);
    const all = await this.#everything(call); // one list that fails, and nothing is deleted
    const unclaimed = all.filter(({ resource, key }) => !isKept({ ...resource, key: intentOf(key) }));
    const names = new Set(unclaimed.map(nameOf));
    for (const marked of this.#marks.keys()) if (!names.has(marked)) this.#marks.delete(marked);

    const now = call.clock.now();
    const fresh = unclaimed.filter((candidate) => !this.#marks.has(nameOf(candidate)));
    const condemned = unclaimed.filter((candidate) => {
      const seenAt = this.#marks.get(nameOf(candidate));
      return seenAt !== undefined && now - (candidate.createdAt?.getTime() ?? seenAt) >= minAgeMs;
    });
    const report = {
      found: all.length,
      marked: fresh.map(({ resource }) => resource),
      deleted: condemned.map(({ resource }) => resource),
      failed: [],
      stopped: null,
    };
    const most = Math.max(5, Math.floor(all.length / 10));
    if (condemned.length > most) {
      const stopped = `${condemned.length} of ${all.length} would go, ${most} may; nothing was deleted`;
      return { ...report, marked: [], deleted: [], stopped };
    }
    if (dryRun) return report;
    for (const candidate of fresh) this.#marks.set(nameOf(candidate), now);
    return { ...report, ...(await this.#delete(condemned, call)) };
  }

  async #delete(condemned: readonly Candidate[], call: Call): Promise<Pick<SweepReport, "deleted" | "failed">> {
    const deleted: ResourceRef[] = [];
    const failed: (ResourceRef & { readonly reason: string })[] = [];
    for (const { resource, remove } of condemned) {
      try {
        await remove(call);
        deleted.push(resource);
      } catch (error) {
        call.signal.throwIfAborted();
        if (!IaasError.is(error)) throw error;
        failed.push({ ...resource, reason: error.message });
      }
    }
    return { deleted, failed };
  }

  /** All that this owner has, in the order in which it can be deleted. */
  async #everything(call: Call): Promise<Candidate[]> {
    const { instances, terminate, facets, caller } = this.#parts;
    const { floatingIps, volumes, securityGroups, keyPairs, images } = facets;
    const { signal } = call;
    const running = (await collect(instances.list("sweep", null, { signal }))).filter(
      ({ state }) => state !== "terminated" && state !== "terminating",
    );
    const snapshots = caller.capabilities.volumes;
    const hasSnapshots = typeof snapshots === "object" && snapshots.snapshots;
    return [
      ...candidates("instance", running, async ({ id }, inner) => await terminate(id, inner)),
      ...candidates(
        "floating-ip",
        (await floatingIps?.owned(call)) ?? [],
        async (ip, inner) => await floatingIps?.releaseOwned(ip, inner),
      ),
      ...candidates("volume", (await volumes?.owned(call)) ?? [], async (volume, inner) => {
        if (volumes !== undefined) await volumes.deleteOwned(await volumes.detachKnown(volume, inner), inner);
      }),
      ...candidates(
        "snapshot",
        hasSnapshots && volumes !== undefined ? await collect(volumes.listSnapshots({ signal })) : [],
        async ({ id }) => await volumes?.deleteSnapshot({ snapshotId: id, signal }),
      ),
      ...candidates(
        "security-group",
        (await securityGroups?.owned(call)) ?? [],
        async (group, inner) => await securityGroups?.deleteOwned(group, inner),
      ),
      ...candidates(
        "key-pair",
        keyPairs === undefined ? [] : await collect(keyPairs.list({ signal })),
        async ({ name }) => await keyPairs?.delete({ name, signal }),
      ),
      ...candidates(
        "image",
        images === undefined ? [] : await collect(images.list({ signal })),
        async ({ id }) => await images?.delete({ id, signal }),
      ),
    ];
  }
}

function candidates<T extends { readonly id: string; readonly ownership: Ownership | null }>(
  kind: ResourceKind,
  items: readonly T[],
  remove: (item: T, call: Call) => Promise<void>,
): Candidate[] {
  return items.map((item) => ({
    resource: { kind, id: item.id },
    key: item.ownership?.key ?? "",
    createdAt: "createdAt" in item && item.createdAt instanceof Date ? item.createdAt : null,
    remove: async (call) => {
      await remove(item, call);
    },
  }));
}

function keptBy(keys: readonly string[]): (resource: { readonly key: string }) => boolean {
  const kept = new Set(keys);
  return ({ key }) => kept.has(key);
}

function nameOf({ resource }: Candidate): string {
  return `${resource.kind} ${resource.id}`;
}
