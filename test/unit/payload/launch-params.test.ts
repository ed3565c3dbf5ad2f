import { Buffer } from "node:buffer";

import { unzipSync, type Zippable, zipSync } from "fflate";
import { Payload, payloadFormats, Secret } from "iaaskit";
import { afterEach, describe, expect, it, vi } from "vitest";

import { base64, examples, guestFolder, refusal } from "../../support/payloads.ts";

const { read, write } = payloadFormats["launch-params"];
const pairs = Buffer.from("A=1,B=2");
const zip = (entries: Zippable) => zipSync({ "launch-params": pairs, ...entries }, { level: 1 });
const names = (payload: Payload) => payload.files.map(({ path }) => path);
const mebibyte = 1024 * 1024;

afterEach(() => vi.unstubAllEnvs());

describe("a written launch-params", () => {
  it("is a zip with the pairs in launch-params and the files beside it", () => {
    const file = Payload.file(`${guestFolder}/keys/id_rsa`, "key");
    const entries = unzipSync(write(Payload.environment({ A: "1", B: "2" }).and(file)));
    const texts = Object.entries(entries).map(([name, content]) => [name, Buffer.from(content).toString()]);
    expect(texts).toEqual([
      ["launch-params", "A=1,B=2"],
      ["keys/id_rsa", "key"],
    ]);
  });

  it("has launch-params also without pairs", () => {
    expect(Object.keys(unzipSync(write(Payload.empty)))).toEqual(["launch-params"]);
  });

  it("has the same bytes in every time zone", () => {
    const archives = ["Asia/Tokyo", "America/Los_Angeles"].map((zone) => {
      vi.stubEnv("TZ", zone);
      return { offset: new Date().getTimezoneOffset(), bytes: base64(write(examples["launch-params"])) };
    });
    expect(new Set(archives.map(({ offset }) => offset)).size).toBe(2);
    expect(new Set(archives.map(({ bytes }) => bytes)).size).toBe(1);
  });

  it("keeps the modes of files, so that a secret is not open to all in the guest", () => {
    const files = Payload.file(`${guestFolder}/id_rsa`, new Secret("key")).and(
      Payload.file(`${guestFolder}/cert`, "c"),
    );
    expect(read(write(files)).files.map(({ mode }) => mode)).toEqual([0o600, 0o644]);
  });

  it.each([
    ["beside the folder", "/var/lib/cloud/instance/payload2", "file.path"],
    ["that is the folder", guestFolder, "file.path"],
    ["that is the pairs", `${guestFolder}/launch-params`, "file.path"],
    ["whose name is no key of an object", `${guestFolder}/__proto__`, "file.path"],
    ["whose name begins with a byte order mark", `${guestFolder}/\uFEFFa`, "file.path"],
  ])("cannot hold a file %s", (_, path, field) => {
    expect(refusal(() => write(Payload.file(path, "x")))).toMatchObject({ code: "IAAS_INVALID_INPUT", field });
  });

  it("cannot hold an owner", () => {
    const file = Payload.file(`${guestFolder}/a`, "x", { owner: "app" });
    expect(refusal(() => write(file))).toMatchObject({ field: "file.owner" });
  });
});

describe("a launch-params of others", () => {
  it("is read with its files where the guest has them, and without its folders", () => {
    const payload = read(zip({ "ssl/": new Uint8Array(), "ssl/key": Buffer.from("k"), id_rsa: Buffer.from("r") }));
    expect(payload.environment).toEqual({ A: "1", B: "2" });
    expect(names(payload)).toEqual([`${guestFolder}/ssl/key`, `${guestFolder}/id_rsa`]);
  });

  it("gives files of no mode the usual one", () => {
    expect(read(zip({ a: Buffer.from("x") })).files).toMatchObject([{ mode: 0o644, owner: null, secret: false }]);
  });

  it("is read when nothing in it is compressed, and with a comment behind it", () => {
    const archive = Buffer.from(zipSync({ "launch-params": pairs, a: Buffer.from("x") }, { level: 0 }));
    archive.writeUInt16LE(5, archive.length - 2);
    expect(names(read(Buffer.concat([archive, Buffer.from("hello")])))).toEqual([`${guestFolder}/a`]);
  });

  it.each([
    ["a file above", "../x"],
    ["a file above by a folder", "a/../../x"],
    ["an absolute file", "/etc/passwd"],
    ["a file at two slashes", "//x"],
    ["a dot", "./x"],
    ["two dots", ".."],
    ["a NUL", "a\0b"],
    ["a line feed", "a\nb"],
    ["no name", ""],
  ])("is refused for %s", (_, name) => {
    const error = refusal(() => read(zip({ [name]: Buffer.from("x") })));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "file.path" });
  });

  it("is refused for the name __proto__, and not passed over", () => {
    const archive = Buffer.from(zip({ ["a_proto_b"]: Buffer.from("x") }));
    const renamed = Buffer.from(archive.toString("latin1").replaceAll("a_proto_b", "__proto__"), "latin1");
    expect(refusal(() => read(renamed))).toMatchObject({ field: "file.path", rule: "cannot be kept in a zip" });
  });

  it("is refused without launch-params", () => {
    const error = refusal(() => read(zipSync({ a: Buffer.from("x") })));
    expect(error).toMatchObject({ field: "payload", rule: "has no launch-params in it" });
  });

  it("is refused when it has no entries", () => {
    expect(refusal(() => read(zipSync({})))).toMatchObject({ rule: "has no launch-params in it" });
  });

  it("is refused when its pairs are not UTF-8", () => {
    const error = refusal(() => read(zipSync({ "launch-params": new Uint8Array([65, 61, 255]) })));
    expect(error).toMatchObject({ field: "launch-params", rule: "is not UTF-8" });
  });

  it("is refused when its pairs are none", () => {
    const error = refusal(() => read(zipSync({ "launch-params": Buffer.from("reboot") })));
    expect(error).toMatchObject({ field: "payload", rule: "must be KEY=value pairs; segment 1 is none" });
  });

  it("is refused when a byte of a file has changed", () => {
    const archive = Buffer.from(zipSync({ "launch-params": pairs }, { level: 0 }));
    archive.write("9", archive.indexOf("A=1") + 2);
    expect(refusal(() => read(archive))).toMatchObject({ rule: "is damaged: a checksum is wrong" });
  });

  it("is refused when it says that a file is shorter than it is", () => {
    const archive = Buffer.from(zip({ a: new Uint8Array(1000) }));
    archive.writeUInt32LE(10, archive.lastIndexOf("PK\u0001\u0002", undefined, "latin1") + 24);
    expect(refusal(() => read(archive))).toMatchObject({ rule: "is damaged: a checksum is wrong" });
  });

  it("is refused when it is another kind of archive", () => {
    expect(refusal(() => read(Buffer.from("\u001F\u008B\b", "latin1")))).toMatchObject({
      field: "payload",
      rule: "is not a zip archive",
    });
  });
});

describe("a launch-params that unpacks to too much", () => {
  const tooMuch = { field: "payload", rule: `unpacks to more than ${16 * mebibyte} bytes` };

  it("is read at exactly 16 MiB", () => {
    const archive = zip({ a: new Uint8Array(16 * mebibyte - pairs.length) });
    expect(archive.length).toBeLessThan(mebibyte);
    expect(read(archive).files[0]?.content).toHaveLength(16 * mebibyte - pairs.length);
  });

  it("is refused at one byte more", () => {
    const archive = zip({ a: new Uint8Array(16 * mebibyte - pairs.length + 1) });
    expect(refusal(() => read(archive))).toMatchObject(tooMuch);
  });

  it("is refused when many small files are too much together", () => {
    const files = Array.from({ length: 17 }, (_, index) => [`f${index}`, new Uint8Array(mebibyte)] as const);
    expect(refusal(() => read(zip(Object.fromEntries(files))))).toMatchObject(tooMuch);
  });

  it("is refused when an entry says that it is huge", () => {
    const archive = Buffer.from(zip({ a: new Uint8Array(1000) }));
    archive.writeUInt32LE(0xff_ff_ff_fe, archive.lastIndexOf("PK\u0001\u0002", undefined, "latin1") + 24);
    expect(refusal(() => read(archive))).toMatchObject(tooMuch);
  });

  it("is refused when files that are not compressed share their bytes and say that they are empty", () => {
    const files = Array.from({ length: 40 }, (_, index) => [`f${index}`, Buffer.from([index])] as const);
    const archive = Buffer.concat([Buffer.alloc(mebibyte), zipSync(Object.fromEntries(files), { level: 0 })]);
    archive.writeUInt32LE(archive.indexOf("PK\u0001\u0002", 0, "latin1"), archive.length - 6);
    let entry = -1;
    while ((entry = archive.indexOf("PK\u0001\u0002", entry + 1, "latin1")) !== -1) {
      archive.writeUInt32LE(mebibyte, entry + 20); // size in the archive
      archive.writeUInt32LE(0, entry + 24); // size unpacked
      archive.writeUInt32LE(0, entry + 42); // where it begins
    }
    expect(refusal(() => read(archive))).toMatchObject(tooMuch);
  });
});
