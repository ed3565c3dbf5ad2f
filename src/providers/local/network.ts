import { createHash } from "node:crypto";
import { createServer } from "node:net";

import { errorCode } from "./errors.ts";

/** Whether each instance has an address of its own: Linux answers on all of 127.0.0.0/8. */
export const hasOwnAddresses = process.platform === "linux";

/** Loopback blocks of our own: 127.64.0.0/10 for instances, 127.128.0.0/10 for floating IPs. */
const blocks = Object.freeze({ instance: 64, "floating-ip": 128 });

/** Addresses to try for `id`, the same each time; elsewhere than on Linux there is only one. */
export function* addressesFor(use: keyof typeof blocks, id: string): Generator<string> {
  if (!hasOwnAddresses) {
    yield "127.0.0.1";
    return;
  }
  for (let attempt = 0; ; attempt += 1) {
    const [a = 0, b = 0, c = 0] = createHash("sha256").update(`${id} ${attempt}`).digest();
    if (c > 0 && c < 255) yield `127.${blocks[use] + (a % 64)}.${b}.${c}`;
  }
}

/**
 * A port at which the instance can serve `port`: the same where it is free and this user may listen on it, else
 * the next that is.
 */
export async function portFor(address: string, port: number): Promise<number> {
  if (!hasOwnAddresses) return await listenable(address, 0);
  for (let candidate = port; candidate <= 65_535; candidate = candidate < 1_024 ? candidate + 8_000 : candidate + 1) {
    const usable = await listenable(address, candidate).catch((error: unknown) => {
      if (["EADDRINUSE", "EACCES"].includes(errorCode(error) ?? "")) return null;
      throw error;
    });
    if (usable !== null) return usable;
  }
  return await listenable(address, 0);
}

/** Listens for a moment. @returns The port, which `0` leaves to the operating system. */
async function listenable(address: string, port: number): Promise<number> {
  return await new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => {
        resolve(typeof bound === "object" && bound !== null ? bound.port : port);
      });
    });
  });
}
