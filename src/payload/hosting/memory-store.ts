import { type Clock, systemClock } from "../../iaas/clock.ts";
import type { PayloadStore } from "./store.ts";

/** A store in this process: what waits ends with it. For one controller that may lose payloads when it restarts. */
export function memoryPayloadStore(options: { readonly clock?: Clock | undefined } = {}): PayloadStore {
  const { clock = systemClock } = options;
  const entries = new Map<string, { readonly bytes: Uint8Array; readonly endsAt: number }>();
  return {
    async put(id, bytes, { ttlMs }) {
      for (const [other, { endsAt }] of entries) if (endsAt <= clock.now()) entries.delete(other);
      entries.set(id, { bytes: Uint8Array.from(bytes), endsAt: clock.now() + ttlMs });
      await Promise.resolve();
    },
    async take(id) {
      const entry = entries.get(id);
      entries.delete(id);
      return await Promise.resolve(entry !== undefined && entry.endsAt > clock.now() ? entry.bytes : null);
    },
    async delete(id) {
      entries.delete(id);
      await Promise.resolve();
    },
  };
}
