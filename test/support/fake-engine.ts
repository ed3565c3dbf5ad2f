import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that a fake engine has got: as `POST /containers/create`, without the version. */
export interface EngineRequest {
  readonly line: string;
  /** As `v1.41`; empty where none is asked for. */
  readonly version: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** What it answers: a status and JSON, or a text as it is. */
export type EngineAnswer = readonly [status: number, body: unknown];

/** An engine on a port of loopback that answers as a test wants; what the test does not say is `/version` and 404. */
export async function fakeEngine(answer: (request: EngineRequest) => EngineAnswer | null): Promise<{
  readonly endpoint: string;
  readonly requests: readonly EngineRequest[];
  readonly [Symbol.asyncDispose]: () => Promise<void>;
}> {
  const requests: EngineRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const url = new URL(incoming.url ?? "/", "http://engine");
      const line = `${incoming.method} ${decodeURIComponent(url.pathname.replace(/^\/v[\d.]+/, ""))}`;
      const [, version = ""] = /^\/(v[\d.]+)\//.exec(url.pathname) ?? [];
      const request = {
        line,
        version,
        query: url.searchParams,
        headers: incoming.headers,
        body: Buffer.concat(chunks),
      };
      requests.push(request);
      const [status, body] = answer(request) ?? usual(line);
      response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function usual(line: string): EngineAnswer {
  if (line === "GET /version") return [200, { ApiVersion: "1.41", MinAPIVersion: "1.12" }];
  return [404, { message: `no answer to ${line}` }];
}
