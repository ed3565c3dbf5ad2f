import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { type Clock, systemClock } from "../../iaas/clock.ts";
import type { PayloadStore } from "./store.ts";

/** Between two looks at all files; a file that is being written is not yet as young as it will say. */
const sweepEveryMs = 60_000;

/**
 * A store in a folder of one file system, which several processes may share. Files are for their user alone (0600);
 * the time of a file is the time at which it ends. The take is a rename: one of any number of takers succeeds.
 */
export function folderPayloadStore(folder: string, options: { readonly clock?: Clock | undefined } = {}): PayloadStore {
  const { clock = systemClock } = options;

  let sweptAt = Number.NEGATIVE_INFINITY;

  async function sweep(): Promise<void> {
    const now = clock.now();
    if (now - sweptAt < sweepEveryMs) return;
    sweptAt = now;
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      const found = await unlessMissing(stat(file)); // somebody may just have taken it
      if (found !== null && found.mtimeMs + sweepEveryMs <= now) await rm(file, { force: true });
    }
  }

  return {
    async put(id, bytes, { ttlMs }) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await sweep();
      const writing = join(folder, `${id}.${randomUUID()}`);
      const file = await open(writing, "wx", 0o600);
      try {
        const endsAt = (clock.now() + ttlMs) / 1_000;
        await file.writeFile(bytes);
        await file.utimes(endsAt, endsAt);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(writing, join(folder, id));
    },
    async take(id) {
      const taken = join(folder, `${id}.${randomUUID()}`);
      if ((await unlessMissing(rename(join(folder, id), taken).then(() => true))) === null) return null;
      try {
        return (await stat(taken)).mtimeMs <= clock.now() ? null : await readFile(taken);
      } finally {
        await rm(taken, { force: true });
      }
    },
    async delete(id) {
      await rm(join(folder, id), { force: true });
    },
  };
}

/** The result; `null` when the file is not there. */
async function unlessMissing<T>(result: Promise<T>): Promise<T | null> {
  try {
    return await result;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
