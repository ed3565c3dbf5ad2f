import { inspect } from "node:util";

import { InvalidInputError, Payload, reveal, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { refusal } from "../../support/payloads.ts";

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("utf8");
const json = (token: string | Secret) => JSON.stringify(Payload.environment({ T: token }));

describe("cloud-config", () => {
  it.each(["a: \u0001", "a: \u007F", "a: \u0081", "a: \uFFFE"])(
    "is refused as a text with characters that YAML forbids, for which cloud-init passes over all of it: %j",
    (text) => {
      expect(() => Payload.cloudConfig(text)).toThrow("cloudConfig must not contain control characters: YAML has none");
    },
  );

  it("holds any text as an object: what YAML forbids is escaped", () => {
    const value = "\u0001\u007F\u0085\u0081\u2028\u2029\uFEFF\uFFFE\t\n é語😀";
    const [yaml = ""] = Payload.cloudConfig({ value }).cloudConfig;
    expect(yaml).toMatch(/^[\x20-\x7E\xA0-\u2000\u3000-\uD7FF😀]*$/u);
    expect(JSON.parse(yaml)).toEqual({ value });
  });
});

describe("a payload", () => {
  const payload = Payload.environment({ A: "1" })
    .and(Payload.file("/a", "x"))
    .and(Payload.script("#!/bin/sh\n"))
    .and(Payload.cloudConfig("packages: [git]"));

  it("is frozen, and so are its parts", () => {
    const { environment, files, scripts, cloudConfig } = payload;
    const parts = [payload, environment, files, ...files, scripts, ...scripts, cloudConfig];
    expect(parts.filter((part) => !Object.isFrozen(part))).toEqual([]);
  });

  it("does not follow later changes of the pairs it was made of", () => {
    const pairs = { A: "1" };
    const made = Payload.environment(pairs);
    pairs.A = "2";
    expect(made.environment).toEqual({ A: "1" });
  });

  it("does not follow later changes of the bytes it was made of", () => {
    const bytes = new Uint8Array([1]);
    const [file, raw] = [Payload.file("/a", bytes), Payload.raw(bytes)];
    bytes[0] = 2;
    expect([file.files[0]?.content[0], raw.raw?.[0]]).toEqual([1, 1]);
  });

  it("is left as it was by and()", () => {
    const before = JSON.stringify(payload);
    payload.and(Payload.environment({ A: "2", B: "3" })).and(Payload.file("/a", "y"));
    expect(JSON.stringify(payload)).toBe(before);
  });

  it("has its defaults: a script's name, a file's mode and owner", () => {
    expect(payload.scripts).toEqual([{ name: "script", text: "#!/bin/sh\n" }]);
    expect(payload.files).toMatchObject([{ path: "/a", mode: 0o644, owner: null, secret: false }]);
  });

  it("is empty only without any part: raw bytes are a part, be they none", () => {
    const parts = [
      Payload.environment({ A: "" }),
      Payload.file("/a", ""),
      Payload.script("#!"),
      Payload.cloudConfig(""),
      Payload.raw(""),
    ];
    expect(parts.map(({ isEmpty }) => isEmpty)).toEqual([false, false, false, false, false]);
    expect([Payload.empty.isEmpty, Payload.environment({}).isEmpty]).toEqual([true, true]);
  });

  it("writes text as UTF-8", () => {
    expect(Payload.file("/a", "é😀").files[0]?.content).toEqual(new Uint8Array(Buffer.from("é😀")));
    expect(text(Payload.raw("é😀").raw ?? undefined)).toBe("é😀");
  });

  it("takes cloud-config with its first line, without it, and as an object", () => {
    const configs = [
      Payload.cloudConfig("#cloud-config\na: 1\n"),
      Payload.cloudConfig("#cloud-config \r\na: 1\n"),
      Payload.cloudConfig("a: 1\n"),
      Payload.cloudConfig({ a: 1 }),
    ];
    expect(configs.flatMap(({ cloudConfig }) => cloudConfig)).toEqual(["a: 1\n", "a: 1\n", "a: 1\n", '{"a":1}']);
  });
});

describe("two payloads in one", () => {
  it("have the later value of a pair with the same name", () => {
    const both = Payload.environment({ A: "1", B: "1" }).and(Payload.environment({ B: "2", C: "2" }));
    expect(both.environment).toEqual({ A: "1", B: "2", C: "2" });
  });

  it("have the later file of the same path, with its mode and owner", () => {
    const first = Payload.file("/a", "1", { mode: 0o600, owner: "app" }).and(Payload.file("/b", "1"));
    const both = first.and(Payload.file("/a", "2"));
    expect(both.files.map(({ path, mode, owner, content }) => [path, mode, owner, text(content)])).toEqual([
      ["/b", 0o644, null, "1"],
      ["/a", 0o644, null, "2"],
    ]);
  });

  it("have the scripts of both in their order, also of the same name", () => {
    const both = Payload.script("#!1").and(Payload.script("#!2")).and(Payload.script("#!1"));
    expect(both.scripts.map(({ text }) => text)).toEqual(["#!1", "#!2", "#!1"]);
  });

  it("have the cloud-config of both in their order", () => {
    expect(Payload.cloudConfig("a: 1").and(Payload.cloudConfig("b: 2")).cloudConfig).toEqual(["a: 1", "b: 2"]);
  });

  it("are the one that is not empty, raw or not", () => {
    const [raw, pairs] = [Payload.raw("x"), Payload.environment({ A: "1" })];
    expect([raw.and(Payload.empty), Payload.empty.and(raw)]).toEqual([raw, raw]);
    expect([pairs.and(Payload.empty), Payload.empty.and(pairs)]).toEqual([pairs, pairs]);
  });

  it.each([
    ["raw and pairs", Payload.raw("x"), Payload.environment({ A: "1" })],
    ["pairs and raw", Payload.environment({ A: "1" }), Payload.raw("x")],
    ["raw and raw", Payload.raw("x"), Payload.raw("x")],
  ])("are refused: %s", (_, first, second) => {
    expect(refusal(() => first.and(second))).toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "payload",
      rule: "is raw: it cannot be combined",
    });
  });

  it("forget a secret that a plain value has replaced, and know one that has replaced a plain value", () => {
    const [plain, secret] = [Payload.environment({ A: "1" }), Payload.environment({ A: new Secret("1") })];
    expect([secret.and(plain).secretParts, plain.and(secret).secretParts]).toEqual([[], ["environment.A"]]);
  });
});

describe("a pair", () => {
  it.each(["", "1A", "A-B", "A B", "A=B", "A.B", "Ä", "A\n", "A\0", "$A"])("is refused for the name %j", (name) => {
    expect(refusal(() => Payload.environment({ OK: "1", [name]: "x" }))).toMatchObject({
      field: `environment.${name}`,
      rule: "must be letters, digits and _, no digit first",
      provider: "iaaskit",
      retry: "never",
    });
  });

  it.each([
    "PATH",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "LD_AUDIT",
    "BASH_ENV",
    "ENV",
    "IFS",
    "PS4",
    "PROMPT_COMMAND",
    "SHELLOPTS",
    "BASHOPTS",
    "BASH_FUNC_ls",
    "BASH_XTRACEFD",
    "iaaskit_status",
    "iaaskit_dir",
  ])("is refused for %s, which would change how programs run", (name) => {
    const error = refusal(() => Payload.environment({ [name]: "x" }));
    expect(error).toMatchObject({ field: `environment.${name}`, rule: "would change how the guest's programs run" });
  });

  it.each(["UID", "EUID", "PPID", "_", "OPTIND", "RANDOM", "SRANDOM", "HISTCMD", "SECONDS", "GROUPS", "PIPESTATUS"])(
    "is refused for %s, which a shell keeps for itself",
    (name) => {
      const error = refusal(() => Payload.environment({ [name]: "x" }));
      expect(error).toMatchObject({
        field: `environment.${name}`,
        rule: "is a variable that shells keep for themselves",
      });
    },
  );

  it.each(["PATHS", "MY_PATH", "LD", "ENVIRONMENT", "iaas", "HOST_NAME", "_private", "__", "UID_", "PS", "a1"])(
    "may be called %s",
    (name) => {
      expect(Payload.environment({ [name]: "x" }).environment).toEqual({ [name]: "x" });
    },
  );

  it("may be called as a method of objects, and no other name may be __proto__", () => {
    const names = ["toString", "constructor", "hasOwnProperty"];
    const pairs = Object.fromEntries(names.map((name) => [name, "x"]));
    expect(Object.entries(Payload.environment(pairs).environment)).toEqual(names.map((name) => [name, "x"]));
    const hidden = JSON.parse('{ "__proto__": "x" }') as Record<string, string>;
    expect(refusal(() => Payload.environment(hidden))).toMatchObject({ field: "environment.__proto__" });
  });

  it.each([
    ["a NUL", "a\0b"],
    ["the first half of a surrogate pair", "a\uD83D"],
    ["the second half of a surrogate pair", "\uDE00b"],
    ["a NUL in a secret", new Secret("s3cret\0")],
  ])("is refused for a value with %s, which it does not show", (_, value) => {
    const error = refusal(() => Payload.environment({ A: value }));
    expect(error).toMatchObject({
      field: "environment.A",
      rule: "must not contain a NUL character or half a surrogate pair",
    });
    expect(inspect(error)).not.toContain(reveal(value));
  });

  it.each([1, true, null, undefined, ["a"]])("is refused for the value %j, which is no text", (value) => {
    const error = refusal(() => Payload.environment({ A: value as unknown as string }));
    expect(error).toMatchObject({ field: "environment.A", rule: "must be a string or a Secret" });
  });
});

describe("a file", () => {
  it.each([
    ["empty", ""],
    ["relative", "etc/a"],
    ["of one dot", "/etc/./a"],
    ["of two dots", "/etc/../a"],
    ["with dots at the end", "/etc/.."],
    ["with a dot at the end", "/etc/."],
    ["with dots at the beginning", "/../etc"],
    ["of a folder", "/etc/"],
    ["of the root", "/"],
    ["with an empty segment", "/etc//a"],
    ["with a NUL", "/etc/a\0"],
    ["with a line feed", "/etc/a\nb"],
    ["with half a surrogate pair", "/etc/\uD83D"],
  ])("is refused for a path that is %s", (_, path) => {
    expect(refusal(() => Payload.file(path, "x"))).toMatchObject({
      field: "file.path",
      rule: "must be absolute, without . or .. or //",
    });
  });

  it.each(["/a", "/etc/..a", "/etc/a..", "/etc/...", "/etc/.hidden", "/with space/'\"$`\\", "/é/😀"])(
    "may have the path %s",
    (path) => {
      expect(Payload.file(path, "").files[0]?.path).toBe(path);
    },
  );

  it.each([-1, 0o10000, 0.5, Number.NaN, Infinity, "0644" as unknown as number])(
    "is refused for the mode %s",
    (mode) => {
      expect(refusal(() => Payload.file("/a", "", { mode }))).toMatchObject({ field: "file.mode" });
    },
  );

  it.each([0, 0o644, 0o7777])("may have the mode %i", (mode) => {
    expect(Payload.file("/a", "", { mode }).files[0]?.mode).toBe(mode);
  });

  it.each(["", ":", "app:", ":app", "a:b:c", "a b", "$(id)", "a;b", "-R", "app:-R", "app\n", "ä"])(
    "is refused for the owner %j",
    (owner) => {
      expect(refusal(() => Payload.file("/a", "", { owner }))).toMatchObject({
        field: "file.owner",
        rule: "must be user or user:group",
      });
    },
  );

  it.each(["app", "app:www-data", "1000:1000", "_apt", "first.last"])("may have the owner %s", (owner) => {
    expect(Payload.file("/a", "", { owner }).files[0]?.owner).toBe(owner);
  });

  it("is refused for an option that is not known", () => {
    const options = { chmod: 0o600 } as object;
    expect(refusal(() => Payload.file("/a", "", options))).toMatchObject({ field: "file.chmod" });
  });
});

describe("a script", () => {
  it.each(["", "echo hi", " #!/bin/sh", "\n#!/bin/sh", "\uFEFF#!/bin/sh"])(
    "is refused without #! in front: %j",
    (script) => {
      expect(refusal(() => Payload.script(script))).toMatchObject({
        field: "script",
        rule: "must begin with #! and its interpreter",
      });
    },
  );

  it.each(["#!/bin/sh\n\0", "#!/bin/sh\n\uD83D"])("is refused with a character that has no bytes: %j", (script) => {
    expect(refusal(() => Payload.script(script))).toMatchObject({ field: "script" });
  });

  it.each(["", "a/b", "a b", "../x", "..", ".", "-x", "a\n", "a'b", "ä"])("is refused for the name %j", (name) => {
    expect(refusal(() => Payload.script("#!", { name }))).toMatchObject({ field: "script.name" });
  });

  it.each(["10-first.sh", "a", "_A.b-c"])("may be called %s", (name) => {
    expect(Payload.script("#!", { name }).scripts[0]?.name).toBe(name);
  });
});

describe("cloud-config", () => {
  it("is refused with a Secret anywhere in it, which would arrive as [secret]", () => {
    const config = { users: [{ name: "app", passwd: new Secret("s3cret") }] };
    const error = refusal(() => Payload.cloudConfig(config));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "cloudConfig" });
  });

  it("is refused with a NUL", () => {
    expect(refusal(() => Payload.cloudConfig("a: \0"))).toMatchObject({ field: "cloudConfig" });
  });
});

describe("a secret in a payload", () => {
  const value = "s3cret-value";
  const payload = Payload.environment({ TOKEN: new Secret(value), HOST: "h" })
    .and(Payload.file("/etc/token", new Secret(value)))
    .and(Payload.file("/etc/key", Buffer.from(value), { secret: true }))
    .and(Payload.file("/etc/plain", "plain"))
    .and(Payload.file("/etc/never", new Secret(value), { secret: false }));
  const encoded = Buffer.from(value).toString("base64").replace(/=+$/, "");
  const bytes = [...Buffer.from(value)].join(", ");

  it.each([
    ["JSON", JSON.stringify(payload)],
    ["indented JSON", JSON.stringify({ payload }, null, 2)],
    ["inspect", inspect(payload, { depth: null })],
    ["inspect of an object around it", inspect({ deep: [payload] }, { depth: null, showHidden: true })],
    ["String", Object.values(payload.environment).map(String).join(" ")],
  ])("is not shown by %s", (_, shown) => {
    expect([value, encoded, bytes].filter((form) => shown.includes(form))).toEqual([]);
  });

  it("is shown as [secret] by JSON, beside what is not secret", () => {
    expect(JSON.parse(JSON.stringify(payload))).toEqual({
      environment: { TOKEN: "[secret]", HOST: "h" },
      files: [
        { path: "/etc/token", content: "[secret]", mode: 0o600, owner: null, secret: true },
        { path: "/etc/key", content: "[secret]", mode: 0o600, owner: null, secret: true },
        { path: "/etc/plain", content: "cGxhaW4=", mode: 0o644, owner: null, secret: false },
        { path: "/etc/never", content: "[secret]", mode: 0o600, owner: null, secret: true },
      ],
      scripts: [],
      cloudConfig: [],
      raw: null,
    });
  });

  it("is named by secretParts", () => {
    expect(payload.secretParts).toEqual(["environment.TOKEN", "file /etc/token", "file /etc/key", "file /etc/never"]);
    expect(Payload.environment({ A: "1" }).and(Payload.file("/a", "x")).secretParts).toEqual([]);
  });

  it("is given by secretValues, one for each part", () => {
    expect(payload.secretValues.map((secret) => secret.reveal())).toEqual([value, value, value, value]);
  });

  it("is not given by secretValues where it is no text", () => {
    const binary = Payload.file("/key", new Uint8Array([255, 254]), { secret: true });
    expect([binary.secretParts, binary.secretValues]).toEqual([["file /key"], []]);
  });

  it("may have a mode of its own", () => {
    expect(Payload.file("/a", new Secret("x"), { mode: 0o440 }).files[0]).toMatchObject({ mode: 0o440, secret: true });
  });

  it("makes no difference in JSON when its value changes, and every difference when it is plain", () => {
    expect(json(new Secret("one"))).toBe(json(new Secret("other")));
    expect(json("one")).not.toBe(json("other"));
  });
});

it("raw bytes are shown in base64", () => {
  expect(JSON.parse(JSON.stringify(Payload.raw("raw")))).toMatchObject({ raw: "cmF3" });
  expect(inspect(Payload.raw("raw"))).toContain("raw: 'cmF3'");
});

it("a refusal of a payload is an InvalidInputError of this library, from which nothing was sent", () => {
  const error = refusal(() => Payload.file("relative", ""));
  expect(error).toBeInstanceOf(InvalidInputError);
  expect(error).toMatchObject({ provider: "iaaskit", operation: "payload", outcome: "not-applied", created: [] });
  expect(error.message).toBe("file.path must be absolute, without . or .. or //");
});
