/**
 * Keys of what is made on behalf of an intent: `//` cannot stand in a caller's key.
 *
 * When the intent's instance is terminated all go but a kept volume, and a volume that came with the image: that
 * one the cloud ends or keeps, as the image says.
 */
export type Part = "floating-ip" | "security-group" | "volume" | "kept-volume" | "image-volume";

export function partKey(key: string, part: Part, index?: number): string {
  return `${key}//${part}${index === undefined ? "" : `-${index}`}`;
}

/** The caller's key for which a resource was made. */
export function intentOf(key: string): string {
  return key.split("//", 1)[0] ?? key;
}

/** Whether a resource goes when the instance of `key` is terminated. */
export function goesWith(resourceKey: string | undefined, key: string): boolean {
  if (resourceKey?.startsWith(`${key}//`) !== true) return false;
  return ![partKey(key, "kept-volume"), partKey(key, "image-volume")].some((kept) => resourceKey.startsWith(kept));
}
