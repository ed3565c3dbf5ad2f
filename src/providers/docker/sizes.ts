import type { ErrorOrigin } from "../../iaas/errors.ts";
import { check } from "../../iaas/validation.ts";

/** What a container may use at most. */
export interface Limits {
  readonly cpus: number;
  readonly memoryMiB: number;
  /** How many processes and threads; `null`: as many as the engine allows. */
  readonly pids: number | null;
}

/** As `2cpu-4096mib`, and `0.5cpu-256mib-100pids` with a limit of processes. */
const form = /^(\d+(?:\.\d+)?)cpu-(\d+)mib(?:-(\d+)pids)?$/;

export function sizeId({ cpus, memoryMiB, pids }: Limits): string {
  return `${cpus}cpu-${memoryMiB}mib${pids === null ? "" : `-${pids}pids`}`;
}

/** The limits that a size stands for; any size of the form is one. @throws InvalidInputError */
export function limitsOf(size: string, at: ErrorOrigin): Limits {
  const [, cpus, memoryMiB, pids] = form.exec(size) ?? [];
  check(cpus !== undefined && memoryMiB !== undefined, "size", "must be as 2cpu-4096mib or 2cpu-4096mib-100pids", at);
  return { cpus: Number(cpus), memoryMiB: Number(memoryMiB), pids: pids === undefined ? null : Number(pids) };
}
