import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";

import { CloudController, type ControllerConfig, type IaasConstructor, InvalidInputError, Payload } from "iaaskit";
import { Ec2Iaas } from "iaaskit/ec2";
import { LocalIaas } from "iaaskit/local";
import { VirtualClock } from "iaaskit/testing";
import { describe, expect, it } from "vitest";

import { MemoryCloud, MemoryIaas, type MemoryOptions } from "../../support/memory.ts";
import { type Files, folderWith } from "../cartridge/support.ts";

/** Keeps what its constructor is given. */
function recorder(): { readonly seen: Record<string, unknown>[]; readonly providers: Record<string, IaasConstructor> } {
  const seen: Record<string, unknown>[] = [];
  class Recorder extends MemoryIaas {
    constructor(options: MemoryOptions) {
      super(options);
      seen.push({ ...options });
    }
  }
  return { seen, providers: { memory: Recorder } };
}

const provider = { type: "mem", image: "i" };
const base = { owner: "me", iaases: [{ type: "mem", provider: "memory" }] };
const providers = { memory: MemoryIaas };

const refusalOf = async (config: unknown, options: object = { providers, environment: {} }) =>
  await CloudController.fromConfig(config as ControllerConfig, options).catch((error: unknown) => error);
async function fromFile(name: string, files: Files, options: object = { providers, environment: {} }) {
  await using folder = await folderWith(files);
  return await CloudController.fromConfig(join(folder.path, name), options);
}

describe("a controller", () => {
  it("is made of an object", async () => {
    const { seen, providers } = recorder();
    const clock = new VirtualClock();
    const payload = Payload.script("#!/bin/sh");
    const cloud = new MemoryCloud();
    const controller = await CloudController.fromConfig(
      {
        owner: "me",
        iaases: [
          { type: "mem", provider: "memory", cloud },
          { type: "other", provider: "memory", secrets: ["s"] },
        ],
        cartridges: [{ type: "php", payload, iaasProviders: [provider] }],
        partitions: [{ id: "p-1", iaas: "mem", partition: { zone: "a" } }],
        defaults: { tags: { team: "red" } },
      },
      { providers, clock },
    );
    expect(controller.owner).toBe("me");
    expect([...controller.iaases.keys()]).toEqual(["mem", "other"]);
    expect([...controller.cartridges.keys()]).toEqual(["php"]);
    expect(controller.cartridges.get("php")?.payload).toBe(payload);
    expect(seen).toEqual([
      { owner: "me", clock, cloud },
      { owner: "me", clock, secrets: ["s"] },
    ]);
    expect(seen[0]?.["cloud"]).toBe(cloud);
  });

  it("is made of a YAML file, with cartridges in it and in files of its folder", async () => {
    const controller = await fromFile("controller.yaml", {
      "controller.yaml": `
owner: me
iaases:
  - type: mem
    provider: memory
cartridges:
  - sub/php.xml
  - type: own
    iaasProviders: [{ type: mem, image: i }]
  - more.yaml
`,
      "sub/php.xml": `<cartridge type="php"><iaasProvider type="mem"><imageId>i</imageId>
        <property name="payload" value="p.txt"/></iaasProvider></cartridge>`,
      "sub/p.txt": "A=b",
      "more.yaml":
        "cartridges: [{ type: one, iaasProviders: [{ type: mem }] }, { type: two, iaasProviders: [{ type: mem }] }]",
    });
    expect([...controller.cartridges.keys()]).toEqual(["php", "own", "one", "two"]);
    expect(controller.cartridges.get("php")?.iaasProviders[0]?.payload?.environment).toEqual({ A: "b" });
  });

  it("is made of a JSON file, also by its URL", async () => {
    const cartridge = { type: "php", iaasProviders: [provider] };
    await using folder = await folderWith({
      "controller.json": JSON.stringify({ ...base, cartridges: ["./php.json"] }),
      "php.json": JSON.stringify(cartridge),
    });
    const file = join(folder.path, "controller.json");
    for (const source of [file, pathToFileURL(file)]) {
      const controller = await CloudController.fromConfig(source, { providers });
      expect(controller.cartridges.get("php")).toEqual(cartridge);
    }
  });

  it("has this package's providers by their names, which are the types where nothing else is said", async () => {
    const controller = await CloudController.fromConfig({
      owner: "me",
      iaases: [
        { type: "local", stateFolder: "/nowhere" },
        { type: "ec2", region: "eu-west-1" },
        { type: "ec2-us", provider: "ec2", region: "us-east-1" },
      ],
    });
    expect(controller.iaases.get("local")).toBeInstanceOf(LocalIaas);
    expect(controller.iaases.get("ec2")).toBeInstanceOf(Ec2Iaas);
    expect(controller.iaases.get("ec2-us")).toBeInstanceOf(Ec2Iaas);
    await controller[Symbol.asyncDispose]();
  });

  it("lets the program replace a provider of this package", async () => {
    const iaases = [{ type: "ec2", identity: "a", credential: "b" }];
    const { seen, providers } = recorder();
    await CloudController.fromConfig({ owner: "me", iaases }, { providers: { ec2: providers["memory"]! } });
    expect(seen).toMatchObject([{ identity: "a", credential: "b" }]);
  });
});

describe("a reference to the environment", () => {
  it("is replaced in every text, wherever it stands, and once", async () => {
    const { seen, providers } = recorder();
    const environment = { OWNER: "me", KEY: "k", NESTED: "${env:KEY}", EMPTY: "", ZONE: "a" };
    const controller = await CloudController.fromConfig(
      {
        owner: "${env:OWNER}",
        iaases: [
          {
            type: "mem",
            provider: "memory",
            deep: { list: ["${env:KEY}", { a: "<${env:KEY}-${env:KEY}>" }] },
            nested: "${env:NESTED}",
            empty: "${env:EMPTY}",
            others: ["$KEY", "${KEY}", "${env:}", 5, true, null],
          },
        ],
        cartridges: [{ type: "php", environment: { HOST: "${env:KEY}.org" }, iaasProviders: [provider] }],
        partitions: [{ id: "p", iaas: "mem", partition: { zone: ["${env:ZONE}"] } }],
        defaults: { tags: { team: "${env:KEY}" } },
      },
      { providers, environment },
    );
    expect(controller.owner).toBe("me");
    expect(seen).toMatchObject([
      {
        deep: { list: ["k", { a: "<k-k>" }] },
        nested: "${env:KEY}",
        empty: "",
        others: ["$KEY", "${KEY}", "${env:}", 5, true, null],
      },
    ]);
    expect(controller.cartridges.get("php")?.environment).toEqual({ HOST: "k.org" });
  });

  it("is replaced in files, and looked up in this process' environment by default", async () => {
    process.env["IAASKIT_TEST_OWNER"] = "somebody";
    try {
      const controller = await fromFile("c.yaml", { "c.yaml": "owner: ${env:IAASKIT_TEST_OWNER}\niaases: []\n" }, {});
      expect(controller.owner).toBe("somebody");
    } finally {
      delete process.env["IAASKIT_TEST_OWNER"];
    }
  });

  it("to a variable that is not set is refused with path, variable and line", async () => {
    const yaml =
      "owner: me\niaases:\n  - type: mem\n    provider: memory\n    credentials:\n      secret: x${env:NO_SUCH}\n";
    await expect(fromFile("c.yaml", { "c.yaml": yaml })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "iaases[0].credentials.secret",
      rule: "refers to the environment variable NO_SUCH, which is not set",
      file: expect.stringMatching(/c\.yaml$/),
      line: 6,
    });
    const json = JSON.stringify({ ...base, defaults: { keyPair: "${env:NO_SUCH}" } }, null, 2);
    await expect(fromFile("c.json", { "c.json": json })).rejects.toMatchObject({ field: "defaults.keyPair", line: 10 });
    expect(await refusalOf({ ...base, defaults: { keyPair: "${env:NO_SUCH}" } })).toMatchObject({
      field: "defaults.keyPair",
    });
  });

  it.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
    "to %s is not taken for what every object has",
    async (name) => {
      expect(await refusalOf({ ...base, owner: `\${env:${name}}` })).toMatchObject({ field: "owner" });
      const error = refusalOf({ ...base, owner: `\${env:${name}}` }, { providers });
      expect(await error).toMatchObject({ field: "owner" });
    },
  );
});

const yaml = (text: string) => `owner: me\niaases:\n- { type: mem, provider: memory }\n${text}`;

describe("a configuration is refused", () => {
  const refusals: [string, string, string, number | undefined, RegExp][] = [
    ["an unknown field", yaml("iases: []\n"), "iases", 4, /is not known/],
    ["a missing owner", "iaases: []\n", "owner", 1, /is missing/],
    ["an owner of another kind", "owner: 5\niaases: []\n", "owner", 1, /must be string/],
    ["no Iaases at all", "owner: me\n", "iaases", 1, /is missing/],
    ["an Iaas without type", "owner: me\niaases:\n- provider: memory\n", "iaases[0].type", 3, /is missing/],
    ["a type twice", yaml("- { type: mem, provider: memory }\n"), "iaases[1].type", 4, /is "mem" a second time/],
    [
      "an unknown provider",
      yaml("- type: x\n  provider: rackspce\n"),
      "iaases[1].provider",
      5,
      /is "rackspce", which is none of: docker, ec2, local, memory, openstack$/,
    ],
    [
      "a type that is no provider",
      yaml("- type: rackspce\n"),
      "iaases[1].provider",
      4,
      /is "rackspce", which is none of: docker, ec2, local, memory, openstack$/,
    ],
    [
      "a provider called as part of every object",
      yaml("- type: constructor\n"),
      "iaases[1].provider",
      4,
      /which is none of/,
    ],
    [
      "an owner of its own for an Iaas",
      yaml("- { type: x, provider: memory, owner: you }\n"),
      "iaases[1].owner",
      4,
      /is the controller's/,
    ],
    [
      "a clock for an Iaas",
      yaml("- { type: x, provider: memory, clock: you }\n"),
      "iaases[1].clock",
      4,
      /is the controller's/,
    ],
    [
      "what the provider's constructor refuses",
      yaml("- type: ec2\n  region: r\n  regoin: r\n"),
      "iaases[1].regoin",
      6,
      /is not known; known/,
    ],
    ["what is missing to the provider", yaml("- type: ec2\n  endpoint: x\n"), "iaases[1].region", 4, /is missing/],
    [
      "a part of an option that the provider refuses",
      yaml("- type: ec2\n  region: r\n  credentials:\n    accessKeyId: ''\n"),
      "iaases[1].credentials.accessKeyId",
      7,
      /is missing/,
    ],
    [
      "an unknown field of a cartridge",
      yaml("cartridges:\n- type: a\n  imgae: i\n  iaasProviders: [{ type: mem }]\n"),
      "cartridges[0].imgae",
      6,
      /is not known/,
    ],
    ["a cartridge without Iaas", yaml("cartridges:\n- type: a\n"), "cartridges[0].iaasProviders", 5, /is missing/],
    ["a cartridge that is a number", yaml("cartridges: [5]\n"), "cartridges[0]", 4, /has none of the allowed forms/],
    [
      "a cartridge twice",
      yaml("cartridges:\n- &a { type: a, iaasProviders: [{ type: mem }] }\n- *a\n"),
      "cartridges[1].type",
      6,
      /is "a" a second time/,
    ],
    [
      "an unknown field of a partition",
      yaml("partitions:\n- { id: p, iaas: mem,\n    zone: a }\n"),
      "partitions[0].zone",
      6,
      /is not known/,
    ],
    [
      "a partition twice",
      yaml("partitions:\n- { id: p, iaas: mem }\n- { id: p, iaas: mem }\n"),
      "partitions[1].id",
      6,
      /is "p" a second time/,
    ],
    [
      "a partition of an unknown Iaas",
      yaml("partitions:\n- { id: p,\n    iaas: other }\n"),
      "partitions[0].iaas",
      6,
      /of the partition p is "other", which is none of: mem$/,
    ],
    ["an unknown default", yaml("defaults: { imgae: i }\n"), "defaults.imgae", 4, /is not known/],
    ["a field twice", "owner: me\nowner: you\niaases: []\n", "document", 2, /twice/],
    ["a list", "- a\n", "document", 1, /must be object/],
    ["an empty file", "", "document", 1, /must be object/],
  ];
  it.each(refusals)("for %s, with path and line", async (_, text, field, line, rule) => {
    const error = await fromFile("c.yaml", { "c.yaml": text }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ field, line, file: expect.stringMatching(/c\.yaml$/) });
    expect((error as InvalidInputError).rule).toMatch(rule);
  });

  it("in code too, with the path", async () => {
    expect(await refusalOf({ ...base, iaases: [...base.iaases, ...base.iaases] })).toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "iaases[1].type",
    });
    expect(await refusalOf({ ...base, sise: 1 })).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "sise" });
    expect(await refusalOf({ ...base, owner: "a//b" })).toMatchObject({ code: "IAAS_INVALID_INPUT" });
  });

  it("when a file is missing, or of another kind", async () => {
    expect(await refusalOf("/nowhere/c.yaml")).toMatchObject({ field: "file", rule: "cannot be read" });
    expect(await refusalOf("/nowhere/c.toml")).toMatchObject({
      field: "file",
      rule: "must end in .json, .yaml or .yml",
    });
    const missing = fromFile("c.yaml", { "c.yaml": `${yaml("")}cartridges: [nothing.xml]\n` });
    await expect(missing).rejects.toMatchObject({ field: "file", file: expect.stringMatching(/nothing\.xml$/) });
  });

  it("with a cartridge's own place, when the cartridge's file is wrong", async () => {
    const files = {
      "c.yaml": `${yaml("")}cartridges: [php.xml]\n`,
      "php.xml": '<cartridge type="a">\n<x/></cartridge>',
    };
    await expect(fromFile("c.yaml", files)).rejects.toMatchObject({
      field: "cartridge/x",
      line: 2,
      file: expect.stringMatching(/php\.xml$/),
    });
  });

  it("without showing a secret of the environment", async () => {
    const environment = { SECRET: "hunter2-hunter2" };
    const iaases = [{ type: "ec2", regoin: "${env:SECRET}", credentials: "${env:SECRET}" }];
    const error = await refusalOf({ owner: "me", iaases }, { environment });
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(inspect(error)).not.toContain("hunter2");
  });
});

const stratos = (region: string) => `<cartridge type="php"><iaasProvider type="ec2-mine">
  <className>org.apache.stratos.cloud.controller.iaases.AWSEC2Iaas</className><provider>aws-ec2</provider>
  <identity>AKIAEXAMPLE</identity><credential>very-secret-key</credential><imageId>${region}ami-1</imageId>
  <property name="jclouds.endpoint" value="http://127.0.0.1:1"/>
  <property name="instanceType" value="t3.micro"/></iaasProvider></cartridge>`;

describe("a cartridge with an Iaas of an unknown type", () => {
  const options = { cloud: new MemoryCloud(), secrets: ["s"] };
  const defining = (type: string, more: object = {}) => ({
    type,
    iaasProviders: [{ type: "new", provider: "memory", image: "i", options, ...more }],
  });

  it("defines it by a registered provider, which gets owner and clock too", async () => {
    const { seen, providers } = recorder();
    const clock = new VirtualClock();
    const controller = await CloudController.fromConfig(
      { owner: "me", iaases: [], cartridges: [defining("php")], partitions: [{ id: "p", iaas: "new" }] },
      { providers, clock },
    );
    expect(seen).toEqual([{ owner: "me", clock, ...options }]);
    const launched = await controller.launch("php", { key: "k" });
    expect(launched).toMatchObject({ on: "new", instance: { ownership: { owner: "me" } } });
  });

  it("leaves an Iaas that is configured as it is", async () => {
    const { seen, providers } = recorder();
    const iaases = [{ type: "new", provider: "memory", cloud: new MemoryCloud() }];
    await CloudController.fromConfig({ owner: "me", iaases, cartridges: [defining("php")] }, { providers });
    expect(seen).toHaveLength(1);
    expect(seen[0]).not.toHaveProperty("secrets");
  });

  it("only refers to one where it says nothing of how to make it", async () => {
    const cartridges = [
      { type: "php", iaasProviders: [{ type: "nowhere", provider: "memory", image: "i" }, provider] },
    ];
    const controller = await CloudController.fromConfig({ ...base, cartridges }, { providers });
    expect([...controller.iaases.keys()]).toEqual(["mem"]);
    expect(controller.lint("php")).toEqual([{ level: "error", on: "nowhere", message: "is not configured" }]);
  });

  it("may be referred to by other cartridges, whichever comes first", async () => {
    const iaasProviders = [{ type: "new", image: "i" }];
    const cartridges = [{ type: "a", iaasProviders }, defining("php"), { type: "b", iaasProviders }];
    const controller = await CloudController.fromConfig({ owner: "me", iaases: [], cartridges }, { providers });
    expect([...controller.iaases.keys()]).toEqual(["new"]);
    expect(controller.lint("a")).toEqual([]);
  });

  it("may have two entries for it, of which the last counts", async () => {
    const { seen, providers } = recorder();
    const [entry] = defining("php").iaasProviders;
    const cartridges = [{ type: "php", iaasProviders: [entry!, { ...entry!, options: { secrets: ["last"] } }] }];
    await CloudController.fromConfig({ owner: "me", iaases: [], cartridges }, { providers });
    expect(seen).toMatchObject([{ secrets: ["last"] }]);
  });

  it("is refused when another cartridge defines the same type", async () => {
    const cartridges = [defining("php"), defining("tomcat")];
    expect(await refusalOf({ owner: "me", iaases: [], cartridges })).toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "new of the cartridge tomcat",
      rule: "defines an Iaas that another cartridge defines",
    });
  });

  it("is refused when nobody has registered its provider", async () => {
    const cartridges = [defining("php", { provider: "clowd" })];
    expect(await refusalOf({ owner: "me", iaases: [], cartridges })).toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "new of the cartridge php.provider",
      rule: 'is "clowd", which is none of: docker, ec2, local, memory, openstack',
    });
  });

  it("may not give its Iaas another owner", async () => {
    const cartridges = [defining("php", { options: { owner: "somebody-else" } })];
    expect(await refusalOf({ owner: "me", iaases: [], cartridges })).toMatchObject({
      field: "new of the cartridge php.owner",
    });
  });

  it("has a class name that is never loaded as code", async () => {
    await using folder = await folderWith({ "evil.mjs": "globalThis.iaaskitEvil = true; export default class {}" });
    const file = join(folder.path, "evil.mjs");
    const classNames = [
      file,
      pathToFileURL(file).href,
      "./evil.mjs",
      "node:fs",
      "fast-check",
      "constructor",
      "__proto__",
    ];
    for (const className of classNames) {
      const iaasProvider = [{ type: "new", className, identity: "a", credential: "b", imageId: "i" }];
      await writeFile(join(folder.path, "php.json"), JSON.stringify({ type: "php", iaasProvider }));
      const config = { owner: "me", iaases: [], cartridges: [join(folder.path, "php.json")] };
      expect(await refusalOf(config)).toMatchObject({
        code: "IAAS_INVALID_INPUT",
        rule: `is ${JSON.stringify(className)}, which is none of: docker, ec2, local, memory, openstack`,
      });
    }
    expect(globalThis).not.toHaveProperty("iaaskitEvil");
  });

  it("makes an EC2 of Stratos' identity and credential, with the image's region, and shows neither", async () => {
    const files = { "c.yaml": "owner: me\niaases: []\ncartridges: [php.xml]\n", "php.xml": stratos("eu-west-1/") };
    const controller = await fromFile("c.yaml", files);
    expect(controller.iaases.get("ec2-mine")).toBeInstanceOf(Ec2Iaas);
    expect(controller.lint("php")).toEqual([]);
    expect(inspect(controller.iaases, { depth: 10 })).not.toContain("very-secret-key");
    const without = fromFile("c.yaml", { ...files, "php.xml": stratos("") });
    await expect(without).rejects.toMatchObject({ field: "ec2-mine of the cartridge php.region", rule: "is missing" });
  });
});
