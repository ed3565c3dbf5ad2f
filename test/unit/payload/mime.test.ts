import { Payload, payloadFormats } from "iaaskit";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { contentOf, payloadsOf, refusal, together } from "../../support/payloads.ts";

const { read, write } = payloadFormats.mime;
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

interface Part {
  readonly headers: Readonly<Record<string, string>>;
  readonly lines: readonly string[];
}

/** An independent reader: splits at the boundary and knows nothing of payloads. */
function partsOf(text: string): readonly Part[] {
  const boundary = /boundary="(.*)"/.exec(text)?.[1] ?? "";
  const pieces = text.split(`--${boundary}`);
  expect(pieces.at(-1)).toBe("--\n");
  return pieces.slice(1, -1).map((piece) => {
    const [head = "", body = ""] = piece.slice(1).split(/\n\n(.*)/s);
    const headers = head.split("\n").map((line) =>
      line
        .split(/: (.*)/s)
        .slice(0, 2)
        .map((word) => word.toLowerCase()),
    );
    return { headers: Object.fromEntries(headers) as Record<string, string>, lines: body.trimEnd().split("\n") };
  });
}

const configs = (count: number) =>
  together(Array.from({ length: count }, (_, index) => Payload.cloudConfig(`runcmd: [echo ${index}]\n`)));
const rest = Payload.environment({ A: "1" }).and(Payload.script("#!/bin/sh\n"));

const boundaryOf = (payload: Payload) => /boundary="(.*)"/.exec(textOf(write(payload)))?.[1] ?? "";
const firstLineOf = ({ lines }: Part) => Buffer.from(lines.join(""), "base64").toString("utf8").split("\n")[0];
const mergeTypeOf = ({ headers }: Part) => headers["merge-type"];

describe("MIME multipart for cloud-init", () => {
  it("begins with its Content-Type, with no line before it", () => {
    expect(textOf(write(rest))).toMatch(
      /^Content-Type: multipart\/mixed; boundary="iaaskit-[0-9a-f]{24}"\nMIME-Version: 1\.0\n\n--iaaskit-/,
    );
  });

  it("is ASCII with short lines, and every part is base64", () => {
    fc.assert(
      fc.property(payloadsOf.mime, (payload) => {
        const text = textOf(write(payload));
        expect(text).toMatch(/^[\n\u0020-\u007E]*$/);
        for (const { headers, lines } of partsOf(text)) {
          expect(headers["content-transfer-encoding"]).toBe("base64");
          for (const line of lines) expect(line).toMatch(/^[A-Za-z0-9+/]{0,76}={0,2}$/);
        }
      }),
    );
  });

  it("has a boundary that stands in none of its bodies", () => {
    fc.assert(
      fc.property(payloadsOf.mime, (payload) => {
        const bodies = partsOf(textOf(write(payload))).flatMap(({ lines }) => lines);
        const boundary = boundaryOf(payload);
        expect(boundary).toMatch(/^iaaskit-[0-9a-f]{24}$/);
        expect(bodies.filter((line) => line.includes(boundary) || line.startsWith("--"))).toEqual([]);
      }),
    );
  });

  it("has file names that are unique and begin with a number, in the order in which they run", () => {
    const names = partsOf(textOf(write(configs(3).and(rest)))).map(
      ({ headers }) => /^attachment; filename="(.*)"$/.exec(headers["content-disposition"] ?? "")?.[1],
    );
    expect(names).toEqual(["00-cloud-config.yaml", "01-cloud-config.yaml", "02-cloud-config.yaml", "50-payload.sh"]);
  });

  it("keeps its file names unique with more than fifty parts of cloud-config", () => {
    const names = partsOf(textOf(write(configs(60).and(rest)))).map(({ headers }) => headers["content-disposition"]);
    expect(new Set(names).size).toBe(61);
  });

  it("says of each part what it is, and begins each as cloud-init wants it", () => {
    const parts = partsOf(textOf(write(configs(1).and(rest))));
    expect(parts.map(({ headers }) => headers["content-type"])).toEqual([
      'text/cloud-config; charset="utf-8"',
      'text/x-shellscript; charset="utf-8"',
    ]);
    expect(parts.map(firstLineOf)).toEqual(["#cloud-config", "#!/bin/sh"]);
  });

  it("asks to merge several parts of cloud-config, whose lists would replace each other", () => {
    const several = partsOf(textOf(write(configs(2).and(rest))));
    expect(several.map(mergeTypeOf)).toEqual([
      "list(append)+dict(recurse_array)+str()",
      "list(append)+dict(recurse_array)+str()",
      undefined,
    ]);
    expect(partsOf(textOf(write(configs(1).and(rest)))).map(mergeTypeOf)).toEqual([undefined, undefined]);
  });

  it("puts pairs, files and scripts into one script, and has none without them", () => {
    const files = Payload.file("/a", "x").and(Payload.file("/b", "y"));
    expect(partsOf(textOf(write(rest.and(files).and(rest)))).length).toBe(1);
    expect(partsOf(textOf(write(configs(2)))).length).toBe(2);
    expect(partsOf(textOf(write(Payload.empty)))).toEqual([]);
  });

  it("changes its boundary with its content", () => {
    expect(boundaryOf(Payload.environment({ A: "1" }))).not.toBe(boundaryOf(Payload.environment({ A: "2" })));
  });
});

/** Parts as another program writes them. */
const partText = (headers: readonly string[], body: string) => ["--b", ...headers, "", body].join("\n");
const multipart = (...parts: readonly string[]) =>
  ['MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"', "", ...parts, "--b--", ""].join("\n");
const readText = (text: string) => read(Buffer.from(text));

describe("MIME multipart of others", () => {
  const script = partText(['content-type: TEXT/X-ShellScript; charset="us-ascii"'], "#!/bin/sh\necho hi\n");
  const config = partText(["Content-Type: text/cloud-config"], "#cloud-config\na: 1");

  it("is read with scripts and cloud-config that are not encoded", () => {
    const { scripts, cloudConfig } = readText(multipart(script, config));
    expect(scripts).toEqual([{ name: "script", text: "#!/bin/sh\necho hi\n" }]);
    expect(cloudConfig).toEqual(["a: 1"]);
  });

  it("is read with line breaks of mail, a preamble, and a boundary without quotes", () => {
    const text = multipart("This is MIME.\n", script).replace('"b"', "b").replaceAll("\n", "\r\n");
    expect(readText(text).scripts).toEqual([{ name: "script", text: "#!/bin/sh\necho hi\n" }]);
  });

  it("is read with the names of the scripts", () => {
    const disposition = 'Content-Disposition: attachment; filename="10-first.sh"';
    const named = partText(["Content-Type: text/x-shellscript", disposition], "#!/bin/sh");
    expect(readText(multipart(named)).scripts).toEqual([{ name: "10-first.sh", text: "#!/bin/sh" }]);
  });

  it("is read together with a payload script of ours", () => {
    const own = partText(
      ["Content-Type: text/x-shellscript"],
      Buffer.from(payloadFormats.shell.write(rest)).toString(),
    );
    expect(contentOf(readText(multipart(own, config)))).toEqual(contentOf(rest.and(Payload.cloudConfig("a: 1"))));
  });

  it.each([
    ["no head", "#!/bin/sh\n", "payload"],
    ["a head that is not multipart", "Content-Type: text/plain\n\nx", "payload"],
    ["no boundary", "Content-Type: multipart/mixed\n\n--b--", "payload"],
    ["no last boundary", multipart(script).replace("--b--", "--c--"), "payload"],
    ["a blank line before the head", `\n\n${multipart(script)}`, "payload"],
    ["a part without headers", multipart("--b\n#!/bin/sh"), "content-type"],
    ["an attachment", multipart(partText(["Content-Type: application/octet-stream"], "x")), "content-type"],
    ["an include", multipart(partText(["Content-Type: text/x-include-url"], "http://localhost/")), "content-type"],
    ["another encoding", multipart(partText(["Content-Transfer-Encoding: 8bit"], "x")), "content-transfer-encoding"],
    ["a script without #!", multipart(partText(["Content-Type: text/x-shellscript"], "echo hi")), "script"],
  ])("is refused, naming the field, for %s", (_, text, field) => {
    expect(refusal(() => readText(text))).toMatchObject({ code: "IAAS_INVALID_INPUT", field });
  });

  const encoded = (body: string) =>
    multipart(partText(["Content-Type: text/cloud-config", "Content-Transfer-Encoding: base64"], body));

  it("is read with base64 in lines of any length", () => {
    expect(readText(encoded("YT\nog\nMQ==\n\n")).cloudConfig).toEqual(["a: 1"]);
  });

  it.each([
    ["a letter that is none of base64", "YT*ogMQ=="],
    ["something behind the padding", "YTogMQ==YTogMQ=="],
    ["a padding that is missing", "YTogMQ"],
    ["bytes that are no text", "//8="],
  ])("is refused for %s", (_, body) => {
    const error = refusal(() => readText(encoded(body)));
    expect(error).toMatchObject({ field: "payload", rule: "has a part that is not base64 of text" });
  });
});
