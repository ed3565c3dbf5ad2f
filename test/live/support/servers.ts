import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chown } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { temporaryFolder } from "../../support/folders.ts";
import { freePort } from "../../support/payload-host.ts";

/** A server that was started for a test, on a loopback port of its own. */
export interface TestServer extends AsyncDisposable {
  readonly port: number;
}

/** Debian's Redis, which keeps nothing on disk. */
export async function startRedis(): Promise<TestServer> {
  const port = await freePort();
  const words = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  return await started("redis-server", words, port);
}

/** Debian's PostgreSQL, on a new database cluster. */
export async function startPostgres(): Promise<TestServer> {
  const port = await freePort();
  const folder = await temporaryFolder();
  const owner: { uid?: number; gid?: number } = process.getuid?.() === 0 ? ownerNamed("postgres") : {}; // it does not run as root
  if (owner.uid !== undefined) await chown(folder.path, owner.uid, owner.gid ?? owner.uid);
  const data = join(folder.path, "data");
  const auth = ["--username=postgres", "--auth=trust"];
  execFileSync(postgresProgram("initdb"), ["--no-sync", ...auth, data], {
    ...owner,
    cwd: folder.path,
    stdio: "ignore",
  });
  const words = [
    "-D",
    data,
    "-p",
    String(port),
    "-k",
    folder.path,
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "fsync=off",
  ];
  const server = await started(postgresProgram("postgres"), words, port, { ...owner, cwd: folder.path });
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function started(
  program: string,
  words: readonly string[],
  port: number,
  options: { readonly uid?: number; readonly gid?: number; readonly cwd?: string } = {},
): Promise<TestServer> {
  const child = spawn(program, words, { ...options, stdio: "ignore" });
  const failed = once(child, "error").then(([error]) => {
    throw new Error(`${program} is not there: apt-get install redis-server postgresql`, { cause: error });
  });
  const closed = once(child, "close");
  await Promise.race([failed, answers(port)]);
  failed.catch(() => undefined); // nobody waits for it any more
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM"); // PostgreSQL lets those go first who are still leaving
      await closed;
    },
  };
}

async function answers(port: number): Promise<void> {
  const { connect } = await import("node:net");
  for (const end = Date.now() + 20_000; Date.now() < end; await delay(50)) {
    const socket = connect(port, "127.0.0.1");
    const isOpen = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "error").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isOpen) return;
  }
  throw new Error(`nobody listens on port ${port}`);
}

/** Debian keeps them out of the path, by version. */
function postgresProgram(name: string): string {
  const base = "/usr/lib/postgresql";
  const versions = existsSync(base) ? readdirSync(base).toSorted((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(base, version, "bin", name)).find((path) => existsSync(path)) ?? name;
}

function ownerNamed(user: string): { uid?: number; gid?: number } {
  const [uid, gid] = ["-u", "-g"].map((word) => Number(execFileSync("id", [word, user]).toString()));
  return { uid: uid ?? 0, gid: gid ?? 0 };
}
