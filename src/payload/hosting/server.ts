import { once } from "node:events";
import type { RequestListener, Server } from "node:http";

import { type ErrorOrigin } from "../../iaas/errors.ts";
import { check, checkFields, isIntegerIn } from "../../iaas/validation.ts";

export interface ListenOptions {
  /** Default: that of the host's URL. */
  readonly port?: number | undefined;
  /** Address of this machine to listen on. Default: all of them. */
  readonly hostname?: string | undefined;
  /** Key and certificates in PEM: needed for an `https` URL, unless a proxy ends TLS. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
}

/** A host that listens. */
export interface PayloadServer extends AsyncDisposable {
  readonly port: number;
  /** Stop listening; what is being delivered is cut off. */
  close(): Promise<void>;
}

const at: ErrorOrigin = { provider: "iaaskit", operation: "PayloadHost.listen" };
/** A request is one line and a few headers: whoever takes longer for them does not mean it. */
const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 5_000,
};
const connectionsAtMost = 1_000;

/** @internal */
export async function listen(url: string, listener: RequestListener, options: ListenOptions): Promise<PayloadServer> {
  checkFields(options, ["port", "hostname", "tls"], "", at);
  const { protocol, port: named } = new URL(url);
  const { port = Number(named === "" ? (protocol === "https:" ? 443 : 80) : named), hostname, tls } = options;
  check(isIntegerIn(port, 0, 65_535), "port", "must be a whole number from 0 to 65535", at);
  const server = await create(listener, tls);
  server.maxConnections = connectionsAtMost;
  server.listen(port, hostname);
  await once(server, "listening");
  const address = server.address();
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Loaded here: who only launches needs no server. */
async function create(listener: RequestListener, tls: ListenOptions["tls"]): Promise<Server> {
  if (tls === undefined) return (await import("node:http")).createServer(limits, listener);
  return (await import("node:https")).createServer({ ...limits, ...tls }, listener);
}
