import * as fc from "fast-check";
import {
  InvalidInputError,
  Payload,
  type PayloadFormat,
  type PayloadFormatName,
  payloadFormats,
  reveal,
} from "iaaskit";
import { expect } from "vitest";

export const formatNames = Object.keys(payloadFormats) as PayloadFormatName[];

/** Where Stratos' guests unpack a zip. */
export const guestFolder = "/var/lib/cloud/instance/payload";

/** What breaks encoders that join, quote or guess. */
const hostile = fc.constantFrom(
  ...`"'$\\\`=,|;:#%&<>!*?~()[]{} \t\n\r`.split(""),
  "\r\n",
  "\n\n",
  "]]>",
  "'\\''",
  '\\"',
  "\\\n",
  "$(exit 9)",
  "${HOME}",
  "\u0001",
  "\u007F",
  "\u0081",
  "\u00A0",
  "\u2028",
  "\uFEFF",
  "é",
  "語",
  "😀",
  "--iaaskit",
  "\nTOKEN=other",
  'exit "$iaaskit_status"\n',
);

/** Any text but NUL, mostly of hostile pieces. */
export const anyText = fc
  .string({
    unit: fc.oneof({ weight: 3, arbitrary: hostile }, fc.string({ unit: "binary", minLength: 1, maxLength: 1 })),
  })
  .map((text) => text.replaceAll("\0", ""));

const anyName = fc
  .oneof(fc.stringMatching(/^[A-Za-z_]\w{0,12}$/), fc.constantFrom("toString", "constructor", "hasOwnProperty"))
  .filter((name) => !refuses(() => Payload.environment({ [name]: "" })));

function pairsOf(value: fc.Arbitrary<string>): fc.Arbitrary<Payload> {
  return fc.dictionary(anyName, value, { maxKeys: 5 }).map((pairs) => Payload.environment(pairs));
}

const segment = anyText
  .map((text) => text.replaceAll(/[/\n]|^\uFEFF/g, "-"))
  .filter((text) => !["", ".", "..", "__proto__", "launch-params"].includes(text));
const anyMode = fc.integer({ min: 0, max: 0o7777 });
const anyContent = fc.oneof(anyText, fc.uint8Array());

function filesBelow(folder: string): fc.Arbitrary<Payload> {
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => [folder, ...segments].join("/"));
  const file = fc.record({ path, content: anyContent, mode: anyMode });
  return fc
    .array(file, { maxLength: 4 })
    .map((files) => together(files.map(({ path, content, mode }) => Payload.file(path, content, { mode }))));
}

const ownedFiles = fc
  .array(fc.tuple(fc.stringMatching(/^\/[a-z]{1,6}$/), fc.stringMatching(/^\w[\w.-]{0,6}(:\w[\w.-]{0,6})?$/)))
  .map((files) => together(files.map(([path, owner]) => Payload.file(path, "owned", { owner }))));

const scripts = fc
  .array(fc.record({ name: fc.stringMatching(/^\w[\w.-]{0,12}$/), text: anyText }), { maxLength: 3 })
  .map((all) => together(all.map(({ name, text }) => Payload.script(`#!/bin/sh\n${text}`, { name }))));

const cloudConfigs = fc
  .array(anyText, { maxLength: 3 })
  .map((texts) => together(texts.map((text) => Payload.cloudConfig(printable(text)))));

/** Without what YAML forbids. */
function printable(text: string): string {
  return text.replaceAll(/[^\t\n\r\x20-\x7E\x85\xA0-\uFFFD]/g, "");
}

const anyFiles = fc.tuple(filesBelow("/opt/app"), ownedFiles).map(together);
const stratosPairs = pairsOf(anyText.map((text) => text.replaceAll(/[,=\r\n]/g, "")));

/** For each form, the payloads that it can hold. */
export const payloadsOf: Readonly<Record<PayloadFormatName, fc.Arbitrary<Payload>>> = {
  mime: fc.tuple(pairsOf(anyText), anyFiles, scripts, cloudConfigs).map(together),
  shell: fc.tuple(pairsOf(anyText), anyFiles, scripts).map(together),
  json: fc.tuple(pairsOf(anyText), anyFiles, scripts, cloudConfigs).map(together),
  "env-file": pairsOf(anyText),
  stratos: stratosPairs,
  "launch-params": fc.tuple(stratosPairs, filesBelow(guestFolder)).map(together),
};

/** For each form, a payload with all kinds of parts that it can hold. */
export const examples: Readonly<Record<PayloadFormatName, Payload>> = (() => {
  const pairs = Payload.environment({ HOST_NAME: "app.example.org", EMPTY: "", PORTS: "80|443" });
  const file = Payload.file(`${guestFolder}/data/key`, new Uint8Array([0, 255, 10, 128]), { mode: 0o640 });
  const all = together([pairs, file, Payload.script("#!/bin/sh\nexit 0\n"), Payload.cloudConfig("packages: [git]\n")]);
  const noCloudConfig = together([pairs, file, Payload.script("#!/bin/sh\nexit 0\n", { name: "first.sh" })]);
  return {
    mime: all,
    shell: noCloudConfig,
    json: all,
    "env-file": pairs,
    stratos: pairs,
    "launch-params": together([pairs, file]),
  };
})();

/** All that a payload says, but for the marks on secrets. Files by path: a zip does not keep their order. */
export function contentOf({ environment, files, scripts, cloudConfig, raw }: Payload): object {
  return {
    environment: Object.entries(environment).map(([name, value]) => [name, reveal(value)]),
    files: Object.fromEntries(
      files.map(({ path, content, mode, owner }) => [path, { content: base64(content), mode, owner }]),
    ),
    scripts,
    cloudConfig,
    raw: raw === null ? null : base64(raw),
  };
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

export function together(parts: readonly Payload[]): Payload {
  return parts.reduce((whole, part) => whole.and(part), Payload.empty);
}

/** The error of input that is refused. */
export function refusal(call: () => unknown): InvalidInputError {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return error as InvalidInputError;
  }
  throw new Error(`was not refused, and gave ${String(result)}`);
}

/** Reads the bytes, or refuses them: any other exception fails the test. */
export function readOrRefuse({ read }: PayloadFormat, bytes: Uint8Array): Payload | InvalidInputError {
  try {
    return read(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return error as InvalidInputError;
  }
}

function refuses(call: () => unknown): boolean {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}
