/** What a resource is, in the words of this library. */
export type Kind =
  | "instance"
  | "image"
  | "size"
  | "zone"
  | "address"
  | "association"
  | "group"
  | "rule"
  | "keyPair"
  | "volume"
  | "snapshot";

/** Why the model refuses; each dialect has its own word for it. */
export type RefusalReason =
  | "not-found"
  | "duplicate"
  | "in-use"
  | "wrong-state"
  | "quota"
  | "capacity"
  | "user-data-too-large"
  | "token-mismatch"
  | "token-spent"
  | "invalid";

/** Why the model does not do something. */
export class Refusal extends Error {
  readonly reason: RefusalReason;
  readonly kind: Kind;

  constructor(reason: RefusalReason, kind: Kind, message: string) {
    super(message);
    this.name = "Refusal";
    this.reason = reason;
    this.kind = kind;
  }
}
