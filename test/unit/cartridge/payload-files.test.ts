import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { InvalidInputError, Payload, payloadFormats, readCartridges } from "iaaskit";
import { describe, expect, it } from "vitest";

import { type Files, folderWith, readOne, readText } from "./support.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const withParts = (...parts: object[]) =>
  JSON.stringify({ type: "php", payload: parts, iaasProviders: [{ type: "here", image: "i" }] }, null, 2);
const payloadOf = async (beside: Files, ...parts: object[]) =>
  (await readOne("a.json", withParts(...parts), { beside })).payload;

describe("a payload in a cartridge's file", () => {
  it("has scripts from files, with names for the logs", async () => {
    const beside = { "boot.sh": "#!/bin/sh\necho ä\n" };
    expect((await payloadOf(beside, { script: "boot.sh" }))?.scripts).toEqual([
      { name: "script", text: "#!/bin/sh\necho ä\n" },
    ]);
    expect((await payloadOf(beside, { script: "./boot.sh", name: "boot" }))?.scripts).toMatchObject([{ name: "boot" }]);
  });

  it("has files with mode, owner and whether they are secret", async () => {
    const content = Uint8Array.from([0, 255, 10]);
    const beside = { "deep/er/a.bin": content };
    const payload = await payloadOf(
      beside,
      { file: "deep/er/a.bin", to: "/etc/a", mode: "0640", owner: "root:app" },
      { file: "deep/../deep/er/a.bin", to: "/etc/b", mode: "755" },
      { file: "deep/er/a.bin", to: "/etc/c", secret: true },
    );
    expect(payload?.files).toEqual([
      { path: "/etc/a", content, mode: 0o640, owner: "root:app", secret: false },
      { path: "/etc/b", content, mode: 0o755, owner: null, secret: false },
      { path: "/etc/c", content, mode: 0o600, owner: null, secret: true },
    ]);
    expect(payload?.secretParts).toEqual(["file /etc/c"]);
  });

  it("has cloud-config, and pairs of Stratos, of its zip and of the definition itself", async () => {
    const zip = payloadFormats["launch-params"].write(
      Payload.environment({ B: "zip" }).and(Payload.file("/var/lib/cloud/instance/payload/id_rsa", "k")),
    );
    const beside = { "c.yaml": "#cloud-config\nruncmd: [ls]\n", "p.txt": "A=one,B=two\n", "p.zip": zip };
    const payload = await payloadOf(
      beside,
      { cloudConfig: "c.yaml" },
      { stratos: "p.txt" },
      { launchParams: "p.zip" },
      { environment: { C: "own" } },
    );
    expect(payload?.cloudConfig).toEqual(["runcmd: [ls]\n"]);
    expect(payload?.environment).toEqual({ A: "one", B: "zip", C: "own" });
    expect(payload?.files).toMatchObject([{ path: "/var/lib/cloud/instance/payload/id_rsa", content: bytes("k") }]);
  });

  it("may be raw", async () => {
    const payload = await payloadOf({ "r.bin": Uint8Array.from([1, 0, 2]) }, { raw: "r.bin" });
    expect([...(payload?.raw ?? [])]).toEqual([1, 0, 2]);
  });

  it("may be of one Iaas only, beside the cartridge's", async () => {
    const text = JSON.stringify({
      type: "php",
      payload: [{ environment: { A: "all" } }],
      iaasProviders: [{ type: "a", payload: [{ stratos: "p.txt" }] }, { type: "b" }],
    });
    const cartridge = await readOne("a.json", text, { beside: { "p.txt": "B=mine" } });
    expect(cartridge.payload?.environment).toEqual({ A: "all" });
    expect(cartridge.iaasProviders.map(({ payload }) => payload?.environment)).toEqual([{ B: "mine" }, undefined]);
  });

  it("may be Stratos' zip, which a property names", async () => {
    const zip = payloadFormats["launch-params"].write(Payload.environment({ A: "zip" }));
    const text = JSON.stringify({
      type: "php",
      property: [{ name: "payload", value: "P.ZIP" }],
      iaasProvider: [{ type: "a", property: [{ name: "payload", value: "p.txt" }] }],
    });
    const cartridge = await readOne("a.json", text, { beside: { "P.ZIP": zip, "p.txt": "A=text" } });
    expect(cartridge.payload?.environment).toEqual({ A: "zip" });
    expect(cartridge.iaasProviders[0]?.payload?.environment).toEqual({ A: "text" });
  });
});

describe("a payload's file is refused", () => {
  const outside = "must not be outside of the cartridge's folder";
  const leading = "must not lead outside of the cartridge's folder";
  const refusals: [string, string, string][] = [
    ["outside of the folder", "../secret.txt", outside],
    ["outside of the folder by a detour", "deep/../../secret.txt", outside],
    ["with an absolute path", "/etc/hostname", outside],
    ["behind a link that leads out", "link.txt", leading],
    ["in a linked folder that leads out", "linked/secret.txt", leading],
    ["that is not there", "nothing.txt", "cannot be read"],
    ["behind a link that leads nowhere", "dangling.txt", "cannot be read"],
    ["that is a folder", "deep", "cannot be read"],
    ["that is the folder itself", ".", "cannot be read"],
    ["whose name holds a NUL", "a\0b", "cannot be read"],
  ];
  const parts: [string, (name: string) => object][] = [
    ["file", (file) => ({ file, to: "/etc/a" })],
    ["raw", (raw) => ({ raw })],
    ["script", (script) => ({ script })],
    ["cloudConfig", (cloudConfig) => ({ cloudConfig })],
    ["stratos", (stratos) => ({ stratos })],
    ["launchParams", (launchParams) => ({ launchParams })],
  ];
  it.each(refusals)("%s, naming the part with its line", async (_, name, rule) => {
    await using folder = await folderWith({ "secret.txt": "A=b", "in/deep/ok.txt": "A=b" });
    const inside = join(folder.path, "in");
    await symlink("../secret.txt", join(inside, "link.txt"));
    await symlink("..", join(inside, "linked"));
    await symlink("nowhere", join(inside, "dangling.txt"));
    for (const [, part] of parts) {
      const file = join(inside, "a.json");
      await writeFile(file, withParts({ environment: { A: "b" } }, part(name)));
      const error = await readCartridges(file).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(InvalidInputError);
      expect(error).toMatchObject({ field: "cartridges[0].payload[1]", rule: `${rule}: ${name}`, line: 9, file });
    }
  });

  it.each([
    ["../p.txt", outside],
    ["../p.zip", outside],
    ["/etc/hostname", outside],
    ["nothing.txt", "cannot be read"],
  ])("%s, which a property of Stratos names", async (value, rule) => {
    const text = `type: a\niaasProvider:\n- type: b\n  property:\n  - { name: payload, value: "${value}" }\n`;
    await expect(readText("a.yaml", text)).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "cartridges[0].iaasProvider[0].property[0]",
      rule: `${rule}: ${value}`,
      line: 5,
    });
  });

  it("not when a link stays in the folder, or the folder itself is one", async () => {
    await using folder = await folderWith({ "real/p.txt": "A=b", "real/a.json": withParts({ stratos: "link.txt" }) });
    await symlink("p.txt", join(folder.path, "real", "link.txt"));
    await symlink("real", join(folder.path, "linked"));
    const { cartridges } = await readCartridges(join(folder.path, "linked", "a.json"));
    expect(cartridges[0]?.payload?.environment).toEqual({ A: "b" });
  });

  it("not when its name begins with two dots", async () => {
    expect((await payloadOf({ "..p.txt": "A=b" }, { stratos: "..p.txt" }))?.environment).toEqual({ A: "b" });
  });

  it("not when another folder's name begins as this one's does", async () => {
    await using folder = await folderWith({ "in-2/p.txt": "A=b" });
    await mkdir(join(folder.path, "in"));
    const file = join(folder.path, "in", "a.json");
    await writeFile(file, withParts({ stratos: "../in-2/p.txt" }));
    await expect(readCartridges(file)).rejects.toMatchObject({ rule: `${outside}: ../in-2/p.txt` });
  });
});

describe("a part of a payload is refused", () => {
  const beside = { "a.txt": "hello", "p.txt": "A=b", "PATH.txt": "PATH=/tmp" };
  const refusals: [string, object[], string, RegExp][] = [
    ["no form that there is", [{ scirpt: "a.txt" }], "payload[0]", /none of the allowed forms/],
    ["two forms at once", [{ raw: "a.txt", stratos: "p.txt" }], "payload[0]", /none of the allowed forms/],
    ["a mode that is none", [{ file: "a.txt", to: "/a", mode: "0999" }], "payload[0]", /./],
    ["a script without interpreter", [{ script: "a.txt" }], "payload[0]", /^script must begin with #!/],
    ["no pairs", [{ stratos: "a.txt" }], "payload[0]", /must be KEY=value pairs/],
    ["no zip", [{ launchParams: "a.txt" }], "payload[0]", /is not a zip archive/],
    ["a path in the guest that is not absolute", [{ file: "a.txt", to: "etc/a" }], "payload[0]", /must be absolute/],
    ["a variable that changes programs", [{ stratos: "PATH.txt" }], "payload[0]", /would change how/],
    ["a variable without a name", [{ environment: { "": "x" } }], "payload[0]", /must be letters/],
    ["a raw part beside others", [{ stratos: "p.txt" }, { raw: "a.txt" }], "payload[1]", /cannot be combined/],
  ];
  it.each(refusals)("for %s, with its path and line", async (_, parts, field, rule) => {
    const error = await readText("a.json", withParts(...parts), { beside }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    const { field: found, rule: told, line } = error as InvalidInputError;
    expect(found.startsWith(`cartridges[0].${field}`)).toBe(true);
    expect(told).toMatch(rule);
    expect(line).toBeGreaterThanOrEqual(4);
  });
});
