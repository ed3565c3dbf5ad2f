import { type Cartridge, defineCartridge, InvalidInputError, Payload, resolveCartridge } from "iaaskit";
import { describe, expect, it } from "vitest";

const define = (cartridge: Partial<Cartridge>): Cartridge =>
  defineCartridge({ type: "php", iaasProviders: [{ type: "here", image: "i" }], ...cartridge });

describe("a cartridge", () => {
  it("comes down to what a launch takes, and nothing else", () => {
    const cartridge = define({
      host: "example.org",
      vendor: "apache",
      version: "8",
      displayName: "PHP",
      description: "PHP",
      multiTenant: true,
      deployment: { folders: [] },
      extensions: { category: "framework" },
      properties: { other: "x" },
      keyPair: "k",
      until: "running",
      payloadFormat: "json",
      allowInlineSecrets: true,
      floatingIp: true,
      iaasProviders: [{ type: "here", image: "i", name: "n", provider: "p", options: { a: 1 } }],
    });
    expect(resolveCartridge(cartridge, { on: "here" })).toEqual({
      image: "i",
      keyPair: "k",
      until: "running",
      payloadFormat: "json",
      allowInlineSecrets: true,
      floatingIp: true,
    });
  });

  it("knows the Iaases that it names and no others", () => {
    const cartridge = define({ iaasProviders: [{ type: "a", image: "i" }, { type: "b" }] });
    expect(() => resolveCartridge(cartridge, { on: "c" })).toThrow(InvalidInputError);
    expect(() => resolveCartridge(cartridge, { on: "c" })).toThrow(
      "iaasProviders of the cartridge php has no c; it has: a, b",
    );
  });

  it("has the last of two entries for one Iaas", () => {
    const cartridge = define({
      iaasProviders: [
        { type: "a", image: "one", keyPair: "k" },
        { type: "a", image: "two" },
      ],
    });
    expect(resolveCartridge(cartridge, { on: "a" })).toEqual({ image: "two" });
  });

  it("needs an image from some layer", () => {
    const cartridge = define({ iaasProviders: [{ type: "here" }] });
    expect(() => resolveCartridge(cartridge, { on: "here" })).toThrow(
      expect.objectContaining({
        code: "IAAS_INVALID_INPUT",
        field: "image",
        rule: "is missing: the cartridge php has none on here",
      }),
    );
    expect(resolveCartridge(cartridge, { on: "here", call: { image: "i" } }).image).toBe("i");
    expect(resolveCartridge(cartridge, { on: "here", defaults: { image: "d" } }).image).toBe("d");
  });

  it("has the image of a tenant, else the one for everybody", () => {
    const cartridge = define({ iaasProviders: [{ type: "here", image: "all", tenantImages: { acme: "of-acme" } }] });
    const imageFor = (tenant?: string) => resolveCartridge(cartridge, { on: "here", tenant }).image;
    expect([imageFor("acme"), imageFor("other"), imageFor()]).toEqual(["of-acme", "all", "all"]);
  });

  it("has no image for a tenant who has none, where there is none for everybody", () => {
    const cartridge = define({ iaasProviders: [{ type: "here", tenantImages: { acme: "of-acme" } }] });
    expect(resolveCartridge(cartridge, { on: "here", tenant: "acme" }).image).toBe("of-acme");
    expect(() => resolveCartridge(cartridge, { on: "here", tenant: "other" })).toThrow(
      "image is missing: the cartridge php has none on here for the tenant other",
    );
    expect(() => resolveCartridge(cartridge, { on: "here" })).toThrow(InvalidInputError);
  });

  it.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
    "has no image of its own for a tenant called %s",
    (tenant) => {
      const cartridge = define({ iaasProviders: [{ type: "here", image: "all", tenantImages: { acme: "of-acme" } }] });
      expect(resolveCartridge(cartridge, { on: "here", tenant }).image).toBe("all");
    },
  );

  it("gives its environment to the payload, where it counts before the payload's own", () => {
    const cartridge = define({
      environment: { A: "environment" },
      payload: Payload.environment({ A: "payload", B: "payload" }).and(Payload.script("#!/bin/sh")),
    });
    const { payload, ...others } = resolveCartridge(cartridge, { on: "here" });
    expect(payload?.environment).toEqual({ A: "environment", B: "payload" });
    expect(payload?.scripts).toHaveLength(1);
    expect(others).toEqual({ image: "i" });
  });

  it("has no payload where there is nothing to tell", () => {
    expect(resolveCartridge(define({ environment: {}, payload: Payload.empty }), { on: "here" })).toEqual({
      image: "i",
    });
  });

  it("refuses names of variables that would change how programs run", () => {
    expect(() => resolveCartridge(define({ environment: { LD_PRELOAD: "x" } }), { on: "here" })).toThrow(
      expect.objectContaining({ code: "IAAS_INVALID_INPUT", field: "environment.LD_PRELOAD" }),
    );
  });

  it("leaves out a load balancer's port", () => {
    const cartridge = define({ ports: [{ name: "web", port: 8080, proxyPort: 80, sources: ["::/0"] }] });
    expect(resolveCartridge(cartridge, { on: "here" }).ports).toEqual([{ name: "web", port: 8080, sources: ["::/0"] }]);
  });

  it("has existing volumes by id alone, and new ones without the place where the guest mounts them", () => {
    const cartridge = define({
      volumes: [
        {
          volumeId: "v-1",
          sizeGiB: 5,
          snapshotId: "s",
          deleteOnTermination: true,
          device: "/dev/vdb",
          mountPath: "/a",
        },
        { sizeGiB: 5, device: "/dev/vdc", deleteOnTermination: false, mountPath: "/b" },
        { snapshotId: "s" },
      ],
    });
    expect(resolveCartridge(cartridge, { on: "here" }).volumes).toEqual([
      { volumeId: "v-1", device: "/dev/vdb" },
      { sizeGiB: 5, device: "/dev/vdc", deleteOnTermination: false },
      { snapshotId: "s" },
    ]);
  });

  it("comes down to the same however often, and stays as it is", () => {
    const cartridge = define({ tags: { a: "1" }, environment: { A: "1" }, ports: [{ port: 80, proxyPort: 81 }] });
    const before = JSON.stringify(cartridge);
    const first = JSON.stringify(resolveCartridge(cartridge, { on: "here", call: { tags: { b: "2" } } }));
    expect(JSON.stringify(resolveCartridge(cartridge, { on: "here", call: { tags: { b: "2" } } }))).toBe(first);
    expect(JSON.stringify(cartridge)).toBe(before);
  });
});
