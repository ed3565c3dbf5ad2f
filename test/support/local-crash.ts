import { spawn } from "node:child_process";
import { readdir } from "node:fs/promises";

import { endpointOf, Payload } from "iaaskit";
import { LocalIaas } from "iaaskit/local";
import { expect } from "vitest";

import { projectPath, temporaryFolder } from "./folders.ts";

const images = projectPath("examples/images");

/** @returns How many operations it took, or `null` when it was killed. */
async function launchInChild(stateFolder: string, key: string, killAt: number): Promise<number | null> {
  const child = spawn(process.execPath, ["--import", "tsx", projectPath("test/support/local-crash-child.ts")], {
    cwd: projectPath("."),
    env: { ...process.env, STATE: stateFolder, IMAGES: images, KEY: key, KILL_AT: String(killAt) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.once("close", (...end) => resolve(end)),
  );
  if (signal === "SIGKILL") return null;
  expect(code).toBe(0);
  return Number(output);
}

/** How many operations a launch takes when nobody kills it. */
export async function countOperations(): Promise<number> {
  await using state = await temporaryFolder();
  const count = await launchInChild(state.path, "count", 0);
  await using iaas = new LocalIaas({ owner: "crash", images, stateFolder: state.path });
  await iaas.terminate({ key: "count" });
  return count ?? 0;
}

/**
 * @returns Whether the process was killed: it may have been done before.
 *
 * Kills a process before its n-th operation of a launch; then the same launch here gives one instance, which serves,
 * and terminating it leaves no file and no process.
 */
export async function surviveKill(killAt: number): Promise<boolean> {
  await using state = await temporaryFolder();
  await using iaas = new LocalIaas({ owner: "crash", images, stateFolder: state.path });
  const isKilled = (await launchInChild(state.path, "job", killAt)) === null;
  const payload = Payload.environment({ HOST_NAME: "crash.abc.com" }).and(Payload.file("/etc/app.conf", "x=1\n"));
  const instance = await iaas.launch({
    key: "job",
    image: "php",
    ports: [{ port: 80 }],
    payload,
    volumes: [{ sizeGiB: 1 }],
    floatingIp: true,
    until: "reachable",
  });
  const listed = [];
  for await (const { id, state: current } of iaas.list()) listed.push({ id, current });
  expect(listed).toEqual([{ id: instance.id, current: "running" }]);
  const endpoint = endpointOf(instance, 80);
  const page = await (await fetch(`http://${endpoint?.host}:${endpoint?.port}/`)).text();
  expect(page).toContain("crash.abc.com");
  for (const facet of [iaas.volumes.list(), iaas.can("floatingIps") ? iaas.floatingIps.list() : []]) {
    const own = [];
    for await (const resource of facet) own.push(resource);
    expect(own.length).toBeLessThanOrEqual(1);
  }
  await iaas.terminate({ key: "job" });
  expect(await filesBelow(state.path)).toEqual([]);
  expect(await processesOf(state.path)).toEqual([]);
  return isKilled;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => `${entry.parentPath}/${entry.name}`);
}

/** Processes whose command or environment names the folder. */
export async function processesOf(folder: string): Promise<string[]> {
  if (process.platform !== "linux") return [];
  const { readFile } = await import("node:fs/promises");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const texts = await Promise.all(
    pids.map(async (pid) => {
      const read = async (file: string): Promise<string> =>
        await readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
      return `${await read("cmdline")} ${await read("environ")}`;
    }),
  );
  return pids.filter((_, index) => texts[index]?.includes(folder));
}
