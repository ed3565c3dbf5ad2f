import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { type Cartridge, type CartridgeReading, readCartridges, type ReadCartridgesOptions } from "iaaskit";

import { temporaryFolder } from "../../support/folders.ts";

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** A folder with these files in it, that goes with the test. */
export async function folderWith(files: Files): ReturnType<typeof temporaryFolder> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return folder;
}

/** What a file of this name and text is read as; other files may lie beside it. */
export async function readText(
  name: string,
  text: string,
  { beside = {}, ...options }: ReadCartridgesOptions & { readonly beside?: Files } = {},
): Promise<CartridgeReading> {
  await using folder = await folderWith({ ...beside, [name]: text });
  return await readCartridges(join(folder.path, name), options);
}

/** The only cartridge of a file. */
export async function readOne(...read: Parameters<typeof readText>): Promise<Cartridge> {
  const { cartridges } = await readText(...read);
  if (cartridges.length !== 1 || cartridges[0] === undefined) throw new Error(`${cartridges.length} cartridges`);
  return cartridges[0];
}

/** What a promise is rejected with, and how long that took in milliseconds. */
export async function refusalOf(promise: Promise<unknown>): Promise<{ readonly error: unknown; readonly ms: number }> {
  const start = performance.now();
  const error = await promise.then(
    (value) => new Error(`not refused: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - start };
}
