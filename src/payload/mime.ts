import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";

import { type ErrorOrigin } from "../iaas/errors.ts";
import { check } from "../iaas/validation.ts";
import { Payload } from "./payload.ts";
import { isShellPayload, readShell, writeShell } from "./shell.ts";

const at: ErrorOrigin = { provider: "iaaskit", operation: "payload.mime" };

/** Without it the second of two parts of cloud-config replaces the lists of the first. */
const mergeHeader = "Merge-Type: list(append)+dict(recurse_array)+str()";

interface Part {
  readonly type: string;
  readonly name: string;
  readonly text: string;
  readonly headers?: readonly string[];
}

/**
 * The payload as MIME multipart for cloud-init: its cloud-config, then one script with all else.
 *
 * The same payload gives the same bytes. Every part is base64: cloud-init drops a part with 8-bit text. Scripts
 * run in the order of their file names, so these begin with a number.
 * @see https://docs.cloud-init.io/en/latest/explanation/format.html
 */
export function writeMime(payload: Payload): string {
  const rest = withoutCloudConfig(payload);
  return writeMultipart(payload.cloudConfig, rest.isEmpty ? null : writeShell(rest));
}

/** Cloud-config and one script, or none, as MIME multipart. */
export function writeMultipart(cloudConfig: readonly string[], script: string | null): string {
  const configs = cloudConfig.map((text, index): Part => ({
    type: "text/cloud-config",
    name: `${String(index).padStart(2, "0")}-cloud-config.yaml`,
    text: `#cloud-config\n${text}`,
    headers: cloudConfig.length > 1 ? [mergeHeader] : [],
  }));
  const scripts = script === null ? [] : [{ type: "text/x-shellscript", name: "50-payload.sh", text: script }];
  const all = [...configs, ...scripts].map((part) => ({ ...part, bytes: Buffer.from(part.text) }));
  const hash = createHash("sha256");
  for (const { bytes } of all) hash.update(bytes);
  const boundary = `iaaskit-${hash.digest("hex").slice(0, 24)}`; // no base64 holds a hyphen
  const parts = all.map(render);
  const head = `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n`;
  return `${head}${parts.map((part) => `--${boundary}\n${part}`).join("")}--${boundary}--\n`;
}

/** Reads multipart user data of text parts: what {@link writeMime} wrote, or scripts and cloud-config of others. */
export function readMime(text: string): Payload {
  const unix = text.replaceAll("\r\n", "\n");
  const [head = "", ...rest] = unix.split("\n\n");
  const boundary = /^content-type:\s*multipart\/[^\n]*boundary="?([^"\n;]+)"?/im.exec(head)?.[1];
  check(boundary !== undefined, "payload", "is not MIME multipart", at);
  const body = `\n${rest.join("\n\n")}`;
  check(body.includes(`\n--${boundary}--`), "payload", "is cut off: the last boundary is missing", at);
  const [whole = ""] = body.split(`\n--${boundary}--`);
  return whole
    .split(`\n--${boundary}\n`)
    .slice(1)
    .map(readPart)
    .reduce((payload, part) => payload.and(part), Payload.empty);
}

function readPart(part: string): Payload {
  const split = part.indexOf("\n\n");
  const head = part.slice(0, split);
  const body = part.slice(split + 2);
  const type = header(head, "content-type")?.split(";")[0]?.trim().toLowerCase();
  const encoding = header(head, "content-transfer-encoding")?.trim().toLowerCase() ?? "7bit";
  check(encoding === "base64" || encoding === "7bit", "content-transfer-encoding", "must be base64 or 7bit", at);
  const text = encoding === "base64" ? decode(body) : body;
  if (type === "text/cloud-config") return Payload.cloudConfig(text);
  check(type === "text/x-shellscript", "content-type", "must be text/cloud-config or text/x-shellscript", at);
  if (isShellPayload(text)) return readShell(text);
  const name = /filename="?([\w.-]+)"?/.exec(header(head, "content-disposition") ?? "")?.[1];
  return Payload.script(text, name === undefined ? {} : { name });
}

function decode(body: string): string {
  const bytes = Buffer.from(body, "base64");
  const intact = bytes.toString("base64") === body.replaceAll(/\s+/g, "") && isUtf8(bytes);
  check(intact, "payload", "has a part that is not base64 of text", at);
  return bytes.toString("utf8");
}

function header(head: string, name: string): string | undefined {
  return new RegExp(String.raw`^${name}:([^\n]*)`, "im").exec(head)?.[1];
}

function render({ type, name, bytes, headers = [] }: Part & { readonly bytes: Buffer }): string {
  const body = wrapped(bytes.toString("base64"));
  return [
    `Content-Type: ${type}; charset="utf-8"`,
    "Content-Transfer-Encoding: base64",
    `Content-Disposition: attachment; filename="${name}"`,
    ...headers,
    "",
    body,
    "",
  ].join("\n");
}

/** Lines of 76 characters, each with its end: no regular expression, which would take a third of the time. */
function wrapped(base64: string): string {
  const lines: string[] = [];
  for (let start = 0; start < base64.length; start += 76) lines.push(base64.slice(start, start + 76));
  const isFull = base64.length > 0 && base64.length % 76 === 0;
  return isFull ? `${lines.join("\n")}\n` : lines.join("\n");
}

/** The parts that a shell script can put in place. */
export function withoutCloudConfig(payload: Payload): Payload {
  if (payload.cloudConfig.length === 0) return payload;
  const parts = [
    Payload.environment(payload.environment),
    ...payload.files.map(({ path, content, mode, owner }) =>
      Payload.file(path, content, { mode, ...(owner === null ? {} : { owner }) }),
    ),
    ...payload.scripts.map(({ name, text }) => Payload.script(text, { name })),
  ];
  return parts.reduce((whole, part) => whole.and(part), Payload.empty);
}
