import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

import { errorCode } from "./errors.ts";
import { identityOf } from "./processes.ts";

/** Where an Iaas keeps what it knows when nothing else is said: `$XDG_STATE_HOME/iaaskit` or `~/.local/state/iaaskit`. */
export function defaultStateFolder(): string {
  const base = process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state");
  return join(base, "iaaskit");
}

/** Records that are one file each. */
export type FileKind = "instances" | "addresses" | "floating-ips" | "associations";
/** Records that have files of their own: a folder each. */
export type FolderKind = "volumes" | "snapshots" | "images";

const recordFile = ".iaaskit.json";

/**
 * Records on this machine's disk, shared by every process of the user.
 *
 * A record appears whole or not at all, goes at once, and of those who create it at a time only one succeeds: what
 * is written or removed is prepared aside, then linked or renamed. What a process that was killed has left aside goes
 * with a later change.
 */
export class Store {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** A path below the state folder. */
  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** @returns False when there is one of that name already. */
  async create(kind: FileKind, name: string, record: object): Promise<boolean> {
    const aside = await this.#aside();
    await writeRecord(aside, record);
    try {
      return await this.#place(async (target) => await link(aside, target), this.#file(kind, name));
    } finally {
      await rm(aside, { force: true });
    }
  }

  /** Replaces a record. */
  async update(kind: FileKind | FolderKind, name: string, record: object): Promise<void> {
    const aside = await this.#aside();
    await writeRecord(aside, record);
    await rename(aside, this.#file(kind, name));
  }

  /** @param fill Puts the record's files into a folder. @returns False when there is one of that name already. */
  async createFolder(
    kind: FolderKind,
    name: string,
    record: object,
    fill: (folder: string) => Promise<void>,
  ): Promise<boolean> {
    const aside = await this.#aside();
    try {
      await mkdir(aside, { mode: 0o700 });
      await fill(aside);
      await writeRecord(join(aside, recordFile), record);
      return await this.#place(async (target) => await rename(aside, target), this.path(kind, name));
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }

  /** @returns `null` when there is none. */
  async read<T extends object>(kind: FileKind | FolderKind, name: string): Promise<T | null> {
    try {
      return JSON.parse(await readFile(this.#file(kind, name), "utf8")) as T;
    } catch (error) {
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return null;
      throw error;
    }
  }

  async list<T extends object>(kind: FileKind | FolderKind): Promise<T[]> {
    const names = (await this.#names(this.path(kind))).map((name) =>
      isFolder(kind) ? name : name.replace(/\.json$/, ""),
    );
    const records = await Promise.all(names.map(async (name) => await this.read<T>(kind, name)));
    return records.filter((record) => record !== null);
  }

  /** Success when there is none. */
  async remove(kind: FileKind | FolderKind, name: string): Promise<void> {
    if (!isFolder(kind)) {
      await rm(this.#file(kind, name), { force: true });
      return;
    }
    const aside = await this.#aside();
    await rename(this.path(kind, name), aside).catch((error: unknown) => {
      if (errorCode(error) !== "ENOENT") throw error;
    });
    await rm(aside, { recursive: true, force: true });
  }

  #file(kind: FileKind | FolderKind, name: string): string {
    return isFolder(kind) ? this.path(kind, name, recordFile) : this.path(kind, `${name}.json`);
  }

  async #place(place: (target: string) => Promise<void>, target: string): Promise<boolean> {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    try {
      await place(target);
      return true;
    } catch (error) {
      if (errorCode(error) === "EEXIST" || errorCode(error) === "ENOTEMPTY") return false;
      throw error;
    }
  }

  /** A path where nobody looks, named after this process; those of processes that are gone are removed. */
  async #aside(): Promise<string> {
    const folder = this.path("aside");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await this.#names(folder)) {
      const pid = Number.parseInt(name, 10);
      const isOurs = pid === process.pid;
      if (!isOurs && (await identityOf(pid)) === null) await rm(join(folder, name), { recursive: true, force: true });
    }
    return join(folder, `${process.pid}-${randomBytes(6).toString("hex")}`);
  }

  async #names(folder: string): Promise<string[]> {
    return await readdir(folder).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    });
  }
}

function isFolder(kind: FileKind | FolderKind): kind is FolderKind {
  return kind === "volumes" || kind === "snapshots" || kind === "images";
}

async function writeRecord(path: string, record: object): Promise<void> {
  await writeFile(path, JSON.stringify(record, undefined, 1), { mode: 0o600, flag: "wx" });
}
