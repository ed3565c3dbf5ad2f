import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface ProxyHooks {
  /** Changes a request before it is passed on. */
  readonly rewrite?: (form: URLSearchParams) => void;
  /** Answers a client token that has been answered before with the same answer, as EC2 does and moto does not. */
  readonly honourTokens?: boolean;
  /** EC2's code with which an action is refused, instead of being passed on. */
  readonly refuse?: (action: string, form: URLSearchParams) => string | null | Promise<string | null>;
  /** Called when the cloud has answered, and before the client has got the answer: an answer is held for as long. */
  readonly answered?: (action: string) => Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly content: Buffer;
}

/** Stands between a client and moto on loopback. */
export async function proxyTo(endpoint: string, { rewrite, honourTokens = false, refuse, answered }: ProxyHooks) {
  const actions: string[] = [];
  const tokens = new Map<string, Promise<Answer>>();
  const server = createServer((incoming, outgoing) => {
    void pass(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const form = new URLSearchParams((await buffer(incoming)).toString());
    const action = form.get("Action") ?? "";
    actions.push(action);
    const code = (await refuse?.(action, form)) ?? null;
    if (code !== null) {
      const error = `<Error><Code>${code}</Code><Message>The proxy says ${code}</Message></Error>`;
      outgoing.writeHead(500, { "content-type": "text/xml;charset=UTF-8" });
      outgoing.end(`<Response><Errors>${error}</Errors><RequestID>proxy</RequestID></Response>`);
      return;
    }
    rewrite?.(form);
    const { status, type, content } = await answerTo(form, incoming);
    await answered?.(action);
    outgoing.writeHead(status, { "content-type": type });
    outgoing.end(content);
  }

  async function answerTo(form: URLSearchParams, incoming: IncomingMessage): Promise<Answer> {
    const token = form.get("ClientToken");
    if (!honourTokens || token === null) return await forward(form, incoming);
    const known = tokens.get(token);
    if (known !== undefined) return await known;
    const answering = forward(form, incoming);
    tokens.set(token, answering);
    if ((await answering).status !== 200) tokens.delete(token);
    return await answering;
  }

  async function forward(form: URLSearchParams, incoming: IncomingMessage): Promise<Answer> {
    const body = form.toString();
    const headers = { ...incoming.headers, "content-length": Buffer.byteLength(body) };
    const forwarded = request(endpoint, { method: "POST", headers }).end(body);
    const [answer] = (await once(forwarded, "response")) as [IncomingMessage];
    const type = answer.headers["content-type"] ?? "text/xml";
    return { status: answer.statusCode ?? 502, type, content: await buffer(answer) };
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** What was asked for, in its order. */
    actions,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
