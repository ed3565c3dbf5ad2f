/** Stands for the shed cloud: machines in memory, behind HTTP on loopback. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const pageSize = 20;

/** @returns Its address, and a way to look at what it has. */
export async function startShed(token: string) {
  const machines = new Map<string, { id: string; status: string; labels: Record<string, string> }>();
  const server = createServer((request, response) => void serve(request, response));

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, body: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${token}`) return answer(401, "who are you?");
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://shed");
    const [, , id] = pathname.split("/");
    if (pathname === "/account") return answer(200, { account: "shed-1" });
    if (request.method === "POST") {
      const asked = (await bodyOf(request)) as { image: string; labels: Record<string, string> };
      if (asked.image !== "debian-12") return answer(422, `is ${asked.image}, there is no such image`);
      const created = { created: new Date().toISOString(), address: "127.0.0.1" };
      const machine = { ...asked, ...created, id: `shed-${machines.size + 1}`, status: "running" };
      machines.set(machine.id, machine);
      return answer(201, machine);
    }
    if (id === undefined) {
      const all = [...machines.values()];
      const start = Number(searchParams.get("after"));
      const next = start + pageSize < all.length ? String(start + pageSize) : null;
      return answer(200, { machines: all.slice(start, start + pageSize), next });
    }
    const machine = machines.get(decodeURIComponent(id));
    if (machine === undefined || machine.status === "deleted") return answer(404, `no machine ${id}`);
    if (request.method === "DELETE") machine.status = "deleted";
    return answer(200, machine);
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    left: () => [...machines.values()].filter(({ status }) => status !== "deleted").map(({ id }) => id),
    [Symbol.asyncDispose]: async () => await new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
}
