import type { FloatingIp } from "../../iaas/floating-ips.ts";
import type { FoundInstance, InstanceFailure, InstanceState } from "../../iaas/model.ts";
import type { Snapshot, Volume } from "../../iaas/volumes.ts";
import type { AssociationRecord, FloatingIpRecord, InstanceRecord, SnapshotRecord, VolumeRecord } from "./model.ts";

/** What is known of an instance's processes. */
export interface Observation {
  /** The one that makes the instance is still at it. */
  readonly makerAlive: boolean;
  /** A process of the present start has been seen. */
  readonly hasStarted: boolean;
  readonly processAlive: boolean;
  /** `null`: killed, or not ended. */
  readonly exitCode: number | null;
}

export function toInstance(
  record: InstanceRecord,
  observed: Observation,
  publicAddresses: readonly string[],
): FoundInstance {
  const { id, name, ownership, imageId, address, publishedPorts, createdAt, tags } = record;
  return {
    id,
    name,
    ownership,
    imageId,
    publishedPorts,
    tags,
    ...stateOf(record, observed),
    size: null,
    placement: { region: null, zone: null, host: null },
    addresses: { private: address === "" ? [] : [address], public: publicAddresses },
    createdAt: new Date(createdAt),
  };
}

function stateOf(
  { intent }: InstanceRecord,
  { makerAlive, hasStarted, processAlive, exitCode }: Observation,
): { readonly state: InstanceState; readonly failure: InstanceFailure | null } {
  if (intent === "terminating") return { state: "terminating", failure: null };
  if (processAlive) return { state: intent === "stopped" ? "stopping" : "running", failure: null };
  if (intent === "stopped" || (hasStarted && exitCode === 0)) return { state: "stopped", failure: null };
  if (!hasStarted && makerAlive) return { state: "pending", failure: null };
  return { state: "failed", failure: failureOf(hasStarted, exitCode) };
}

function failureOf(hasStarted: boolean, exitCode: number | null): InstanceFailure {
  if (!hasStarted) return { vendorCode: "NeverStarted", message: "whoever launched it ended before it had started" };
  if (exitCode === null) return { vendorCode: "Killed", message: "its processes were killed" };
  return { vendorCode: "Exited", message: `its command ended with exit code ${exitCode}` };
}

export function toFloatingIp(record: FloatingIpRecord, association: AssociationRecord | undefined): FloatingIp {
  const { address, ownership } = record;
  return { id: address, address, ownership, instanceId: association?.instanceId ?? null };
}

export function toVolume({ id, sizeGiB, createdAt, ownership, attachment }: VolumeRecord): Volume {
  const state = attachment === null ? "available" : "in-use";
  return { id, sizeGiB, zone: null, state, attachment, createdAt: new Date(createdAt), ownership };
}

export function toSnapshot({ id, volumeId, createdAt, ownership }: SnapshotRecord): Snapshot {
  return { id, volumeId, state: "available", createdAt: new Date(createdAt), ownership };
}
