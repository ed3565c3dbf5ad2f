import type { IncomingMessage, ServerResponse } from "node:http";

import { answerTo, type Delivery } from "./answer.ts";

/** What takes nothing for this long is cut off. */
const stalledMs = 30_000;

interface Opener {
  open(method: string, target: string, address: string): Promise<Delivery | null>;
}

/** Answers one request, and tells the host whether what it gave has arrived. */
export async function answerNode(
  host: Opener,
  request: IncomingMessage & { readonly originalUrl?: string },
  response: ServerResponse,
  onError: (error: unknown) => void,
): Promise<void> {
  const { socket, method = "", url = "", originalUrl = url } = request; // Express takes its mount path off `url`
  const delivery = await host.open(method, originalUrl, socket.remoteAddress ?? "").catch((error: unknown) => {
    onError(error);
    return undefined;
  });
  request.resume();
  if (delivery === undefined) {
    response.writeHead(503, { "cache-control": "no-store" }).end();
    return;
  }
  if (delivery !== null) watch(response, delivery);
  const { status, headers, body } = answerTo(delivery);
  response.writeHead(status, headers).end(body);
}

/**
 * A guest that has everything closes the connection in order, or lets it rest. One that was cut off resets it, or
 * takes no more: the system has often accepted all of a short body before the guest has read any of it.
 */
function watch(response: ServerResponse, { end }: Delivery): void {
  const { socket } = response;
  if (socket === null || socket.destroyed) {
    end("cut");
    return;
  }
  response.shouldKeepAlive = true; // a connection that this side closes first tells nothing any more
  response.setTimeout(stalledMs, () => socket.destroy());
  socket.once("close", (hadError: boolean) => {
    end(response.writableFinished && !hadError ? "delivered" : "cut");
  });
}
