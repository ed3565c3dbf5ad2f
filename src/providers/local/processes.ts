import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

import { errorCode } from "./errors.ts";

const run = promisify(execFile);

/** A process, for good: the number alone may be given to another one later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as the operating system counts. */
  readonly started: string;
  /** Which start of the machine that was. */
  readonly boot: string;
}

const isLinux = process.platform === "linux";
const graceMs = 3_000;

/**
 * Shell text that prints when process `$$` started, the same as {@link startOf} reads it.
 *
 * Linux: field 22 of `/proc/PID/stat`, counted behind the name, which may hold blanks and brackets.
 * @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
 */
export const startOfShell = isLinux
  ? 'read -r stat <"/proc/$$/stat"; set -- ${stat##*) }; echo "${20}"'
  : 'ps -o lstart= -p "$$"';

/** This start of the machine. */
export async function currentBoot(): Promise<string> {
  if (isLinux) return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const { stdout } = await run("sysctl", ["-n", "kern.boottime"]); // { sec = 1700000000, usec = 0 } Tue Nov …
  return /sec = (\d+)/.exec(stdout)?.[1] ?? stdout.replaceAll(/\s+/g, "");
}

/** This process. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: process.pid, started: (await startOf(process.pid)) ?? "", boot: await currentBoot() };
}

/** A process that runs now; `null` when it does not. */
export async function identityOf(pid: number): Promise<ProcessIdentity | null> {
  const started = await startOf(pid);
  return started === null ? null : { pid, started, boot: await currentBoot() };
}

/** True while that very process runs. */
export async function isAlive({ pid, started, boot }: ProcessIdentity): Promise<boolean> {
  return boot === (await currentBoot()) && started === (await startOf(pid));
}

/**
 * End the process group of a process, first kindly, and then whatever carries `marker` in its environment: on
 * Linux that finds descendants that have left the group; elsewhere the group is all.
 *
 * A process that is not the one it was is left alone.
 */
export async function endTree(leader: ProcessIdentity | null, marker: string): Promise<void> {
  if (leader !== null) await endGroup(leader);
  // What is being ended may still start something: look until nothing is found.
  for (let strays = await marked(marker); strays.length > 0; strays = await marked(marker)) {
    for (const stray of strays) if (await isAlive(stray)) signal(stray.pid, "SIGKILL");
    await delay(10);
  }
}

async function endGroup(leader: ProcessIdentity): Promise<void> {
  if (!(await isAlive(leader))) return;
  signal(-leader.pid, "SIGTERM");
  const end = Date.now() + graceMs;
  while (Date.now() < end && (await isAlive(leader))) await delay(10);
  if (await isAlive(leader)) signal(-leader.pid, "SIGKILL");
  while (await isAlive(leader)) await delay(10);
  if (!isLinux) signal(-leader.pid, "SIGKILL"); // members that outlived it; on Linux the marker finds them
}

/** `null` when there is no such process, or it has ended and only waits for its parent to notice. */
async function startOf(pid: number): Promise<string | null> {
  if (!isLinux) {
    const { stdout } = await run("ps", ["-o", "stat=,lstart=", "-p", String(pid)]).catch(() => ({ stdout: "" }));
    const [state = "Z", ...start] = stdout.trim().split(/\s+/);
    return state.startsWith("Z") ? null : start.join(" ");
  }
  const stat = await readProc(`/proc/${pid}/stat`);
  const [state = "Z", ...fields] = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  return state === "Z" || state === "X" ? null : (fields[18] ?? null);
}

/** Living processes with the text in their environment. */
async function marked(marker: string): Promise<ProcessIdentity[]> {
  if (!isLinux) return [];
  const boot = await currentBoot();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid): Promise<ProcessIdentity | null> => {
      const environment = await readProc(`/proc/${pid}/environ`);
      if (!environment.split("\0").includes(marker)) return null;
      const started = await startOf(pid);
      return started === null ? null : { pid, started, boot };
    }),
  );
  return found.filter((identity) => identity !== null);
}

/** Empty for a process that is gone or not ours to look at. */
async function readProc(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errorCode(error) ?? "")) return "";
    throw error;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}
