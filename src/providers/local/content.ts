import { chmod, cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { z } from "zod";

import { InvalidInputError, NotFoundError } from "../../iaas/errors.ts";
import { reveal } from "../../iaas/secret.ts";
import type { Payload } from "../../payload/payload.ts";
import { errorCode } from "./errors.ts";
import type { InstanceRecord, Manifest } from "./model.ts";

/** Says what an image is. */
export const manifestFile = "image.json";

const manifestSchema = z.strictObject({
  description: z.string().optional(),
  command: z.array(z.string()).min(1),
  ports: z.array(z.int().min(1).max(65_535)).default([]),
});

/** Reads an image's manifest. @throws NotFoundError when the folder is no image. */
export async function readManifest(folder: string): Promise<Manifest> {
  const at = { provider: "local", operation: "images.get" };
  const path = join(folder, manifestFile);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") {
      throw new NotFoundError(`there is no ${path}`, at);
    }
    throw error;
  });
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (parsed.success) return { command: parsed.data.command, ports: parsed.data.ports };
  const [issue] = parsed.error.issues;
  const field = issue === undefined || issue.path.length === 0 ? "image" : `image.${issue.path.join(".")}`;
  throw new InvalidInputError(field, issue?.message ?? "is not valid", { ...at, file: path });
}

/**
 * Puts an instance's files in place: the image's, then the payload's.
 *
 * @returns The paths that the payload has written, below the root.
 */
export async function prepareContent(
  folder: string,
  record: InstanceRecord,
  imageFolder: string,
  payload: Payload | null,
): Promise<string[]> {
  const root = join(folder, "root");
  await mkdir(join(folder, "scripts"), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, "tmp"), { mode: 0o700 });
  await cp(imageFolder, root, { recursive: true, filter: (source) => source !== join(imageFolder, manifestFile) });
  await writePrivate(join(folder, "environment.json"), JSON.stringify(environmentOf(folder, record, payload)));
  return payload === null ? [] : await writePayload(folder, payload);
}

async function writePayload(folder: string, payload: Payload): Promise<string[]> {
  const root = join(folder, "root");
  const written: string[] = [];
  for (const { path, content, mode } of payload.files) {
    const file = join(root, path); // a payload's path is absolute and free of dots
    await mkdir(dirname(file), { recursive: true });
    await writePrivate(file, content);
    await chmod(file, mode);
    written.push(path);
  }
  const others = [
    ...payload.cloudConfig.map((text, index) => ({ name: `cloud-config-${index}.yaml`, content: text })),
    ...(payload.raw === null ? [] : [{ name: "user-data", content: payload.raw }]),
  ];
  for (const { name, content } of others) {
    await writePrivate(join(root, name), content);
    written.push(`/${name}`);
  }
  for (const [index, { name, text }] of payload.scripts.entries()) {
    const file = join(folder, "scripts", `${String(index).padStart(3, "0")}-${name}`);
    await writePrivate(file, text);
    await chmod(file, 0o700);
  }
  return written;
}

/** Nothing of this process' own environment but where programs are found: it may hold secrets. */
function environmentOf(folder: string, record: InstanceRecord, payload: Payload | null): Record<string, string> {
  const pairs = Object.entries(payload?.environment ?? {}).map(([name, value]) => [name, reveal(value)]);
  return {
    PATH: process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    ...(Object.fromEntries(pairs) as Record<string, string>),
    HOME: join(folder, "root"),
    TMPDIR: join(folder, "tmp"),
    IAASKIT_ROOT: join(folder, "root"),
    IAASKIT_ADDRESS: record.address,
    IAASKIT_PORTS: record.publishedPorts.map(({ port, publishedPort }) => `${port}:${publishedPort}`).join(" "),
  };
}

async function writePrivate(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined; // the schema says what is wrong
  }
}
