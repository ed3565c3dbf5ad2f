import * as fc from "fast-check";
import { InvalidInputError, Payload, type PayloadFormatName, payloadFormats, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { base64, contentOf, examples, formatNames, payloadsOf, readOrRefuse, refusal } from "../../support/payloads.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const pairs = (value: string) => Payload.environment({ A: "1", B: value });
const readEnvFile = (text: string) => payloadFormats["env-file"].read(bytesOf(text)).environment;
const readStratos = (text: string) => payloadFormats.stratos.read(bytesOf(text)).environment;
const readJson = (value: unknown) => payloadFormats.json.read(bytesOf(JSON.stringify(value)));
const readShell = (text: string) => payloadFormats.shell.read(bytesOf(text));

describe.each(formatNames)("the form %s", (name) => {
  const format = payloadFormats[name];

  it("reads back what it has written", () => {
    fc.assert(
      fc.property(payloadsOf[name], (payload) => {
        expect(contentOf(format.read(format.write(payload)))).toEqual(contentOf(payload));
      }),
    );
  });

  it("reads back an example with every kind of part", () => {
    const payload = examples[name];
    expect(contentOf(format.read(format.write(payload)))).toEqual(contentOf(payload));
  });

  it("reads back a payload without parts", () => {
    expect(format.read(format.write(Payload.empty)).isEmpty).toBe(true);
  });

  it("gives the same bytes for the same payload, also for one that was read back", () => {
    fc.assert(
      fc.property(payloadsOf[name], (payload) => {
        const bytes = format.write(payload);
        expect(base64(format.write(payload))).toBe(base64(bytes));
        expect(base64(format.write(format.read(bytes)))).toBe(base64(bytes));
      }),
    );
  });

  it("writes secrets as they are, without their mark", () => {
    const payload = Payload.environment({ TOKEN: new Secret("s3cret"), HOST: "h" });
    const read = format.read(format.write(payload));
    expect(read.environment).toEqual({ TOKEN: "s3cret", HOST: "h" });
    expect(read.secretParts).toEqual([]);
  });

  it("holds no raw bytes", () => {
    expect(refusal(() => format.write(Payload.raw("as it is")))).toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "payload",
      message: "payload is raw: it goes as it is, in no form",
    });
  });

  it("refuses random bytes with an InvalidInputError, where it cannot read them", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readOrRefuse(format, bytes)));
  });

  it("refuses random text with an InvalidInputError, where it cannot read it", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void readOrRefuse(format, bytesOf(text))));
  });

  it("refuses damaged bytes with an InvalidInputError, where it cannot read them", () => {
    const bytes = format.write(examples[name]);
    const damage = fc.record({
      at: fc.nat({ max: bytes.length - 1 }),
      removed: fc.nat({ max: 40 }),
      inserted: fc.uint8Array({ maxLength: 4 }),
    });
    fc.assert(
      fc.property(damage, ({ at, removed, inserted }) => {
        readOrRefuse(format, Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + removed)]));
      }),
      { numRuns: 500 },
    );
  });

  it("reads a view into a larger buffer", () => {
    const bytes = format.write(examples[name]);
    const larger = Buffer.concat([Buffer.from("before"), bytes, Buffer.from("behind")]);
    const view = new Uint8Array(larger.buffer, larger.byteOffset + 6, bytes.length);
    expect(contentOf(format.read(view))).toEqual(contentOf(examples[name]));
  });
});

describe("a form that is cut off", () => {
  it.each(["json", "launch-params", "shell"] as const)("is refused at every byte: %s", (name) => {
    const bytes = payloadFormats[name].write(examples[name]);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(readOrRefuse(payloadFormats[name], bytes.subarray(0, length))).toBeInstanceOf(InvalidInputError);
    }
  });

  it("is refused at every byte but for the last line break: mime", () => {
    const { read, write } = payloadFormats.mime;
    const bytes = write(examples.mime);
    for (let length = 0; length < bytes.length - 1; length += 1) {
      expect(readOrRefuse(payloadFormats.mime, bytes.subarray(0, length))).toBeInstanceOf(InvalidInputError);
    }
    expect(contentOf(read(bytes.subarray(0, -1)))).toEqual(contentOf(examples.mime));
  });

  it.each(["env-file", "stratos"] as const)("gives no pair that was not there: %s", (name) => {
    const bytes = payloadFormats[name].write(examples[name]);
    for (let length = 0; length < bytes.length; length += 1) {
      const read = readOrRefuse(payloadFormats[name], bytes.subarray(0, length));
      const names = read instanceof Payload ? Object.keys(read.environment) : [];
      expect(Object.keys(examples[name].environment).slice(0, names.length)).toEqual(names);
    }
  });
});

describe("a part that a form cannot hold", () => {
  const script = Payload.script("#!/bin/sh\n");
  const file = Payload.file("/etc/app.conf", "x");
  const cloudConfig = Payload.cloudConfig("packages: [git]");

  const refusals: [PayloadFormatName, string, Payload, string][] = [
    ["shell", "cloud-config", cloudConfig, "cloudConfig"],
    ["env-file", "a file", file, "payload"],
    ["env-file", "a script", script, "payload"],
    ["env-file", "cloud-config", cloudConfig, "payload"],
    ["stratos", "a file", file, "payload"],
    ["stratos", "a script", script, "payload"],
    ["stratos", "cloud-config", cloudConfig, "payload"],
    ["stratos", "a value with a comma", pairs("a,b"), "environment.B"],
    ["stratos", "a value with =", pairs("a="), "environment.B"],
    ["stratos", "a value with a line feed", pairs("a\nb"), "environment.B"],
    ["stratos", "a value with a carriage return", pairs("a\r"), "environment.B"],
    ["launch-params", "a script", script, "payload"],
    ["launch-params", "cloud-config", cloudConfig, "payload"],
    ["launch-params", "a value with a comma", pairs("a,b"), "environment.B"],
    ["launch-params", "a file elsewhere", file, "file.path"],
  ];
  it.each(refusals)("is refused, naming it: %s and %s", (name, _, payload, field) => {
    const error = refusal(() => payloadFormats[name].write(payload.and(Payload.environment({ Z: "z" }))));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field, provider: "iaaskit" });
  });

  it("is refused without its value, which may be secret", () => {
    const payload = Payload.environment({ TOKEN: new Secret("pass,word") });
    expect(JSON.stringify(refusal(() => payloadFormats.stratos.write(payload)))).not.toMatch(/pass|word/);
  });
});

describe("text that is not UTF-8", () => {
  it.each(formatNames.filter((name) => name !== "launch-params"))("is refused, not repaired: %s", (name) => {
    const bytes = Buffer.from(payloadFormats[name].write(Payload.environment({ HOST: "hostname" })));
    const place = bytes.indexOf(name === "mime" ? "iaaskit" : "hostname");
    bytes[place] = 0xff;
    expect(refusal(() => payloadFormats[name].read(bytes))).toMatchObject({ field: "payload", rule: "is not UTF-8" });
  });
});

describe("a payload of many megabytes", () => {
  const size = 8 * 1024 * 1024;

  it.each(["mime", "shell", "json"] as const)("is read back: a binary file as %s", (name) => {
    const { read, write } = payloadFormats[name];
    const [file] = read(write(Payload.file("/big", new Uint8Array(size).fill(255)))).files;
    expect(file?.content.byteLength).toBe(size);
  });

  it("is read back: a value with nothing to escape as env-file", () => {
    const { read, write } = payloadFormats["env-file"];
    expect(read(write(Payload.environment({ BIG: "x".repeat(size) }))).environment["BIG"]).toHaveLength(size);
  });

  it("is refused in a moment when it is nothing but line breaks and a letter", () => {
    const bytes = Buffer.from(`${"\n".repeat(100_000)}x`);
    for (const name of formatNames) refusal(() => payloadFormats[name].read(bytes));
  });
});

describe("what is read of others: env-file", () => {
  it("may have blank lines, comments and spaces behind the values", () => {
    expect(readEnvFile('\n# of "us"\nA="1"  \n\n  # and\nB="2"\t')).toEqual({ A: "1", B: "2" });
  });

  it("keeps a backslash before an ordinary letter", () => {
    expect(readEnvFile(String.raw`A="\n\\n\"\$"`)).toEqual({ A: String.raw`\n\n"$` });
  });

  it("gives the last of two pairs of the same name", () => {
    expect(readEnvFile('A="1"\nA="2"\n')).toEqual({ A: "2" });
  });

  it.each([
    ["no quotes", "A=1"],
    ["single quotes", "A='1'"],
    ["an open quote", 'A="1'],
    ["an escaped last quote", String.raw`A="1\"`],
    ["something behind the value", 'A="1" B="2"'],
    ["export", 'export A="1"'],
    ["a name that begins with a digit", '1A="1"'],
    ["a command", "reboot"],
  ])("is refused, naming the line, for %s", (_, line) => {
    const error = refusal(() => readEnvFile(`FIRST="over\ntwo lines"\n\n# comment\n${line}\nLAST="x"\n`));
    expect(error).toMatchObject({ field: "line 5", rule: 'must be NAME="value"', operation: "payload.envFile" });
  });

  it("is refused for a name that would change how programs run", () => {
    expect(refusal(() => readEnvFile('LD_PRELOAD="/tmp/x.so"\n'))).toMatchObject({ field: "environment.LD_PRELOAD" });
  });

  it("is refused for the name __proto__, and not passed over", () => {
    expect(refusal(() => readEnvFile('__proto__="x"\n'))).toMatchObject({ field: "environment.__proto__" });
  });

  it("is refused for a NUL", () => {
    expect(refusal(() => readEnvFile('A="\0"\n'))).toMatchObject({ field: "payload" });
  });
});

describe("what is read of others: stratos", () => {
  it("keeps everything behind the first = so that base64 survives", () => {
    expect(readStratos("TOKEN=YWJj==,A=b=c")).toEqual({ TOKEN: "YWJj==", A: "b=c" });
  });

  it("passes over empty segments and line breaks at the end", () => {
    expect(readStratos(",,A=1,,  ,B=,\r\n\n")).toEqual({ A: "1", B: "" });
  });

  it("keeps spaces of values and drops those around names", () => {
    expect(readStratos(" A = x ,B=\ty \n")).toEqual({ A: " x ", B: "\ty " });
  });

  it("passes over a byte order mark", () => {
    expect(readStratos("\uFEFFA=1")).toEqual({ A: "1" });
  });

  it("gives the last of two pairs of the same name", () => {
    expect(readStratos("A=1,A=2")).toEqual({ A: "2" });
  });

  it("is refused for a segment without = by its number, and does not show it", () => {
    const error = refusal(() => readStratos("A=1,PASSWORD=abc,s3cret"));
    expect(error).toMatchObject({ field: "payload", rule: "must be KEY=value pairs; segment 3 is none" });
  });

  it("is refused for a segment without a name", () => {
    expect(refusal(() => readStratos("A=1,=2"))).toMatchObject({ rule: "must be KEY=value pairs; segment 2 is none" });
  });

  it("is refused for a name that is no variable's", () => {
    expect(refusal(() => readStratos("A B=1"))).toMatchObject({ field: "environment.A B" });
  });

  it("is refused for the name __proto__, and not passed over", () => {
    expect(refusal(() => readStratos("__proto__=x"))).toMatchObject({ field: "environment.__proto__" });
  });
});

describe("what is read of others: json", () => {
  it("needs the version only", () => {
    expect(readJson({ version: 1 }).isEmpty).toBe(true);
  });

  it.each([
    ["an array", [], "payload"],
    ["null", null, "payload"],
    ["no version", {}, "version"],
    ["another version", { version: 2 }, "version"],
    ["an unknown field", { version: 1, file: [] }, "payload"],
    ["a value that is a number", { version: 1, environment: { A: 1 } }, "environment.A"],
    ["a dangerous name", { version: 1, environment: { IFS: "x" } }, "environment.IFS"],
    ["a mode that is not octal", { version: 1, files: [{ path: "/a", mode: "rw" }] }, "files.0.mode"],
    ["a path that climbs", { version: 1, files: [{ path: "/a/../b", mode: "0644" }] }, "file.path"],
    ["base64 that is none", { version: 1, files: [{ path: "/a", mode: "644", base64: "*" }] }, "files.0.base64"],
    ["a script without #!", { version: 1, scripts: [{ name: "s", text: "true" }] }, "script"],
    ["cloud-config that is no text", { version: 1, cloudConfig: [{}] }, "cloudConfig.0"],
  ])("is refused, naming the field, for %s", (_, value, field) => {
    expect(refusal(() => readJson(value))).toMatchObject({ code: "IAAS_INVALID_INPUT", field });
  });

  it("is refused without the text in its error, which may hold secrets", () => {
    const error = refusal(() => payloadFormats.json.read(bytesOf('{"environment":{"TOKEN":s3cret}}')));
    expect(error).toMatchObject({ field: "payload", rule: "is not JSON" });
    expect(error.cause).toBe(undefined);
  });
});

describe("what is read of others: shell", () => {
  const text = Buffer.from(payloadFormats.shell.write(examples.shell)).toString("utf8");

  it.each([
    ["another script", "#!/bin/sh\nexit 0\n"],
    ["another preamble", text.replace("umask 077", "umask 000")],
    ["another end", text.replace('exit "$iaaskit_status"', "exit 0")],
    ["a command between the calls", text.replace("\niaaskit_file '", "\nreboot\niaaskit_file '")],
    ["a command behind a call", text.replace("\niaaskit_script", "; reboot\niaaskit_script")],
    ["a call of another function", text.replace("\niaaskit_file '", "\niaaskit_failed '")],
    ["a word without quotes", text.replace("'0640'", "0640")],
    ["an open quote", text.replace("'0640'", "'0640")],
    ["a word before the first call", text.replace("\niaaskit_environment", " 'x'\niaaskit_environment")],
    ["a NUL", text.replace("app.example.org", "\0")],
  ])("is refused for %s", (_, changed) => {
    expect(changed).not.toBe(text);
    expect(refusal(() => readShell(changed))).toMatchObject({ field: "payload", operation: "payload.shell" });
  });

  it.each([
    ["a mode that is none", text.replace("'0640'", "'rw'"), "file.mode"],
    ["a path that climbs", text.replace("/data/key", "/data/../key"), "file.path"],
    ["a dangerous name", text.replace("HOST_NAME", "LD_PRELOAD"), "environment.LD_PRELOAD"],
  ])("is refused, naming the field, for %s", (_, changed, field) => {
    expect(refusal(() => readShell(changed))).toMatchObject({ field });
  });
});

it("cloud-init reads mime and shell, and unpacks gzip for them", () => {
  const readers = formatNames.filter((name) => payloadFormats[name].readByCloudInit);
  expect(readers).toEqual(["mime", "shell"]);
});

it("the table of forms cannot be changed", () => {
  expect([payloadFormats, ...Object.values(payloadFormats)].every((value) => Object.isFrozen(value))).toBe(true);
});
