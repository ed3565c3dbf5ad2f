import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { errorCode } from "./errors.ts";
import type { InstanceRecord } from "./model.ts";
import { currentBoot, type ProcessIdentity, startOfShell } from "./processes.ts";

/**
 * The first process of an instance: leads its group, says who it is, runs the payload's scripts at the first start,
 * then the image's command, and keeps its exit code.
 *
 * Saying who it is creates a file that must not be there (`set -C`), so that of two runners of one start one goes on.
 * It holds out against SIGTERM until the command has ended.
 */
const runnerScript = `
folder=$1 start=$2 scripts=$3 boot=$4
shift 4
iaaskit_started() { ${startOfShell}; }
set -C
echo "$$ $boot $(iaaskit_started)" 2>/dev/null >"$folder/process-$start" || exit 0
set +C
trap : TERM INT HUP
if [ "$scripts" = run ] && [ "$start" = 1 ]; then
  for script in "$folder"/scripts/*; do
    [ ! -x "$script" ] || "$script" || echo "iaaskit: script $(basename "$script") failed with $?"
  done
fi
"$@"
echo "$?" >"$folder/exit-$start"
`;

const startTimeoutMs = 5_000;

/** In the environment of every process of an instance. */
export function markerOf(id: string): string {
  return `IAASKIT_INSTANCE=${id}`;
}

/** Starts the instance's processes; they live on when this process ends. Resolves when they are there. */
export async function startProcesses(record: InstanceRecord, folder: string): Promise<void> {
  const environment = JSON.parse(await readFile(join(folder, "environment.json"), "utf8")) as Record<string, string>;
  const log = await open(join(folder, "log"), "a", 0o600);
  try {
    const scripts = record.execute ? "run" : "leave";
    const words = [folder, String(record.starts), scripts, await currentBoot(), ...record.manifest.command];
    const child = spawn("/bin/sh", ["-c", runnerScript, "iaaskit", ...words], {
      cwd: join(folder, "root"),
      detached: true,
      env: { ...environment, IAASKIT_INSTANCE: record.id },
      stdio: ["ignore", log.fd, log.fd],
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve).once("error", reject);
    });
    child.unref();
  } finally {
    await log.close();
  }
  const end = Date.now() + startTimeoutMs;
  while (Date.now() < end && (await processOf(record, folder)) === null) await delay(5);
}

/** Who leads the processes of the present start; `null` while nobody does yet. */
export async function processOf(record: InstanceRecord, folder: string): Promise<ProcessIdentity | null> {
  const text = await readOptional(join(folder, `process-${record.starts}`));
  const [pid, boot, ...started] = (text ?? "").trim().split(/\s+/);
  if (boot === undefined || started.length === 0) return null;
  return { pid: Number(pid), boot, started: started.join(" ") };
}

/** With which code the command of the present start has ended; `null` when it was killed, or runs. */
export async function exitCodeOf(record: InstanceRecord, folder: string): Promise<number | null> {
  const text = await readOptional(join(folder, `exit-${record.starts}`));
  return text === null || text.trim() === "" ? null : Number(text);
}

/** The last part of what the instance has written, at most 64 KiB. */
export async function readConsole(folder: string): Promise<string> {
  const log = await open(join(folder, "log"), "r");
  try {
    const { size } = await log.stat();
    const start = Math.max(0, size - 64 * 1024);
    const { buffer, bytesRead } = await log.read(Buffer.alloc(size - start), 0, size - start, start);
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await log.close();
  }
}

async function readOptional(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
