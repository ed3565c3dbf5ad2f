import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { z } from "zod";

import { checked, pathText } from "../cartridge/define.ts";
import type { Document } from "../cartridge/document.ts";
import type { Cartridge, CartridgeLayer } from "../cartridge/model.ts";
import { cartridgeSchema, layerSchema } from "../cartridge/schema.ts";
import { readCartridges } from "../cartridge/read.ts";
import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";

const text = z.string().min(1);

const configSchema = z.strictObject({
  owner: text,
  iaases: z.array(z.looseObject({ type: text, provider: text.optional() })),
  cartridges: z.array(z.union([text, cartridgeSchema])).default([]),
  partitions: z.array(z.strictObject({ ...layerSchema.shape, id: text, iaas: text })).default([]),
  defaults: layerSchema.optional(),
});

/** What a controller is made of, in a file or in code. `${env:NAME}` in a text is that environment variable. */
export interface ControllerConfig {
  /** Whose machines these are: written on everything. */
  readonly owner: string;
  readonly iaases: readonly ControllerIaas[];
  /** Files, from the configuration's folder, or definitions. */
  readonly cartridges?: readonly (string | Cartridge)[] | undefined;
  readonly partitions?: readonly ControllerPartition[] | undefined;
  /** What holds where no cartridge, IaaS, partition or call says anything else. */
  readonly defaults?: CartridgeLayer | undefined;
}

/** An Iaas of a controller; what else stands here are the options of its constructor. */
export interface ControllerIaas {
  /** By which cartridges and partitions name it. */
  readonly type: string;
  /** Who makes it: a provider of this package, or a registered one. Default: the type. */
  readonly provider?: string | undefined;
  readonly [option: string]: unknown;
}

/** A place on one Iaas, and what launches there have in common. */
export interface ControllerPartition extends CartridgeLayer {
  readonly id: string;
  /** Type of the Iaas. */
  readonly iaas: string;
}

/** A configuration that has been read: cartridges loaded, references to the environment replaced. */
export interface LoadedConfig extends ControllerConfig {
  readonly cartridges: readonly Cartridge[];
  readonly partitions: readonly ControllerPartition[];
  /** Where in a file a value stands. */
  readonly positionOf: Document["positionOf"];
}

const origin: ErrorOrigin = { provider: "iaaskit", operation: "CloudController.fromConfig" };

/**
 * Read and check a configuration.
 *
 * @throws InvalidInputError naming the path, and the line in a file, of what breaks a rule: an unknown field, a type
 * that comes twice, a reference to a variable that is not set.
 */
export async function loadConfig(
  source: string | URL | ControllerConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<LoadedConfig> {
  const file = source instanceof URL ? fileURLToPath(source) : typeof source === "string" ? source : undefined;
  const at = { ...origin, file };
  const document: Document = file === undefined ? { value: source, positionOf: () => ({}) } : await readDocument(file);
  const value = withEnvironment(document.value, [], environment, document, at);
  const config = checked(configSchema, value, at, document.positionOf);
  checkUnique(
    config.iaases.map(({ type }) => type),
    "iaases",
    "type",
    document,
    at,
  );
  checkUnique(
    config.partitions.map(({ id }) => id),
    "partitions",
    "id",
    document,
    at,
  );
  const cartridges: Cartridge[] = [];
  for (const cartridge of config.cartridges) {
    if (typeof cartridge !== "string") cartridges.push(cartridge);
    else
      cartridges.push(
        ...(await readCartridges(resolve(file === undefined ? "." : dirname(file), cartridge))).cartridges,
      );
  }
  checkUnique(
    cartridges.map(({ type }) => type),
    "cartridges",
    "type",
    document,
    at,
  );
  return { ...config, cartridges, positionOf: document.positionOf };
}

async function readDocument(file: string): Promise<Document> {
  const at = { ...origin, file };
  const isKnown = [".json", ".yaml", ".yml"].includes(extname(file).toLowerCase());
  if (!isKnown) throw new InvalidInputError("file", "must end in .json, .yaml or .yml", at);
  const content = await readFile(file, "utf8").catch((error: unknown) => {
    throw new InvalidInputError("file", "cannot be read", { ...at, cause: error });
  });
  return (await import("../cartridge/yaml-document.ts")).readYamlDocument(content, at);
}

/** The value with each `${env:NAME}` replaced. Class instances, as a payload, are left as they are. */
function withEnvironment(
  value: unknown,
  path: readonly PropertyKey[],
  environment: Readonly<Record<string, string | undefined>>,
  document: Document,
  at: ErrorOrigin,
): unknown {
  if (typeof value === "string") {
    return value.replaceAll(/\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
      const found = Object.hasOwn(environment, name) ? environment[name] : undefined;
      if (found !== undefined) return found;
      const rule = `refers to the environment variable ${name}, which is not set`;
      throw new InvalidInputError(pathText(path), rule, { ...at, ...document.positionOf(path) });
    });
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => withEnvironment(item, [...path, index], environment, document, at));
  }
  const isPlain =
    typeof value === "object" &&
    value !== null &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null);
  if (!isPlain) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      withEnvironment(part, [...path, name], environment, document, at),
    ]),
  );
}

function checkUnique(names: readonly string[], list: string, field: string, document: Document, at: ErrorOrigin): void {
  const index = names.findIndex((name, place) => names.indexOf(name) !== place);
  if (index === -1) return;
  const path = [list, index, field];
  throw new InvalidInputError(pathText(path), `is ${JSON.stringify(names[index])} a second time`, {
    ...at,
    ...document.positionOf(path),
  });
}
