import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { buffer } from "node:stream/consumers";

import { PayloadHost, type PayloadHostOptions } from "iaaskit";

export const hostSecret = "0123456789abcdef0123456789abcdef";
export const intent = { owner: "me", key: "one", generation: 0 };

/** A host on a port of this machine, through its listener for `node:http`. */
export async function servedHost(options: Partial<PayloadHostOptions> & { readonly path?: string } = {}) {
  const { path = "", ...others } = options;
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const host = new PayloadHost({ url: `http://127.0.0.1:${port}/${path}`, secret: hostSecret, ...others });
  server.on("request", host.nodeListener());
  return {
    host,
    server,
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export interface Answered {
  readonly status: number;
  /** Without the date. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** One request on a connection of its own, with the path exactly as it is given. */
export async function ask(port: number, path: string, method = "GET"): Promise<Answered> {
  const socket = connect(port, "127.0.0.1");
  socket.end(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  const answer = (await buffer(socket)).toString();
  const end = answer.indexOf("\r\n\r\n");
  const [status = "", ...headers] = answer.slice(0, end).split("\r\n");
  return {
    status: Number(status.split(" ")[1]),
    headers: headers.filter((header) => !header.startsWith("Date:")),
    body: answer.slice(end + 4),
  };
}

/** The path of a URL. */
export function pathOf(url: string): string {
  return new URL(url).pathname;
}

/** A port of this machine on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
