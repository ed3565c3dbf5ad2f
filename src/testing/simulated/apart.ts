import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { KeyedLock } from "../../iaas/keyed-lock.ts";
import type { Fault } from "./faults.ts";
import type { ServedRequest } from "./server.ts";
import type { SimulatedCloud, SimulatedConnection, SimulationOptions } from "./simulate.ts";

/** What its process is told. */
export interface Command {
  readonly advanceMs?: number;
  readonly inject?: Fault;
  readonly read?: "tracker" | "requests";
}

/** What its process says, first of all when it listens. */
export type Answered = { readonly result: unknown } | { readonly error: string };

/** A simulated cloud in a process of its own, until it is disposed. */
export interface ApartCloud extends AsyncDisposable {
  readonly connection: SimulatedConnection;
  /** A launch that it can do. */
  readonly launch: SimulatedCloud["launch"];
  /** Let `ms` milliseconds pass there. Between two commands its time stands still. */
  readonly advance: (ms: number) => Promise<void>;
  readonly tracker: () => Promise<readonly string[]>;
  readonly requests: () => Promise<readonly ServedRequest[]>;
  readonly inject: (fault: Fault) => Promise<void>;
}

const isSource = import.meta.url.endsWith(".ts");
const program = new URL(isSource ? "./process.ts" : "./simulation-process.js", import.meta.url);

/**
 * Start a simulated cloud as a process of its own: a controller under test can be killed while the cloud lives on.
 *
 * It answers at once unless `timing.latencyMs` says otherwise, and its time passes by {@link ApartCloud.advance} only.
 * It ends when it is disposed, and with this process.
 * @throws Error with what is wrong, as {@link simulate} has it.
 */
export async function simulateApart(options: Omit<SimulationOptions, "clock">): Promise<ApartCloud> {
  const child = fork(fileURLToPath(program), [JSON.stringify(options)], {
    execArgv: isSource ? ["--import", "tsx"] : [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const ended = new AbortController();
  const closed = once(child, "close").then(() => ended.abort());
  let complaint = "";
  child.stderr?.on("data", (chunk: Buffer) => (complaint += chunk.toString()));

  const answered = async (): Promise<unknown> => {
    const [answer] = (await once(child, "message", { signal: ended.signal }).catch((cause: unknown) => {
      throw new Error(`the process of the simulated cloud has ended: ${complaint}`, { cause });
    })) as [Answered];
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  };
  const turns = new KeyedLock();
  const tell = async (command: Command): Promise<unknown> =>
    await turns.run("", async () => {
      child.send(command);
      return await answered();
    });

  return {
    ...((await answered()) as Pick<ApartCloud, "connection" | "launch">),
    advance: async (advanceMs) => void (await tell({ advanceMs })),
    inject: async (inject) => void (await tell({ inject })),
    tracker: async () => (await tell({ read: "tracker" })) as readonly string[],
    requests: async () => (await tell({ read: "requests" })) as readonly ServedRequest[],
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await closed;
    },
  };
}
