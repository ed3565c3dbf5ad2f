import type { CallContext } from "../../iaas/call.ts";
import type { Page } from "../../iaas/model.ts";
import type { OpenStackClient, ServiceRequest } from "./client.ts";
import type { ServiceName } from "./connection.ts";

/** What is asked for on one page; an operator's own limit may be lower, which shows in the link to the next. */
const pageSize = 1_000;

interface Link {
  readonly rel?: string;
}

/** Where a list is, and under which field of the answer its items stand. */
export interface ListRequest extends Pick<ServiceRequest, "path" | "query" | "microversion"> {
  readonly service: ServiceName;
  readonly field: string;
  readonly marker: string | null;
}

/**
 * One page of a list of a service. The link to the next page tells that there is one; it is not followed, since it may
 * lead elsewhere: the last item's id is the marker.
 */
export async function pageOf<T extends object>(
  client: OpenStackClient,
  { service, path, query, microversion, field, marker }: ListRequest,
  idOf: (item: T) => string,
  context: CallContext,
): Promise<Page<T>> {
  const request = { path, query: { limit: pageSize, marker, ...query }, microversion };
  const body = await client.request<Readonly<Record<string, unknown>> | null>(service, request, context);
  const items = client.present(body?.[field], service, request, field) as readonly T[];
  const links = body?.[`${field}_links`] as readonly Link[] | undefined;
  const hasMore = links?.some(({ rel }) => rel === "next") === true || typeof body?.["next"] === "string";
  const last = items.at(-1);
  return { items, marker: hasMore && last !== undefined ? idOf(last) : null };
}
