import { readFile, realpath } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";

import { z } from "zod";

import { type ErrorOrigin, InvalidInputError, type InputPosition } from "../iaas/errors.ts";
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

/** Where a cartridge's file has a part, for errors. */
export interface PartPlace {
  readonly field: string;
  readonly position: InputPosition;
}

type Refuse = (rule: string) => never;

/** Reads the files that a cartridge names; they may not be outside of its folder. */
export class PayloadFolder {
  readonly #folder: string;
  readonly #at: ErrorOrigin;

  constructor(folder: string, at: ErrorOrigin) {
    this.#folder = folder;
    this.#at = at;
  }

  /** @throws InvalidInputError naming the part whose file is not there, is outside, or has not the content it should. */
  async read(parts: readonly PayloadPart[], placeOf: (index: number) => PartPlace): Promise<Payload> {
    let payload = Payload.empty;
    for (const [index, part] of parts.entries()) {
      const { field, position } = placeOf(index);
      const refuse: Refuse = (rule) => {
        throw new InvalidInputError(field, rule, { ...this.#at, ...position });
      };
      try {
        payload = payload.and(await this.#part(part, refuse));
      } catch (error) {
        refuseContent(error, refuse);
      }
    }
    return payload;
  }

  async #part(part: PayloadPart, refuse: Refuse): Promise<Payload> {
    if ("environment" in part) return Payload.environment(part.environment);
    if ("script" in part) {
      const { script, name } = part;
      return Payload.script((await this.#file(script, refuse)).toString("utf8"), name === undefined ? {} : { name });
    }
    if ("file" in part) {
      const { file, to, mode, owner, secret } = part;
      return Payload.file(to, await this.#file(file, refuse), {
        ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
        ...(owner === undefined ? {} : { owner }),
        ...(secret === undefined ? {} : { secret }),
      });
    }
    if ("cloudConfig" in part) {
      return Payload.cloudConfig((await this.#file(part.cloudConfig, refuse)).toString("utf8"));
    }
    if ("raw" in part) return Payload.raw(await this.#file(part.raw, refuse));
    if ("launchParams" in part) return readLaunchParams(await this.#file(part.launchParams, refuse));
    return readStratos((await this.#file(part.stratos, refuse)).toString("utf8"));
  }

  async #file(name: string, refuse: Refuse): Promise<Buffer> {
    if (isOutside(this.#folder, resolve(this.#folder, name)))
      return refuse(`must not be outside of the cartridge's folder: ${name}`);
    const [folder, file] = await Promise.all([realpath(this.#folder), realpath(resolve(this.#folder, name))]).catch(
      () => refuse(`cannot be read: ${name}`),
    );
    if (isOutside(folder, file)) return refuse(`must not lead outside of the cartridge's folder: ${name}`);
    return await readFile(file).catch(() => refuse(`cannot be read: ${name}`));
  }
}

/** What is wrong with a file's content is told of the part that names the file. */
function refuseContent(error: unknown, refuse: Refuse): never {
  if (!(error instanceof InvalidInputError) || error.operation === "readCartridges") throw error;
  return refuse(`${error.field} ${error.rule}`);
}

function isOutside(folder: string, file: string): boolean {
  const way = relative(folder, file);
  return way === ".." || way.startsWith(`..${sep}`) || resolve(way) === way;
}
