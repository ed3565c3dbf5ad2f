import { isUtf8 } from "node:buffer";

import { z } from "zod";

import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import { reveal } from "../iaas/secret.ts";
import { Payload } from "./payload.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.json" };

const document = z.strictObject({
  version: z.literal(1),
  environment: z.record(z.string(), z.string()).default({}),
  files: z
    .array(
      z.strictObject({
        path: z.string(),
        mode: z.string().regex(/^[0-7]{3,4}$/),
        owner: z.string().optional(),
        text: z.string().optional(),
        base64: z.base64().optional(),
      }),
    )
    .default([]),
  scripts: z.array(z.strictObject({ name: z.string(), text: z.string() })).default([]),
  cloudConfig: z.array(z.string()).default([]),
});

/** The whole payload as one JSON document, for guests with an agent of their own. */
export function writeJson(payload: Payload): string {
  const { environment, files, scripts, cloudConfig } = payload;
  return JSON.stringify({
    version: 1,
    environment: Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, reveal(value)])),
    files: files.map(({ path, content, mode, owner }) => ({
      path,
      mode: mode.toString(8).padStart(4, "0"),
      ...(owner === null ? {} : { owner }),
      ...(isUtf8(content)
        ? { text: Buffer.from(content).toString("utf8") }
        : { base64: Buffer.from(content).toString("base64") }),
    })),
    scripts,
    cloudConfig,
  });
}

/** Reads what {@link writeJson} wrote. */
export function readJson(text: string): Payload {
  const parsed = document.safeParse(parse(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.join(".") ?? "";
    throw new InvalidInputError(field === "" ? "payload" : field, issue?.message ?? "is not valid", at);
  }
  const { environment, files, scripts, cloudConfig } = parsed.data;
  const parts = [
    Payload.environment(environment),
    ...files.map(({ path, mode, owner, text: content, base64 }) =>
      Payload.file(path, content ?? Buffer.from(base64 ?? "", "base64"), {
        mode: Number.parseInt(mode, 8),
        ...(owner === undefined ? {} : { owner }),
      }),
    ),
    ...scripts.map(({ name, text: script }) => Payload.script(script, { name })),
    ...cloudConfig.map((config) => Payload.cloudConfig(config)),
  ];
  return parts.reduce((whole, part) => whole.and(part), Payload.empty);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Without the cause: its message quotes the text, which may hold secrets.
    throw new InvalidInputError("payload", "is not JSON", at);
  }
}
