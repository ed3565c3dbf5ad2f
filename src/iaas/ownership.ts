import { createHash } from "node:crypto";

import type { Capabilities } from "./capabilities.ts";
import type { Ownership } from "./model.ts";

/** Names of the tags in which the ownership is kept, on clouds that have tags. */
const tagNames = Object.freeze({
  owner: "iaaskit:owner",
  key: "iaaskit:key",
  generation: "iaaskit:generation",
  fingerprint: "iaaskit:fingerprint",
});

/** Name of the tag that holds the owner: what a provider filters its lists by. */
export const ownerTag = tagNames.owner;
/** Name of the tag that holds the key. */
export const keyTag = tagNames.key;

/** What owners and keys look like: they end up in tags, names and file names. */
export const identityPattern = /^[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,127}$/;
export const identityRule = "must be 1 to 128 letters, digits or ._:/@+=- and start with a letter or digit";

/** The tags that say who made a resource. */
export function tagsOf(ownership: Ownership): Record<string, string> {
  return {
    [tagNames.owner]: ownership.owner,
    [tagNames.key]: ownership.key,
    [tagNames.generation]: String(ownership.generation),
    ...(ownership.fingerprint === null ? {} : { [tagNames.fingerprint]: ownership.fingerprint }),
  };
}

/** Reads back what {@link tagsOf} wrote; `null` for a resource that no iaaskit made. */
export function ownershipOf(tags: Readonly<Record<string, string>>): Ownership | null {
  const owner = tags[tagNames.owner];
  const key = tags[tagNames.key];
  if (owner === undefined || key === undefined) return null;
  const generation = Number(tags[tagNames.generation] ?? 0);
  return { owner, key, generation, fingerprint: tags[tagNames.fingerprint] ?? null };
}

/** The caller's own tags: all but the ones that hold the ownership. */
export function callerTagsOf(tags: Readonly<Record<string, string>>): Record<string, string> {
  const reserved = new Set<string>(Object.values(tagNames));
  return Object.fromEntries(Object.entries(tags).filter(([name]) => !reserved.has(name)));
}

/** Number of tags that the ownership takes. */
export const ownershipTagCount = Object.keys(tagNames).length;

/** Short digest of a specification: equal for equal content, whatever the order of its fields. */
export function fingerprintOf(specification: unknown): string {
  return digest(canonical(specification)).slice(0, 24);
}

/**
 * The cloud's idempotency token for one attempt to launch: 32 lower-case letters and digits.
 *
 * Zone and size are part of it because EC2's tokens hold in one zone only, and because the same token
 * with another size is refused.
 * @see https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
 */
export function launchToken(ownership: Ownership, zone: string | null, size: string | null): string {
  const { owner, key, generation } = ownership;
  return digest(JSON.stringify([owner, key, generation, zone, size])).slice(0, 32);
}

/** A name made of the key, unique by a digest of owner and key, within the cloud's rules for names. */
export function nameFor(owner: string, key: string, names: Capabilities["names"]): string {
  const suffix = digest(JSON.stringify([owner, key])).slice(0, 8);
  const readable = key
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^[-0-9]+|-+$/g, "");
  const room = Math.min(names.maxLength.value, 63) - suffix.length - 1;
  const stem = readable.slice(0, room).replaceAll(/-+$/g, "");
  return `${stem === "" ? "i" : stem}-${suffix}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
