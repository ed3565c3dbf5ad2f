import { readFile } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";

import { z } from "zod";

import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import type { Payload } from "../payload/payload.ts";
import { checked, pathText } from "./define.ts";
import type { CartridgeWarning, Document } from "./document.ts";
import type { Cartridge, CartridgeLayer } from "./model.ts";
import { cartridgeSchema } from "./schema.ts";
import { type PartPlace, PayloadFolder, type PayloadPart, payloadPartsSchema } from "./payload-files.ts";
import { fromStratos } from "./stratos.ts";

export type CartridgeFormat = "xml" | "json" | "yaml";

export interface ReadCartridgesOptions {
  /** Makes errors of what would be warnings. Default false. */
  readonly strict?: boolean | undefined;
  /** Left out, the file's ending tells. */
  readonly format?: CartridgeFormat | undefined;
}

export interface CartridgeReading {
  readonly cartridges: readonly Cartridge[];
  /** What is passed over: properties that are not known, empty or come twice, and what has no meaning here. */
  readonly warnings: readonly CartridgeWarning[];
}

const origin: ErrorOrigin = { provider: "iaaskit", operation: "readCartridges" };
const endings: Readonly<Record<string, CartridgeFormat>> = {
  ".xml": "xml",
  ".json": "json",
  ".yaml": "yaml",
  ".yml": "yaml",
};

/**
 * Read the cartridges of a file: Stratos' XML, Stratos' JSON of 4.0 and 4.1, or this library's own YAML or JSON, one
 * cartridge or several below `cartridges`. A definition with `iaasProvider` is Stratos', one with `iaasProviders` ours.
 *
 * Files that a payload names are read too, from the folder of the cartridge's file.
 *
 * @throws InvalidInputError with the path and the line of what breaks a rule, or is not known.
 */
export async function readCartridges(
  file: string | URL,
  options: ReadCartridgesOptions = {},
): Promise<CartridgeReading> {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  const at = { ...origin, file: path };
  const format = options.format ?? endings[extname(path).toLowerCase()];
  if (format === undefined) throw new InvalidInputError("file", "must end in .xml, .json, .yaml or .yml", at);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new InvalidInputError("file", "cannot be read", { ...at, cause: error });
  });
  const document = await documentOf(text, format, at);
  const folder = new PayloadFolder(dirname(path), at);
  const reading =
    format === "xml" || isStratos(document.value)
      ? await readStratosForm(document, folder, at)
      : { cartridges: await readOwnForm(document, folder, at), warnings: [] };
  const [first] = reading.warnings;
  if (options.strict === true && first !== undefined) {
    throw new InvalidInputError(first.field, first.message, { ...at, line: first.line });
  }
  return reading;
}

async function documentOf(
  text: string,
  format: CartridgeFormat,
  at: ErrorOrigin & { readonly file: string },
): Promise<Document> {
  if (format === "xml") return (await import("./xml-document.ts")).readXmlDocument(text, at);
  return listed((await import("./yaml-document.ts")).readYamlDocument(text, at));
}

/** One cartridge is read as a list of one. */
function listed(document: Document): Document {
  const { value, positionOf } = document;
  if (typeof value === "object" && value !== null && "cartridges" in value) return document;
  return { value: { cartridges: [value] }, positionOf: (path) => positionOf(path.slice(2)) };
}

function isStratos(value: unknown): boolean {
  const { cartridges } = value as { readonly cartridges: unknown };
  return (
    Array.isArray(cartridges) &&
    cartridges.some((one: unknown) => typeof one === "object" && one !== null && "iaasProvider" in one)
  );
}

async function readStratosForm(document: Document, folder: PayloadFolder, at: ErrorOrigin): Promise<CartridgeReading> {
  const { readings, warnings } = fromStratos(document, at);
  const cartridges: Cartridge[] = [];
  for (const { cartridge, payloadFiles } of readings) {
    const payloads = new Map<number | null, Payload>();
    for (const [index, { name, path }] of payloadFiles) {
      const part: PayloadPart = name.toLowerCase().endsWith(".zip") ? { launchParams: name } : { stratos: name };
      const place = { field: pathText(path), position: document.positionOf(path) };
      payloads.set(index, await folder.read([part], () => place));
    }
    const withPayload = <T extends CartridgeLayer>(layer: T, index: number | null): T => {
      const payload = payloads.get(index);
      return payload === undefined ? layer : { ...layer, payload };
    };
    const iaasProviders = cartridge.iaasProviders.map((provider, index) => withPayload(provider, index));
    cartridges.push({ ...withPayload(cartridge, null), iaasProviders });
  }
  return { cartridges, warnings };
}

const fileLayer = { payload: payloadPartsSchema.optional() };
const fileCartridge = cartridgeSchema.extend({
  ...fileLayer,
  iaasProviders: z.array(cartridgeSchema.shape.iaasProviders.element.extend(fileLayer)).min(1, "must name an Iaas"),
});
const fileSchema = z.strictObject({ cartridges: z.array(fileCartridge).min(1, "must have a cartridge") });

async function readOwnForm(document: Document, folder: PayloadFolder, at: ErrorOrigin): Promise<Cartridge[]> {
  const found = checked(fileSchema, document.value, at, document.positionOf);
  const withPayload = async <T extends { readonly payload?: readonly PayloadPart[] | undefined }>(
    { payload, ...layer }: T,
    path: readonly PropertyKey[],
  ): Promise<Omit<T, "payload"> & { readonly payload?: Payload }> => {
    if (payload === undefined) return layer;
    const placeOf = (index: number): PartPlace => {
      const inner = [...path, "payload", index];
      return { field: pathText(inner), position: document.positionOf(inner) };
    };
    return { ...layer, payload: await folder.read(payload, placeOf) };
  };
  const cartridges: Cartridge[] = [];
  for (const [index, cartridge] of found.cartridges.entries()) {
    const path = ["cartridges", index];
    const iaasProviders = [];
    for (const [inner, provider] of cartridge.iaasProviders.entries()) {
      iaasProviders.push(await withPayload(provider, [...path, "iaasProviders", inner]));
    }
    cartridges.push({ ...(await withPayload(cartridge, path)), iaasProviders });
  }
  return cartridges;
}
