import type { Kind, Refusal, RefusalReason } from "../model/refusal.ts";

/** An error that only this dialect knows. */
export class Ec2Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** EC2's codes for what the model refuses. */
const codes: Readonly<Partial<Record<`${Kind} ${RefusalReason}`, string>>> = {
  "instance not-found": "InvalidInstanceID.NotFound",
  "instance wrong-state": "IncorrectInstanceState",
  "instance quota": "InstanceLimitExceeded",
  "instance token-mismatch": "IdempotentParameterMismatch",
  "instance token-spent": "IdempotentInstanceTerminated",
  "image not-found": "InvalidAMIID.NotFound",
  "image duplicate": "InvalidAMIName.Duplicate",
  "image invalid": "AuthFailure",
  "zone capacity": "InsufficientInstanceCapacity",
  "address not-found": "InvalidAllocationID.NotFound",
  "address in-use": "InvalidIPAddress.InUse",
  "address quota": "AddressLimitExceeded",
  "association not-found": "InvalidAssociationID.NotFound",
  "association in-use": "Resource.AlreadyAssociated",
  "group not-found": "InvalidGroup.NotFound",
  "group duplicate": "InvalidGroup.Duplicate",
  "group in-use": "DependencyViolation",
  "group quota": "SecurityGroupLimitExceeded",
  "rule duplicate": "InvalidPermission.Duplicate",
  "rule not-found": "InvalidPermission.NotFound",
  "keyPair not-found": "InvalidKeyPair.NotFound",
  "keyPair duplicate": "InvalidKeyPair.Duplicate",
  "keyPair quota": "KeyPairLimitExceeded",
  "volume not-found": "InvalidVolume.NotFound",
  "volume in-use": "VolumeInUse",
  "volume wrong-state": "IncorrectState",
  "volume quota": "VolumeLimitExceeded",
  "snapshot not-found": "InvalidSnapshot.NotFound",
  "snapshot in-use": "InvalidSnapshot.InUse",
  "snapshot quota": "SnapshotLimitExceeded",
};

export function ec2CodeOf({ kind, reason }: Refusal): string {
  return codes[`${kind} ${reason}`] ?? "InvalidParameterValue";
}
