/** A body on its way to a guest. */
export interface Delivery {
  readonly body: Uint8Array;
  /** Ends it: what was cut off may be fetched again for a minute, from this process. */
  readonly end: (outcome: "delivered" | "cut") => void;
}

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

/** The same for whatever is refused: a guess learns nothing. */
const refusal = Buffer.from("not found\n");
const commonHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** What a guest gets. */
export function answerTo(delivery: Delivery | null): Answer {
  const body = delivery?.body ?? refusal;
  const type = delivery === null ? "text/plain" : "application/octet-stream";
  const headers = { ...commonHeaders, "content-type": type, "content-length": String(body.byteLength) };
  return { status: delivery === null ? 404 : 200, headers, body };
}
