import type { CloudModel } from "../model/cloud-model.ts";
import type { MetFaults } from "../faults.ts";
import type { Query } from "./query.ts";
import { Ec2Refusal } from "./refusals.ts";

/** What one request has to work with. */
export interface Ec2Request {
  readonly query: Query;
  readonly model: CloudModel;
  readonly met: MetFaults;
  readonly account: string;
}

/** What is listed: a resource, or something that came with the cloud. */
interface Listed {
  readonly id: string;
  readonly tags?: ReadonlyMap<string, string>;
}

/** Which values of a resource a filter looks at. */
export type FilterFields<T> = Readonly<Record<string, (resource: T) => readonly (string | null)[]>>;

/**
 * Those that pass every filter of the request.
 *
 * @throws Ec2Refusal for a filter that is not in `fields`.
 */
export function filtered<T extends Listed>(all: readonly T[], { query }: Ec2Request, fields: FilterFields<T>): T[] {
  const filters = query.parts("Filter").map((filter) => {
    const name = filter.required("Name");
    return { valuesOf: valuesOf(name, fields), patterns: filter.texts("Value").map(patternOf) };
  });
  return all.filter((resource) =>
    filters.every(({ valuesOf: read, patterns }) =>
      read(resource).some((value) => value !== null && patterns.some((pattern) => pattern.test(value))),
    ),
  );
}

function valuesOf<T extends Listed>(
  name: string,
  fields: FilterFields<T>,
): (resource: T) => readonly (string | null)[] {
  if (name.startsWith("tag:")) return ({ tags }) => [tags?.get(name.slice("tag:".length)) ?? null];
  if (name === "tag-key") return ({ tags }) => [...(tags?.keys() ?? [])];
  const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (read === undefined) throw new Ec2Refusal("InvalidParameterValue", `The filter '${name}' is invalid`);
  return read;
}

/** `*` stands for any characters and `?` for one, unless there is a backslash before it. */
function patternOf(value: string): RegExp {
  const source = value.replaceAll(/\\?[\s\S]/g, (part) => {
    if (part === "*") return ".*";
    if (part === "?") return ".";
    return part.slice(-1).replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`);
  });
  return new RegExp(`^${source}$`, "s");
}

/** The resources of `ids`, all of which must be there. */
export function chosen<T>(ids: readonly string[], all: readonly T[], get: (id: string) => T): readonly T[] {
  return ids.length === 0 ? all : [...new Set(ids)].map((id) => get(id));
}

/** One page of a list, and the token for the next one. */
export function paged<T extends Listed>(
  all: readonly T[],
  { query, met }: Ec2Request,
  { most = 1_000, idsGiven = false }: { readonly most?: number; readonly idsGiven?: boolean } = {},
): { readonly items: readonly T[]; readonly nextToken: string | undefined } {
  const asked = query.integer("MaxResults");
  if (asked !== null && idsGiven) {
    throw new Ec2Refusal("InvalidParameterCombination", "The parameter MaxResults cannot be used with ids");
  }
  if (asked !== null && (asked < 5 || asked > most)) {
    throw new Ec2Refusal("InvalidParameterValue", `Value ( ${asked} ) for parameter maxResults is invalid`);
  }
  const size = met.get("short-pages")?.size ?? asked ?? all.length;
  const start = startOf(query.text("NextToken"), all);
  const items = all.slice(start, start + size);
  const last = items.at(-1);
  const isLast = last === undefined || start + size >= all.length;
  const token = isLast ? undefined : Buffer.from(JSON.stringify([last.id, start + size])).toString("base64");
  return { items, nextToken: token };
}

/** Behind the item that the token names; where that was if it has gone since. */
function startOf(token: string | null, all: readonly Listed[]): number {
  if (token === null) return 0;
  try {
    const [id, place] = JSON.parse(Buffer.from(token, "base64").toString()) as [string, number];
    const index = all.findIndex((item) => item.id === id);
    return index === -1 ? Math.max(0, place - 1) : index + 1;
  } catch {
    throw new Ec2Refusal("InvalidNextToken", "The token for the next page is invalid");
  }
}

/** Tags that a request gives to what it makes. */
export function tagsFor(resourceType: string, { query }: Ec2Request): Map<string, string> {
  const specification = query.parts("TagSpecification").find((one) => one.text("ResourceType") === resourceType);
  return readTags(specification);
}

export function readTags(query: Query | undefined): Map<string, string> {
  const tags = (query?.parts("Tag") ?? []).map((tag) => [tag.required("Key"), tag.text("Value") ?? ""] as const);
  if (tags.length > 50) throw new Ec2Refusal("TagLimitExceeded", "More than 50 tags");
  const reserved = tags.find(([key]) => key.startsWith("aws:"));
  if (reserved !== undefined) {
    throw new Ec2Refusal("InvalidParameterValue", `Tag keys starting with 'aws:' are reserved: ${reserved[0]}`);
  }
  const long = tags.find(([key, value]) => key.length > 128 || value.length > 256);
  if (long !== undefined) throw new Ec2Refusal("InvalidParameterValue", `The tag ${long[0]} is too long`);
  return new Map(tags);
}

export function tagSet(tags: ReadonlyMap<string, string>): object {
  return { item: [...tags].map(([key, value]) => ({ key, value })) };
}
