import type { InputPosition } from "../iaas/errors.ts";

/** A definition as plain values, and where each of them stands. */
export interface Document {
  readonly value: unknown;
  /** The place of the value at a path, or of the nearest value around it. */
  readonly positionOf: (path: readonly PropertyKey[]) => InputPosition;
}

/** Something that is accepted and probably not meant. */
export interface CartridgeWarning {
  /** Path of the value, as `iaasProvider[0].property[2]`. */
  readonly field: string;
  readonly message: string;
  readonly file?: string | undefined;
  /** From 1, where the format has lines. */
  readonly line?: number | undefined;
}
