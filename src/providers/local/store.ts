import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

import { errorCode } from "./errors.ts";

/** Where an Iaas keeps what it knows when nothing else is said: `$XDG_STATE_HOME/iaaskit` or `~/.local/state/iaaskit`. */
export function defaultStateFolder(): string {
  const base = process.env["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state");
  return join(base, "iaaskit");
}

/** The kinds of records, each a folder of JSON files. */
export type RecordKind = "instances" | "addresses" | "floating-ips" | "associations" | "volumes" | "snapshots";

/**
 * Records on this machine's disk, shared by every process of the user.
 *
 * A record appears whole or not at all, and of those who create one at a time only one succeeds: it is written
 * aside, then linked or renamed to its name.
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
  async create(kind: RecordKind, name: string, record: object): Promise<boolean> {
    return await this.#aside(record, async (temporary) => {
      await mkdir(this.path(kind), { recursive: true, mode: 0o700 });
      try {
        await link(temporary, this.#file(kind, name));
        return true;
      } catch (error) {
        if (errorCode(error) === "EEXIST") return false;
        throw error;
      } finally {
        await rm(temporary, { force: true });
      }
    });
  }

  /** Replaces a record. */
  async update(kind: RecordKind, name: string, record: object): Promise<void> {
    await this.#aside(record, async (temporary) => {
      await rename(temporary, this.#file(kind, name));
    });
  }

  /** @returns `null` when there is none. */
  async read<T extends object>(kind: RecordKind, name: string): Promise<T | null> {
    try {
      return JSON.parse(await readFile(this.#file(kind, name), "utf8")) as T;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return null;
      throw error;
    }
  }

  async list<T extends object>(kind: RecordKind): Promise<T[]> {
    const names = await readdir(this.path(kind)).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    });
    const records = await Promise.all(
      names.filter((name) => name.endsWith(".json")).map(async (name) => await this.read<T>(kind, name.slice(0, -5))),
    );
    return records.filter((record) => record !== null);
  }

  /** Success when there is none. */
  async remove(kind: RecordKind, name: string): Promise<void> {
    await rm(this.#file(kind, name), { force: true });
  }

  /** Writes a record where nobody reads it yet; what a process that was killed here left goes with a later write. */
  async #aside<T>(record: object, place: (temporary: string) => Promise<T>): Promise<T> {
    const folder = this.path("writing");
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `${process.pid}-${randomBytes(6).toString("hex")}`);
    await writeFile(temporary, JSON.stringify(record, undefined, 1), { mode: 0o600, flag: "wx" });
    return await place(temporary);
  }

  #file(kind: RecordKind, name: string): string {
    return this.path(kind, `${name}.json`);
  }
}
