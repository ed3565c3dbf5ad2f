import { readFile, realpath } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";

import { z } from "zod";

import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import { readLaunchParams } from "../payload/launch-params.ts";
import { Payload } from "../payload/payload.ts";
import { readStratos } from "../payload/stratos.ts";

const path = z.string().min(1);

/** Parts of a payload in a cartridge's file: each names where its content is, beside the cartridge. */
export const payloadPartsSchema = z.array(
  z.union([
    z.strictObject({ environment: z.record(z.string(), z.string()) }),
    z.strictObject({ script: path, name: z.string().optional() }),
    z.strictObject({
      file: path,
      to: path,
      mode: z
        .string()
        .regex(/^0?[0-7]{3}$/, "must be octal digits, as 0644")
        .optional(),
      owner: z.string().optional(),
      secret: z.boolean().optional(),
    }),
    z.strictObject({ cloudConfig: path }),
    z.strictObject({ raw: path }),
    /** Stratos' `KEY=value,…` in a file, or its zip. */
    z.strictObject({ stratos: path }),
    z.strictObject({ launchParams: path }),
  ]),
);
export type PayloadPart = z.output<typeof payloadPartsSchema>[number];

/** Reads the files that a cartridge names; they may not be outside of its folder. */
export class PayloadFolder {
  readonly #folder: string;
  readonly #at: ErrorOrigin;

  constructor(folder: string, at: ErrorOrigin) {
    this.#folder = folder;
    this.#at = at;
  }

  /** @throws InvalidInputError naming `field` for a file that is not there, or outside. */
  async read(parts: readonly PayloadPart[], field: string): Promise<Payload> {
    let payload = Payload.empty;
    for (const [index, part] of parts.entries()) payload = payload.and(await this.#part(part, `${field}[${index}]`));
    return payload;
  }

  async #part(part: PayloadPart, field: string): Promise<Payload> {
    if ("environment" in part) return Payload.environment(part.environment);
    if ("script" in part) {
      const { script, name } = part;
      return Payload.script((await this.#file(script, field)).toString("utf8"), name === undefined ? {} : { name });
    }
    if ("file" in part) {
      const { file, to, mode, owner, secret } = part;
      return Payload.file(to, await this.#file(file, field), {
        ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
        ...(owner === undefined ? {} : { owner }),
        ...(secret === undefined ? {} : { secret }),
      });
    }
    if ("cloudConfig" in part) return Payload.cloudConfig((await this.#file(part.cloudConfig, field)).toString("utf8"));
    if ("raw" in part) return Payload.raw(await this.#file(part.raw, field));
    if ("launchParams" in part) return readLaunchParams(await this.#file(part.launchParams, field));
    return readStratos((await this.#file(part.stratos, field)).toString("utf8"));
  }

  async #file(name: string, field: string): Promise<Buffer> {
    const refuse = (rule: string): never => {
      throw new InvalidInputError(field, `${rule}: ${name}`, this.#at);
    };
    if (isOutside(this.#folder, resolve(this.#folder, name)))
      return refuse("must not be outside of the cartridge's folder");
    const [folder, file] = await Promise.all([realpath(this.#folder), realpath(join(this.#folder, name))]).catch(() =>
      refuse("cannot be read"),
    );
    if (isOutside(folder, file)) return refuse("must not lead outside of the cartridge's folder");
    return await readFile(file).catch(() => refuse("cannot be read"));
  }
}

function isOutside(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way === ".." || way.startsWith(`..${sep}`) || resolve(way) === way;
}
