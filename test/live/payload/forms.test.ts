import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

import * as fc from "fast-check";
import { Payload, type PayloadFormatName, payloadFormats } from "iaaskit";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

import { temporaryFolder } from "../../support/folders.ts";
import { anyText } from "../../support/payloads.ts";

/** How many values go through each reader; `npm run fuzz -- N` sets it. */
const valueCount = Number(process.env["VALUES"] ?? "20000");
const batchSize = 1_000;
const shells = [["dash"], ["bash"], ["busybox", "ash"]];
const timeout = Math.max(300_000, valueCount * 20);

/** Calls `read` with as many values as there shall be, in batches. @returns How many came back as others. */
async function mismatches(read: (values: readonly string[]) => readonly string[] | Promise<readonly string[]>) {
  let wrong = 0;
  const batches = Math.ceil(valueCount / batchSize);
  const batch = fc.array(anyText, { minLength: batchSize, maxLength: batchSize });
  for (const values of fc.sample(batch, batches)) {
    const found = await read(values);
    wrong += values.filter((value, index) => found[index] !== value).length + Math.abs(found.length - values.length);
  }
  return wrong;
}

const named = (values: readonly string[]) =>
  Payload.environment(Object.fromEntries(values.map((value, index) => [`V${index}`, value])));
const variables = Array.from({ length: batchSize }, (_, index) => `"$V${index}"`).join(" ");

function splitByNul(output: Buffer): readonly string[] {
  return output.toString().split("\0").slice(0, -1);
}

/** What a Python program makes of the bytes, as a JSON list of texts. */
function python(program: string, input: Uint8Array): readonly string[] {
  return JSON.parse(
    execFileSync("/usr/bin/python3", ["-c", program], { input, maxBuffer: 1e9 }).toString(),
  ) as string[];
}
const values = `[pairs["V%d" % index] for index in range(${batchSize})]`;

it("bash, dash and busybox are there", () => {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const missing = shells.filter(([name = ""]) => !folders.some((folder) => existsSync(join(folder, name))));
  expect(missing).toEqual([]);
});

describe.each(shells.map((shell) => ({ shell, title: shell.join(" ") })))(
  `${valueCount} values in $title`,
  ({ shell }) => {
    const [program = "", ...words] = shell;
    const run = (file: string, environment: Record<string, string>) => {
      const { status, stdout, stderr } = spawnSync(program, [...words, file], { env: environment, maxBuffer: 1e9 });
      if (status !== 0) throw new Error(stderr.toString());
      return stdout;
    };

    it("come out of an env-file as they went in", { timeout }, async () => {
      await using folder = await temporaryFolder();
      const [file, script] = [join(folder.path, "payload.env"), join(folder.path, "print.sh")];
      await writeFile(script, `. '${file}'\nprintf '%s\\0' ${variables}\n`);
      const wrong = await mismatches(async (all) => {
        await writeFile(file, payloadFormats["env-file"].write(named(all)));
        return splitByNul(run(script, { PATH: process.env["PATH"] ?? "", LC_ALL: "C.UTF-8" }));
      });
      expect(wrong).toBe(0);
    });

    it("come out of a payload script, and of the one in a multipart, as they went in", { timeout }, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, "payload.sh");
      const print = Payload.script(`#!/bin/sh\nprintf '%s\\0' ${variables}\n`);
      let batches = 0;
      const wrong = await mismatches(async (all) => {
        const payload = named(all).and(print);
        batches += 1;
        const isMime = batches % 4 === 0;
        await writeFile(
          file,
          isMime ? scriptIn(payloadFormats.mime.write(payload)) : payloadFormats.shell.write(payload),
        );
        const environment = {
          PATH: process.env["PATH"] ?? "",
          IAASKIT_DIR: join(folder.path, "etc"),
          TMPDIR: folder.path,
        };
        return splitByNul(run(file, environment));
      });
      expect(wrong).toBe(0);
    });
  },
);

/** The script of a multipart, as Python's parser, which cloud-init uses, finds it. */
function scriptIn(mime: Uint8Array): Uint8Array {
  const program =
    "import sys,email\n" +
    "parts=[p for p in email.message_from_bytes(sys.stdin.buffer.read()).walk() if not p.is_multipart()]\n" +
    "assert len(parts)==1\nsys.stdout.buffer.write(parts[0].get_payload(decode=True))";
  return execFileSync("/usr/bin/python3", ["-c", program], { input: mime, maxBuffer: 1e9 });
}

describe(`${valueCount} values in readers of data`, () => {
  const write = (name: PayloadFormatName, all: readonly string[]) => payloadFormats[name].write(named(all));

  it("come out of JSON as they went in", { timeout }, async () => {
    const program = `import sys,json\npairs=json.load(sys.stdin.buffer)["environment"]\nprint(json.dumps(${values}))`;
    expect(await mismatches((all) => python(program, write("json", all)))).toBe(0);
  });

  it("come out of cloud-config, in two YAML parsers, as they went in", { timeout }, async () => {
    const program = `import sys,json,yaml\nprint(json.dumps(yaml.safe_load(sys.stdin.buffer.read().decode())["list"]))`;
    const wrong = await mismatches((all) => {
      const [text = ""] = Payload.cloudConfig({ list: all }).cloudConfig;
      const ours = (parse(text) as { list: string[] }).list;
      const theirs = python(program, Buffer.from(text));
      return all.map((_, index) => (ours[index] === theirs[index] ? (theirs[index] ?? "") : "\0"));
    });
    expect(wrong).toBe(0);
  });

  it(
    "come out of Stratos' line and zip, in readers like those of its agents, or are refused",
    { timeout },
    async () => {
      const agent = "pairs={s.split('=')[0]:s.split('=')[1] for s in text.split(',')}\n";
      const line = `import sys,json\ntext=sys.stdin.buffer.read().decode()\n${agent}print(json.dumps(${values}))`;
      const zip =
        "import sys,json,zipfile,io\n" +
        "text=zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read())).read('launch-params').decode()\n" +
        `${agent}print(json.dumps(${values}))`;
      const wrong = await mismatches((all) => {
        const holdable = all.map((value) => value.replaceAll(/[,=\r\n]/g, ""));
        const [fromLine, fromZip] = [
          python(line, write("stratos", holdable)),
          python(zip, write("launch-params", holdable)),
        ];
        return all.map((value, index) => {
          if (value !== holdable[index] && isRefused(value)) return value;
          return value === fromLine[index] ? (fromZip[index] ?? "\0") : "\0";
        });
      });
      expect(wrong).toBe(0);
    },
  );
});

function isRefused(value: string): boolean {
  try {
    payloadFormats.stratos.write(Payload.environment({ A: value }));
    return false;
  } catch {
    return true;
  }
}
