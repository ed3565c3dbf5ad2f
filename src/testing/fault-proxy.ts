import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

import { InvalidInputError } from "../iaas/errors.ts";

/** Which connections a fault meets: not the first `skip` ones; `times` of them, at first one. */
interface ConnectionMeeting {
  /** Default: 1. */
  readonly times?: number | undefined;
  /** Default: 0. */
  readonly skip?: number | undefined;
}

/**
 * Something that goes wrong with a connection; the request gets through, except with `half-open`.
 *
 * - `delay`: the answer comes `delayMs` later.
 * - `drip`: the answer comes in portions of `bytes`, one every `everyMs`.
 * - `cut`: the connection ends after `afterBytes` of the answer.
 * - `reset`: the connection is reset after `afterBytes` of the answer.
 * - `hold`: the answer never comes.
 * - `half-open`: the other end is gone and nobody has told: nothing gets through in either direction.
 * - `swap`: somebody else answers, as a portal or a gateway does: with `body`, and `status`, at first 200.
 */
export type ConnectionFault = ConnectionMeeting &
  (
    | { readonly kind: "delay"; readonly delayMs: number }
    | { readonly kind: "drip"; readonly bytes: number; readonly everyMs: number }
    | { readonly kind: "cut" | "reset"; readonly afterBytes: number }
    | { readonly kind: "hold" | "half-open" }
    | { readonly kind: "swap"; readonly body: string; readonly status?: number | undefined }
  );

/** A proxy on 127.0.0.1, until it is disposed. */
export interface FaultProxy extends AsyncDisposable {
  /** Where it listens, in the form of the address behind it. */
  readonly endpoint: string;
  /** Let something else go wrong with the connections from now on. */
  readonly inject: (fault: ConnectionFault) => void;
}

const kinds: readonly string[] = Object.keys({
  delay: 0,
  drip: 0,
  cut: 0,
  reset: 0,
  hold: 0,
  "half-open": 0,
  swap: 0,
} satisfies Record<ConnectionFault["kind"], 0>);

/**
 * Put a bad network in front of any HTTP back end on this machine, a real one too.
 *
 * Each fault is used up as connections meet it, in their order; others pass as they are.
 * @throws InvalidInputError for a fault that is not known; the error lists those that are.
 */
export async function faultProxy(target: string, faults: readonly ConnectionFault[] = []): Promise<FaultProxy> {
  const { hostname, port, protocol, pathname } = new URL(target);
  const script: { readonly fault: ConnectionFault; skip: number; times: number }[] = [];
  const inject = (fault: ConnectionFault): void => {
    if (!kinds.includes(fault.kind)) {
      const rule = `have the kind ${JSON.stringify(fault.kind)}, which is none of: ${kinds.join(", ")}`;
      throw new InvalidInputError("faults", rule, { provider: "proxy", operation: "faultProxy" });
    }
    script.push({ fault, skip: fault.skip ?? 0, times: fault.times ?? 1 });
  };
  for (const fault of faults) inject(fault);

  const next = (): ConnectionFault | null => {
    const active = script.find(({ times }) => times > 0);
    if (active === undefined) return null;
    if (active.skip > 0) {
      active.skip -= 1;
      return null;
    }
    active.times -= 1;
    return active.fault;
  };

  const open = new Set<Socket>();
  const keep = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy()); // each end learns of the other's end by its own
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    keep(client);
    const fault = next();
    if (fault?.kind === "half-open") return;
    const upstream = connect({ host: hostname, port: Number(port) });
    keep(upstream);
    client.once("close", () => upstream.destroy());
    client.pipe(upstream);
    if (fault === null) {
      upstream.once("close", () => client.destroySoon());
      upstream.pipe(client, { end: false });
    } else answer(upstream, client, fault).catch(() => client.destroy()); // the back end has cut it off by itself
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const own = (server.address() as AddressInfo).port;
  return {
    endpoint: `${protocol}//127.0.0.1:${own}${pathname.replace(/\/$/, "")}`,
    inject,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Passes an answer on as the fault has it. */
async function answer(upstream: Socket, client: Socket, fault: ConnectionFault): Promise<void> {
  let passed = 0;
  for await (const chunk of upstream as AsyncIterable<Buffer>) {
    switch (fault.kind) {
      case "hold":
      case "half-open":
        await once(client, "close");
        return;
      case "swap": {
        const length = Buffer.byteLength(fault.body);
        const head = `HTTP/1.1 ${fault.status ?? 200} Swapped\r\ncontent-type: text/html\r\ncontent-length: ${length}`;
        client.end(`${head}\r\nconnection: close\r\n\r\n${fault.body}`);
        return;
      }
      case "delay":
        if (passed === 0) await delay(fault.delayMs);
        client.write(chunk);
        break;
      case "drip":
        for (let start = 0; start < chunk.byteLength && !client.destroyed; start += fault.bytes) {
          client.write(chunk.subarray(start, start + fault.bytes));
          await delay(fault.everyMs);
        }
        break;
      case "cut":
      case "reset": {
        const part = chunk.subarray(0, fault.afterBytes - passed);
        if (part.byteLength > 0) await new Promise((written) => client.write(part, written));
        if (passed + chunk.byteLength < fault.afterBytes) break;
        if (fault.kind === "reset") client.resetAndDestroy();
        else client.destroySoon();
        return;
      }
    }
    passed += chunk.byteLength;
  }
  if (fault.kind === "hold") await once(client, "close");
  else client.destroySoon();
}
