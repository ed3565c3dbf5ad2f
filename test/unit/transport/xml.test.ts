import * as fc from "fast-check";
import { InvalidInputError } from "iaaskit";
import { beforeAll, describe, expect, it } from "vitest";

import { readOne, readText, refusalOf } from "../cartridge/support.ts";

const provider = '<iaasProvider type="here"><imageId>i</imageId></iaasProvider>';
const described = (text: string) => `<cartridge type="php"><description>${text}</description>${provider}</cartridge>`;
const levels = (count: number) => `${"<a>\n".repeat(count)}${"</a>".repeat(count)}`;
const quickMs = 200;

const valid = `<?xml version="1.0" encoding="UTF-8"?>
<!-- two of them -->
<cartridges>
  <cartridge type="php" host="abc.com" provider="carbon" version='5' multiTenant="false">
    <property name="payload_parameter.A" value="1 &lt; 2"/>
    <displayName>PHP &amp; more</displayName>
    <description><![CDATA[a <b> & c]]></description>
    <deployment baseDir="xyz"><dir>abc</dir></deployment>
    <portMapping><http port="80" proxyPort="8280"/><https port="443"/></portMapping>
    <iaasProvider type="ec2">
      <imageId>ami-1</imageId>
      <imageId tenant="t">ami-2</imageId>
      <property name="keyPair" value="aa"/>
    </iaasProvider>
  </cartridge>
  <cartridge type="tomcat">
    <iaasProvider type="here"><imageId>i</imageId></iaasProvider>
  </cartridge>
</cartridges>
`;

describe("texts of XML", () => {
  it.each([
    ["the five entities", "&lt;a&gt; &amp; &quot;b&quot; &apos;c&apos;", `<a> & "b" 'c'`],
    ["character references", "&#65;&#x42;&#x1F600;&#10;.", "AB😀\n."],
    ["an escaped entity, once", "&amp;lt;", "&lt;"],
    ["an escaped reference, once", "&amp;#65;", "&#65;"],
    ["a comment between two words", "one <!-- & two --> three", "one  three"],
    ["a comment that looks like PHP", "a<!-- <?php <!DOCTYPE ?> -->b", "ab"],
    ["CDATA, as it stands", "<![CDATA[a & b &lt; <c> <?php ?>]]>", "a & b &lt; <c> <?php ?>"],
    ["CDATA beside text", "&lt;<![CDATA[&lt;]]>&gt;", "<&lt;>"],
    ["blanks around it, which are left out", "\n   a  b \t\n", "a  b"],
  ])("are decoded: %s", async (_, text, expected) => {
    expect(await readOne("a.xml", described(text))).toMatchObject({ description: expected });
  });

  it("are decoded in attributes too, and keep their blanks", async () => {
    const text = `<cartridge type="php"><property name="payload_parameter.A" value=" &amp;lt; &#65;'"/>${provider}</cartridge>`;
    expect((await readOne("a.xml", text)).environment).toEqual({ A: " &lt; A'" });
  });

  it.each(["1.0", "012345678901", "1e3", "0x1F", "true", "-5"])("stay texts: %s", async (number) => {
    const text = `<cartridge type="${number}" version="${number}"><displayName>${number}</displayName>${provider}</cartridge>`;
    expect(await readOne("a.xml", text)).toMatchObject({ type: number, version: number, displayName: number });
  });

  it("may begin with a byte order mark", async () => {
    expect(await readOne("a.xml", `\uFEFF<?xml version="1.0"?>${described("a")}`)).toMatchObject({ type: "php" });
  });

  it("are told with the right line where lines end as on Windows", async () => {
    const text = '<cartridge type="php">\r\n\r\n<description>a</description>\r\n\r\n<nothing/>\r\n</cartridge>';
    await expect(readText("a.xml", text)).rejects.toMatchObject({ field: "cartridge/nothing", line: 5 });
  });
});

describe("XML that is refused", () => {
  beforeAll(async () => {
    await readText("a.xml", valid); // loads the parser, which is none of what is timed
  });

  const bomb = Array.from({ length: 10 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join("");
  const refusals: [string, string, number][] = [
    ["an empty file", "", 1],
    ["a file of blanks", "\n \n", 1],
    ["a comment alone", "<!-- nothing -->", 1],
    ["text alone", "hello", 1],
    ["text before the root", `\nhello ${described("a")}`, 1],
    ["text behind the root", `${described("a")}\nhello`, 1],
    ["text behind a root without content", '<cartridge type="php"/>\nhello', 1],
    ["a DOCTYPE", `\n<!DOCTYPE cartridge>\n${described("a")}`, 2],
    ["a DOCTYPE in small letters", `<!doctype cartridge>${described("a")}`, 1],
    ["an entity bomb", `<!DOCTYPE c [<!ENTITY l0 "x">${bomb}]>${described("&l10;")}`, 1],
    ["an external entity", `<!DOCTYPE c [<!ENTITY x SYSTEM "file:///etc/passwd">]>${described("&x;")}`, 1],
    ["a processing instruction", `<?xml version="1.0"?>\n<?php echo 1 ?>${described("a")}`, 2],
    ["a style sheet", `<?xml-stylesheet href="a.css"?>${described("a")}`, 1],
    ["a second XML declaration", `<?xml version="1.0"?>\n<?xml version="1.0"?>${described("a")}`, 2],
    ["an XML declaration behind a blank", ` <?xml version="1.0"?>${described("a")}`, 1],
    ["an unknown entity", `\n${described("&nbsp;")}`, 2],
    ["an entity without its end", described("&amp"), 1],
    ["a bare &", described("a & b"), 1],
    ["a reference to no character", described("&#0;"), 1],
    ["a reference to half a character", described("&#xD800;"), 1],
    ["a reference that is too large", described("&#x110000;"), 1],
    ["an entity without its end in an attribute", `<cartridge type="&amp">${provider}</cartridge>`, 1],
    ["a reference without its end in an attribute", `<cartridge type="&#65">${provider}</cartridge>`, 1],
    ["an unknown entity in an attribute", `<cartridge type="&copy;">${provider}</cartridge>`, 1],
    ["two roots", `${described("a")}\n${described("b")}`, 2],
    ["two roots without content", '<cartridge type="a"/>\n<cartridge type="b"/>', 2],
    ["a comment that does not end", `${described("a")}\n<!-- `, 2],
    ["CDATA that does not end", described("\n<![CDATA[a"), 2],
    ["a tag that does not end", '<cartridge\n type="php"', 1],
    ["a quote that does not end", '<cartridge type="php>\n', 1],
    ["an element that does not end", '<cartridges>\n<cartridge type="php">\n', 2],
    ["the wrong closing tag", '<cartridge type="php">\n<description>a</displayName></cartridge>', 2],
    ["a closing tag too many", `${described("a")}</cartridge>`, 1],
    ["a closing tag that closes itself", '<cartridge type="php"><dir></dir/></dir></cartridge>', 1],
    ["an attribute without value", "<cartridge type>\n</cartridge>", 1],
    ["an attribute without quotes", "<cartridge type=php></cartridge>", 1],
    ["an attribute twice", `<cartridge type="a" type="b">${provider}</cartridge>`, 1],
    ["a < in an attribute", `<cartridge type="<">${provider}</cartridge>`, 1],
    ["a < in a text", described("1 < 2"), 1],
  ];
  it.each(refusals)("for %s, with its line, and at once", async (_, text, line) => {
    const { error, ms } = await refusalOf(readText("a.xml", text));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", line, file: expect.stringMatching(/a\.xml$/) });
    expect(ms).toBeLessThan(quickMs);
  });

  const large: [string, string][] = [
    ["10,000 levels", `${"<a>".repeat(10_000)}${"</a>".repeat(10_000)}`],
    ["10,000 levels that do not end", "<a>".repeat(10_000)],
    ["10,000 levels whose attributes look like an end", '<a b="/>">'.repeat(10_000)],
    ["a text that is too long", described("x".repeat(1_200_000))],
    ["a text of many bytes and fewer characters", described("€".repeat(400_000))],
    ["200,000 comments that do not end", "<!--".repeat(200_000)],
    ["80,000 CDATA sections that do not end", "<![CDATA[".repeat(80_000)],
    ["a million <", "<".repeat(1_000_000)],
    ["a name without end", `<${"a".repeat(1_000_000)}`],
    ["blanks without end", `<cartridge ${" ".repeat(1_000_000)}`],
    ["300,000 tags without end", "<a ".repeat(300_000)],
    ["100,000 quotes without end", `<a b='${'"<a '.repeat(100_000)}`],
    ["a million &", `<a>${"&".repeat(1_000_000)}</a>`],
  ];
  it.each(large)("for %s, at once and in few words", async (_, text) => {
    const { error, ms } = await refusalOf(readText("a.xml", text));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as Error).message.length).toBeLessThan(600);
    expect(ms).toBeLessThan(quickMs);
  });

  it("beyond 100 levels and not before, with the line of the first that is too deep", async () => {
    await expect(readText("a.xml", levels(100))).rejects.toMatchObject({ field: "a", line: 1 });
    await expect(readText("a.xml", levels(101))).rejects.toMatchObject({
      field: "document",
      rule: "is nested more than 100 deep",
      line: 101,
    });
    await expect(readText("a.xml", '<a b="/>">'.repeat(101))).rejects.toMatchObject({
      rule: "is nested more than 100 deep",
    });
  });

  it.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"])(
    "for an element or an attribute with the name %s",
    async (name) => {
      for (const text of [
        `<cartridge type="php"><${name}/>${provider}</cartridge>`,
        `<cartridge type="php" ${name}="x">${provider}</cartridge>`,
        `<${name}/>`,
      ]) {
        await expect(readText("a.xml", text)).rejects.toBeInstanceOf(InvalidInputError);
      }
      expect(Object.keys({})).toEqual([]);
    },
  );

  it("wherever the file is cut off", async () => {
    await expect(readText("a.xml", valid)).resolves.toMatchObject({ warnings: [] });
    const whole = valid.trimEnd().length;
    for (let length = 0; length < whole; length += 3) {
      const { error, ms } = await refusalOf(readText("a.xml", valid.slice(0, length)));
      expect(error, `cut at ${length}`).toBeInstanceOf(InvalidInputError);
      expect(error, `cut at ${length}`).toMatchObject({ line: expect.any(Number) });
      expect(ms).toBeLessThan(quickMs);
    }
  });

  it("with an InvalidInputError and nothing else, however a document has been damaged", async () => {
    const noise = fc.oneof(
      fc.constantFrom("<", ">", "&", '"', "'", "/", "=", "!", "?", "-", "]]>", "<!--", "<![CDATA[", "&#", ";", "\0"),
      fc.constantFrom("</cartridge>", "<iaasProvider>", "<property/>", 'type="', "__proto__", "\r\n", "\uD800", "😀"),
      fc.string({ maxLength: 5 }),
    );
    const damage = fc.record({ at: fc.nat(valid.length), remove: fc.nat(20), insert: noise });
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
        const text = damages.reduce(
          (before, { at, remove, insert }) => before.slice(0, at) + insert + before.slice(at + remove),
          valid,
        );
        const failure = await readText("a.xml", text).then(
          () => null,
          (error: unknown) => error,
        );
        expect(failure === null || failure instanceof InvalidInputError, String(failure)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
