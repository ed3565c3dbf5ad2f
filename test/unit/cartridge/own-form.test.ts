import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { defineCartridge, InvalidInputError, readCartridges } from "iaaskit";
import { describe, expect, it } from "vitest";

import { folderWith, readOne, readText, refusalOf } from "./support.ts";

/** Every field that a definition may have, but for the payload. */
const layer = {
  image: "debian-12",
  tenantImages: { acme: "debian-12-acme" },
  size: { minCpus: 2, minMemoryMiB: 4096, architecture: "arm64" },
  partition: { region: "r", zone: ["a", "b"], host: "h" },
  keyPair: "k",
  securityGroups: ["g"],
  ports: [{ name: "web", port: 8080, protocol: "tcp", proxyPort: 80, sources: ["10.0.0.0/8", "::/0"] }],
  networks: [{ id: "n", fixedIp: "10.0.0.5" }],
  volumes: [
    { sizeGiB: 10, device: "/dev/vdb", deleteOnTermination: false, mountPath: "/data" },
    { volumeId: "vol-1" },
    { snapshotId: "snap-1" },
  ],
  floatingIp: true,
  tags: { team: "red" },
  environment: { HOST: "h" },
  payloadFormat: "env-file",
  allowInlineSecrets: true,
  until: "running",
  providerOptions: { ec2: { spot: true } },
  properties: { other: "x" },
} as const;
const whole = {
  ...layer,
  type: "php",
  host: "example.org",
  vendor: "apache",
  version: "8.3",
  displayName: "PHP",
  description: "PHP and Apache",
  multiTenant: true,
  deployment: { baseFolder: "/var/www", folders: ["one"] },
  iaasProviders: [
    {
      ...layer,
      type: "here",
      name: "mine",
      provider: "ec2",
      options: { region: "r", deep: { list: [1, true, null] } },
    },
    { type: "there", image: "i", size: "small", floatingIp: "1.2.3.4", partition: { zone: "z" } },
  ],
  extensions: { category: "framework" },
};
const yamlOf = (value: unknown) => JSON.stringify(value, null, 2).replaceAll(/^(\s*)"(\w+)":/gm, "$1$2:");

describe("this library's own form", () => {
  it("has every field of the model, in JSON and in YAML", async () => {
    expect(await readOne("a.json", JSON.stringify(whole))).toEqual(whole);
    expect(await readOne("a.yaml", yamlOf(whole))).toEqual(whole);
    expect(defineCartridge(whole)).toEqual(whole);
  });

  it("reads YAML as people write it", async () => {
    const text = `# A cartridge.
type: php
description: >-
  one
  line
image: &image debian-12
ports:
  - port: 80
    sources: [10.0.0.0/8]
environment:
  ON: "yes"
  OFF: no
  TAB: "a\\tb"
iaasProviders:
  - type: here
  - type: there
    image: *image
`;
    expect(await readOne("a.yml", text)).toEqual({
      type: "php",
      description: "one line",
      image: "debian-12",
      ports: [{ port: 80, sources: ["10.0.0.0/8"] }],
      environment: { ON: "yes", OFF: "no", TAB: "a\tb" },
      iaasProviders: [{ type: "here" }, { type: "there", image: "debian-12" }],
    });
  });

  it("reads JSON that is indented with tabs, escaped, or on one line", async () => {
    const escaped = String.raw`{"type":"php","description":"\ud83d\ude00 \/ \u00e9","iaasProviders":[{"type":"a"}]}`;
    expect(await readOne("a.json", escaped)).toMatchObject({ description: "😀 / é" });
    expect(await readOne("a.json", JSON.stringify(whole, null, "\t"))).toEqual(whole);
  });

  it("may have several cartridges, which may be none of Stratos'", async () => {
    const cartridges = [whole, { ...whole, type: "tomcat" }];
    expect(await readText("a.json", JSON.stringify({ cartridges }))).toEqual({ cartridges, warnings: [] });
  });

  it("is read from a URL, and by the format that is given where the ending says nothing", async () => {
    await using folder = await folderWith({ "a.txt": yamlOf(whole) });
    const url = pathToFileURL(join(folder.path, "a.txt"));
    expect((await readCartridges(url, { format: "yaml" })).cartridges).toEqual([whole]);
    await expect(readCartridges(url)).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "file",
      rule: "must end in .xml, .json, .yaml or .yml",
    });
  });

  it("is refused when the file is not there", async () => {
    await expect(readCartridges("/nowhere/a.yaml")).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "file",
      rule: "cannot be read",
      file: "/nowhere/a.yaml",
    });
  });
});

/** What a definition with this field is refused for. */
const ruleFor = async (field: string) =>
  await readText("a.yaml", `type: a\n${field}\niaasProviders: [{ type: a, image: i }]\n`).then(
    () => "",
    (error: InvalidInputError) => error.rule,
  );

describe("a definition is refused", () => {
  const rest = "iaasProviders: [{ type: a, image: i }]\n";
  const refusals: [string, string, string, number][] = [
    ["an unknown field", `type: a\nimgae: i\n${rest}`, "cartridges[0].imgae", 2],
    ["an unknown field whose value is in other lines", `type: a\nimages:\n  - i\n${rest}`, "cartridges[0].images", 2],
    [
      "an unknown field of an Iaas",
      "type: a\niaasProviders:\n  - type: a\n    imageId: i\n",
      "cartridges[0].iaasProviders[0].imageId",
      4,
    ],
    [
      "an unknown field of a port",
      `type: a\nports:\n  - port: 1\n    proto: tcp\n${rest}`,
      "cartridges[0].ports[0].proto",
      4,
    ],
    ["an unknown level of a partition", `type: a\npartition: { zoen: b }\n${rest}`, "cartridges[0].partition.zoen", 2],
    [
      "an unknown field of the second",
      `cartridges:\n- type: a\n  ${rest}- type: b\n  x: y\n  ${rest}`,
      "cartridges[1].x",
      5,
    ],
    ["an unknown field beside cartridges", `cartridges:\n- type: a\n  ${rest}version: 1\n`, "version", 4],
    ["a missing type", `image: i\n${rest}`, "cartridges[0].type", 1],
    ["a missing type of an Iaas", "type: a\niaasProviders:\n  - image: i\n", "cartridges[0].iaasProviders[0].type", 3],
    ["no Iaas", "type: a\niaasProviders: []\n", "cartridges[0].iaasProviders", 2],
    ["no cartridge", "cartridges: []\n", "cartridges", 1],
    ["an empty image", `type: a\nimage: ""\n${rest}`, "cartridges[0].image", 2],
    ["a number for a text", `type: a\nversion: 8.3\n${rest}`, "cartridges[0].version", 2],
    ["nothing for a text", `type: a\nimage:\n${rest}`, "cartridges[0].image", 2],
    ["a port that is none", `type: a\nports: [{ port: 0 }]\n${rest}`, "cartridges[0].ports[0].port", 2],
    [
      "a source that is no block",
      `type: a\nports: [{ port: 1, sources: [a] }]\n${rest}`,
      "cartridges[0].ports[0].sources[0]",
      2,
    ],
    ["an empty list of zones", `type: a\npartition: { zone: [] }\n${rest}`, "cartridges[0].partition.zone", 2],
    ["a zone that is a number", `type: a\npartition: { zone: [a, 5] }\n${rest}`, "cartridges[0].partition.zone[1]", 2],
    ["a size of nothing", `type: a\nsize: { minCpus: 0, minMemoryMiB: 1 }\n${rest}`, "cartridges[0].size.minCpus", 2],
    ["a volume of no size", `type: a\nvolumes: [{ sizeGiB: 0 }]\n${rest}`, "cartridges[0].volumes[0].sizeGiB", 2],
    ["a format that is none", `type: a\npayloadFormat: zip\n${rest}`, "cartridges[0].payloadFormat", 2],
    ["a floating IP of false", `type: a\nfloatingIp: false\n${rest}`, "cartridges[0].floatingIp", 2],
    ["a list instead of a cartridge", "- type: a\n", "cartridges[0]", 1],
    ["an empty file", "", "cartridges[0]", 1],
    ["text", "hello", "cartridges[0]", 1],
    ["two documents", `type: a\n${rest}---\ntype: b\n${rest}`, "document", 3],
    ["a key twice", `type: a\ntags:\n  x: y\n  x: z\n${rest}`, "document", 4],
    ["a key twice, once in quotes", `type: a\n"type": b\n${rest}`, "document", 2],
    ["what is no YAML", `type: a\n  image: [\n${rest}`, "document", 1],
  ];
  it.each(refusals)("for %s, with path and line", async (_, text, field, line) => {
    const error = await readText("a.yaml", text).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ field, line, file: expect.stringMatching(/a\.yaml$/) });
  });

  it("for an alias of nothing", async () => {
    const text = `type: *name\n${rest}`;
    await expect(readText("a.yaml", text)).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "document",
      rule: expect.stringContaining("Unresolved alias"),
    });
  });

  it("for a key twice in JSON", async () => {
    const text = '{\n"type": "a",\n"type": "b",\n"iaasProviders": [{"type": "a"}]\n}';
    await expect(readText("a.json", text)).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", line: 3 });
  });

  it("in words that tell what would be right", async () => {
    expect(await ruleFor("version: 8")).toBe("must be string, received number");
    expect(await ruleFor("until: later")).toBe('must be one of "accepted"|"running"|"reachable"');
    expect(await ruleFor("ports: [{ port: 70000 }]")).toBe("must be <=65535");
    expect(await ruleFor('image: ""')).toBe("must have >=1 characters");
    expect(await ruleFor("ports: [{}]")).toBe("is missing");
    expect(await ruleFor("imgae: i")).toBe("is not known");
    expect(await ruleFor("size: [1]")).toBe("has none of the allowed forms");
  });
});

describe("a file that is meant to harm", () => {
  const bomb = Array.from({ length: 9 }, (_, i) => `  l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]\n`).join("");
  const deep = /^is nested more than 100 deep$/;
  const files: [string, string, string, RegExp][] = [
    [
      "grows by its aliases",
      "a.yaml",
      `type: a\niaasProviders: [{ type: a }]\nextensions:\n  l0: &l0 [x,x,x,x,x,x,x,x,x]\n${bomb}`,
      /alias/,
    ],
    ["has 100,000 brackets that do not end", "a.yaml", "[".repeat(100_000), deep],
    ["has 100,000 brackets", "a.json", "[".repeat(100_000) + "]".repeat(100_000), deep],
    ["has 50,000 objects in each other", "a.json", '{"a":'.repeat(50_000), deep],
    ["hides its depth behind brackets in quotes", "a.json", '["]",'.repeat(50_000), deep],
    ["hides its depth behind brackets that end nothing", "a.yaml", `${"]\n".repeat(200)}${"[".repeat(250)}`, deep],
    ["has 100,000 lists in one line", "a.yaml", "- ".repeat(100_000), deep],
    ["has 100,000 keys without a name in one line", "a.yaml", "? ".repeat(100_000), deep],
    ["is indented 400 times", "a.yaml", Array.from({ length: 400 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), deep],
    ["is too long", "a.yaml", `type: ${"x".repeat(1_100_000)}`, /^is longer than 1048576 bytes$/],
    ["has 10,000 anchors at one place", "a.yaml", "&a ".repeat(10_000), /^cannot be read: /],
  ];
  it.each(files)("is refused at once when it %s", async (_, name, text, rule) => {
    const { error, ms } = await refusalOf(readText(name, text));
    expect(error).toBeInstanceOf(InvalidInputError);
    expect((error as InvalidInputError).rule).toMatch(rule);
    expect(ms).toBeLessThan(2_000);
  });

  it("is told from one that has brackets in its texts", async () => {
    const brackets = "[{".repeat(300);
    const text = `type: a
description: |
  ${brackets}
displayName: x${brackets}
host: "${brackets}"
version: '${brackets}'
extensions: { a: "${brackets}", b: [[[1]]] } # ${brackets}
iaasProviders: [{ type: a }]
`;
    expect(await readOne("a.yaml", text)).toMatchObject({ description: `${brackets}\n`, extensions: { b: [[[1]]] } });
    expect(await readOne("a.json", JSON.stringify({ ...whole, description: brackets }))).toMatchObject({
      description: brackets,
    });
  });

  it("is read in good time when it has 10,000 keys", async () => {
    const tags = Array.from({ length: 10_000 }, (_, i) => `  t${i}: v`).join("\n");
    const start = performance.now();
    const { tags: read } = await readOne("a.yaml", `type: a\ntags:\n${tags}\niaasProviders: [{ type: a }]\n`);
    expect(Object.keys(read ?? {})).toHaveLength(10_000);
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  it("cannot reach the prototype of other objects", async () => {
    const evil = '"__proto__": { "polluted": "yes" }, "constructor": { "prototype": { "polluted": "yes" } }';
    const places = [
      `{ "type": "a", ${evil}, "iaasProviders": [{ "type": "a" }] }`,
      `{ "type": "a", "iaasProviders": [{ "type": "a", ${evil} }] }`,
      `{ "type": "a", "tags": { ${evil} }, "iaasProviders": [{ "type": "a" }] }`,
      `{ "type": "a", "extensions": { ${evil} }, "iaasProviders": [{ "type": "a" }] }`,
      `{ "type": "a", "providerOptions": { ${evil} }, "iaasProviders": [{ "type": "a", "options": { ${evil} } }] }`,
      `{ ${evil} }`,
      `{ "cartridges": [{ ${evil} }] }`,
    ];
    for (const text of places) {
      for (const name of ["a.json", "a.yaml"]) {
        const read = await readText(name, text).catch((error: unknown) => error);
        expect(read instanceof InvalidInputError || Object.hasOwn(read as object, "cartridges")).toBe(true);
        expect({}).not.toHaveProperty("polluted");
        if (!(read instanceof Error)) expect(JSON.stringify(read)).not.toMatch(/__proto__/);
      }
    }
  });

  it("cannot name a field that every object has", async () => {
    const text = '{ "type": "a", "toString": "x", "iaasProviders": [{ "type": "a" }] }';
    await expect(readText("a.json", text)).rejects.toMatchObject({ field: "cartridges[0].toString" });
  });
});
