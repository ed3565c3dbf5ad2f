import { createHash } from "node:crypto";

/**
 * Server tags that hold digests of owner and key: Nova finds servers by their tags, and by nothing else that a caller
 * may choose. A tag has at most 60 characters, and neither `/` nor `,`; the texts themselves stand in the metadata.
 *
 * @see https://docs.openstack.org/api-ref/compute/#server-tags-servers-tags
 */
export function searchTagsOf(owner: string, key: string): string[] {
  return [ownerTagOf(owner), keyTagOf(key)];
}

/** The tag of everything of an owner. */
export function ownerTagOf(owner: string): string {
  return `iaaskit-owner-${digest(owner)}`;
}

/** The tag of everything of a key. */
export function keyTagOf(key: string): string {
  return `iaaskit-key-${digest(key)}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
