import type { Ownership } from "../../iaas/model.ts";

/**
 * Neutron's resources have neither metadata nor, at creation, tags: who made one stands at the beginning of its
 * description, in at most 255 characters. Owners and keys have no blanks in them.
 *
 * @see https://docs.openstack.org/api-ref/network/v2/#standard-attributes-extension
 */
const descriptionAtMost = 255;

/** So long an owner may be: with `iaaskit `, a blank and the longest key of a part of an intent, 255 characters. */
export const ownerAtMost = 100;

/** A description that says who made it, and then what it is for, as far as there is room. */
export function markOf({ owner, key }: Ownership, text = ""): string {
  return ["iaaskit", owner, key, text].join(" ").trim().slice(0, descriptionAtMost);
}

/** Reads back what {@link markOf} wrote; `null` for what no iaaskit made. */
export function ownershipIn(text: string | null | undefined): Ownership | null {
  const [, owner, key] = /^iaaskit (\S+) (\S+)(?: |$)/.exec(text ?? "") ?? [];
  return owner === undefined || key === undefined ? null : { owner, key, generation: 0, fingerprint: null };
}
