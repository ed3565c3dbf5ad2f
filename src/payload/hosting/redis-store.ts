import type { PayloadStore } from "./store.ts";

/** What is needed of a Redis client: the one of the package `redis` has it. */
export interface RedisCommands {
  sendCommand(command: string[]): Promise<unknown>;
}

/**
 * A store in Redis 6.2 or later, for any number of controllers. The take is one `GETDEL`; Redis ends what is over.
 *
 * @param client A connected client, as `createClient()` of the package `redis` makes it. Stays the caller's to close.
 * @see https://redis.io/docs/latest/commands/getdel/
 */
export function redisPayloadStore(
  client: RedisCommands,
  options: { readonly prefix?: string | undefined } = {},
): PayloadStore {
  const { prefix = "iaaskit:payload:" } = options;
  return {
    async put(id, bytes, { ttlMs }) {
      // As base64: clients read answers as text.
      await client.sendCommand(["SET", prefix + id, Buffer.from(bytes).toString("base64"), "PX", String(ttlMs)]);
    },
    async take(id) {
      const answer = await client.sendCommand(["GETDEL", prefix + id]);
      const text = answer instanceof Uint8Array ? Buffer.from(answer).toString() : answer;
      return typeof text === "string" ? Buffer.from(text, "base64") : null;
    },
    async delete(id) {
      await client.sendCommand(["DEL", prefix + id]);
    },
  };
}
