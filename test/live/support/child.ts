import { spawn } from "node:child_process";
import { once } from "node:events";

import { projectPath } from "../../support/folders.ts";
import type { Task } from "./launch-child.ts";

/** A process that performs a task, until it is killed as by `kill -9`. */
export function childWith(task: Task) {
  const child = spawn(process.execPath, ["--import", "tsx", projectPath("test/live/support/launch-child.ts")], {
    cwd: projectPath("."),
    env: { ...process.env, TASK: JSON.stringify(task) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const closed = once(child, "close");
  return {
    kill: () => child.kill("SIGKILL"),
    /** How it ended, and what it printed before. */
    ended: async () => {
      await closed;
      return { code: child.exitCode, signal: child.signalCode, output };
    },
  };
}
