import type { Filter } from "@aws-sdk/client-ec2";

import { keyTag, ownerTag } from "../../iaas/ownership.ts";

/** More values than this EC2 refuses in one filter. */
const valuesAtMost = 200;

/** What belongs to the owner; of these keys only, where they are few enough. */
export function ownedBy(owner: string, keys: readonly string[] | null = null): Filter[] {
  const isFew = keys !== null && keys.length <= valuesAtMost;
  return [
    { Name: `tag:${ownerTag}`, Values: [owner] },
    ...(isFew ? [{ Name: `tag:${keyTag}`, Values: [...keys] }] : []),
  ];
}

/** Asks for the page behind a marker, and for as many items as EC2 gives at once. */
export function pageOf(marker: string | null, most = 1_000): { MaxResults: number; NextToken?: string } {
  return { MaxResults: most, ...(marker === null ? {} : { NextToken: marker }) };
}
