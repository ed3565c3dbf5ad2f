import type { CallContext } from "../../iaas/call.ts";
import { InvalidInputError } from "../../iaas/errors.ts";
import { reveal, Secret } from "../../iaas/secret.ts";
import type { Payload, PayloadFile } from "../../payload/payload.ts";
import type { TarEntry } from "./tar.ts";

/**
 * Where the payload's own things are in the instance. It is a volume that goes with the instance, so that no image that
 * is made of the instance holds it.
 */
export const payloadFolder = "/run/iaaskit";
/** What runs before the image's command, where something does. */
export const entryFile = `${payloadFolder}/entry`;

/** What a payload becomes in a container. */
export interface Content {
  readonly environment: readonly string[];
  /** Below `/`. */
  readonly files: readonly TarEntry[];
  /** Below {@link payloadFolder}; empty when the container needs no such folder. */
  readonly ownFiles: readonly TarEntry[];
  /** What runs before the image's command; `null`: nothing does. */
  readonly entryPoint: readonly string[] | null;
}

const nothing: Content = { environment: [], files: [], ownFiles: [], entryPoint: null };

/** Exports the secrets, runs the scripts at the first start, then becomes the image's command. */
const entryScript = `
for file in ${payloadFolder}/secrets/*; do
  [ -f "$file" ] || continue
  value=$(cat "$file"; echo .)
  export "\${file##*/}=\${value%.}"
done
unset file value
if mkdir ${payloadFolder}/state/started 2>/dev/null; then
  for script in ${payloadFolder}/scripts/*; do
    [ ! -x "$script" ] || "$script" || echo "iaaskit: script \${script##*/} failed with $?"
  done
  unset script
fi
exec "$@"
`;

/**
 * What the container of a payload has: pairs as its environment, and each secret one as a file whose path stands in
 * `NAME_FILE`, as the images of the Docker library read it.
 *
 * @param execute Whether the scripts run.
 */
export function contentOf(payload: Payload | null, execute: boolean, context: CallContext): Content {
  if (payload === null) return nothing;
  const pairs = Object.entries(payload.environment);
  const secrets = pairs.filter(([, value]) => value instanceof Secret);
  const secretFiles = payload.files.filter(({ secret }) => secret);
  const ownFiles: TarEntry[] = [
    ...secrets.map(([name, value]) => file(`secrets/${name}`, reveal(value), 0o444)),
    ...secretFiles.map((secret, index) => ({ ...entryOf(secret, context), path: `files/${index}` })),
    ...payload.scripts.map(({ name, text }, index) =>
      file(`scripts/${String(index).padStart(3, "0")}-${name}`, text, 0o755),
    ),
    ...payload.cloudConfig.map((text, index) => file(`cloud-config-${index}.yaml`, text, 0o644)),
    ...(payload.raw === null ? [] : [file("user-data", payload.raw, 0o644)]),
  ];
  const needsEntry = execute && (payload.scripts.length > 0 || secrets.length > 0);
  if (needsEntry) {
    // The image's user, whoever that is, notes here that it has started.
    ownFiles.push(file("entry", entryScript, 0o755), { ...file("state", "", 0o1777), isFolder: true });
  }
  return {
    environment: pairs.map(([name, value]) =>
      value instanceof Secret ? `${name}_FILE=${payloadFolder}/secrets/${name}` : `${name}=${value}`,
    ),
    files: [
      ...payload.files.filter(({ secret }) => !secret).map((plain) => entryOf(plain, context)),
      ...secretFiles.map(({ path }, index) => ({
        ...file(path.slice(1), "", 0o777),
        linkTo: `${payloadFolder}/files/${index}`,
      })),
    ],
    ownFiles,
    entryPoint: needsEntry ? ["/bin/sh", entryFile] : null,
  };
}

function entryOf({ path, content, mode, owner }: PayloadFile, context: CallContext): TarEntry {
  const [, userId = "0", groupId = userId] = /^(\d+)(?::(\d+))?$/.exec(owner === "root" ? "0" : (owner ?? "0")) ?? [];
  if (owner !== null && owner !== "root" && !/^\d+(:\d+)?$/.test(owner)) {
    throw new InvalidInputError("payload", `has a file of ${owner}: only root and numbers, as 1000:1000`, context);
  }
  return { path: path.slice(1), content, mode, userId: Number(userId), groupId: Number(groupId) };
}

function file(path: string, content: string | Uint8Array, mode: number): TarEntry {
  return { path, content: Buffer.from(content), mode };
}
