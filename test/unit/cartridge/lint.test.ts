import { type Capabilities, type Cartridge, defineCartridge, lintCartridge, Payload, Secret } from "iaaskit";
import { Ec2Iaas } from "iaaskit/ec2";
import { LocalIaas } from "iaaskit/local";
import { describe, expect, it } from "vitest";

import { MemoryIaas } from "../../support/memory.ts";

const define = (cartridge: Partial<Cartridge>): Cartridge =>
  defineCartridge({ type: "php", iaasProviders: [{ type: "memory", image: "i" }], ...cartridge });
const iaas = (capabilities: Partial<Capabilities> = {}) => new MemoryIaas({ capabilities });
const off = (capability: string) => `memory does not support ${capability}: its capability is off`;
const errorsOf = (cartridge: Partial<Cartridge>, capabilities?: Partial<Capabilities>) =>
  lintCartridge(define(cartridge), iaas(capabilities)).map(({ level, message }) => `${level}: ${message}`);

describe("lint", () => {
  it("finds nothing in a cartridge that can run, and asks the cloud nothing", () => {
    const memory = iaas();
    const cartridge = define({
      size: "small",
      partition: { region: "r", zone: ["a", "b"] },
      tags: { a: "b" },
      payload: Payload.raw("x".repeat(100)),
      until: "running",
      providerOptions: { ec2: { spot: true } },
      properties: { other: "x" },
    });
    expect(lintCartridge(cartridge, memory)).toEqual([]);
    expect(memory.cloud.calls).toEqual([]);
  });

  it("names each field that cannot run, and not only the first", () => {
    const cartridge: Partial<Cartridge> = {
      size: { minCpus: 1, minMemoryMiB: 1 },
      partition: { host: "h" },
      keyPair: "k",
      securityGroups: ["g"],
      ports: [{ port: 80 }],
      networks: [{ id: "n" }],
      volumes: [{ sizeGiB: 1 }],
      floatingIp: true,
      tags: { t: "v".repeat(131) },
      payload: Payload.raw("x".repeat(101)),
    };
    expect(errorsOf(cartridge).toSorted()).toEqual([
      `error: ${off("catalog")}`,
      `error: ${off("floatingIps")}`,
      `error: ${off("keyPairs")}`,
      `error: ${off("securityGroups")}`,
      `error: ${off("volumes")}`,
      "error: networks cannot be chosen at this Iaas",
      "error: partition.host cannot be chosen at this Iaas",
      "error: payload is 101 bytes as it is (not compressed: raw bytes are sent as they are), 100 are allowed",
      "error: tags.t must be at most 130 characters long",
      "warning: no security groups: its ports are open to whoever reaches the instance",
    ]);
  });

  it("names the other fields too where the size is missing", () => {
    const findings = errorsOf({ keyPair: "k", floatingIp: "1.2.3.4" }, { sizeRequired: true });
    expect(findings).toEqual(["error: size is missing", `error: ${off("keyPairs")}`, `error: ${off("floatingIps")}`]);
  });

  it("says the type by which the cartridge names the Iaas", () => {
    const cartridge = define({ keyPair: "k", iaasProviders: [{ type: "mine", image: "i" }] });
    expect(lintCartridge(cartridge, iaas(), { on: "mine" })).toEqual([
      { level: "error", on: "mine", message: off("keyPairs") },
    ]);
    expect(lintCartridge(cartridge, iaas())).toMatchObject([
      { level: "error", on: "memory", message: expect.stringContaining("has no memory") },
    ]);
  });

  it("finds a payload that is one byte too large", () => {
    expect(errorsOf({ payload: Payload.raw("x".repeat(100)) })).toEqual([]);
    expect(errorsOf({ payload: Payload.raw("x".repeat(101)) })).toHaveLength(1);
  });

  it("measures the payload in the cartridge's own form", () => {
    const environment = { A: "x".repeat(90) };
    expect(errorsOf({ environment, payloadFormat: "env-file" })).toEqual([]);
    expect(errorsOf({ environment, payloadFormat: "json" })).toHaveLength(1);
  });

  it("finds a part that the cartridge's form cannot hold", () => {
    const payload = Payload.script("#!/bin/sh");
    expect(errorsOf({ payload, payloadFormat: "env-file" })).toEqual(["error: payload holds more than pairs"]);
  });

  it("finds a secret that others could read, unless the cartridge allows that", () => {
    const payload = Payload.environment({ T: new Secret("s3cret-value") });
    const form = { payload, payloadFormat: "env-file" } as const;
    const findings = errorsOf(form);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toContain("payload.environment.T");
    expect(findings[0]).not.toContain("s3cret-value");
    expect(errorsOf({ ...form, allowInlineSecrets: true })).toEqual([]);
  });

  it("finds a missing image, of a tenant too", () => {
    const cartridge = define({ iaasProviders: [{ type: "memory", tenantImages: { acme: "i" } }] });
    expect(lintCartridge(cartridge, iaas(), { tenant: "acme" })).toEqual([]);
    expect(lintCartridge(cartridge, iaas(), { tenant: "other" })).toMatchObject([
      { level: "error", message: expect.stringContaining("image is missing") },
    ]);
  });

  it("looks at the other layers as well", () => {
    const cartridge = define({ keyPair: "k" });
    const options = {
      defaults: { floatingIp: true },
      partition: { partition: { host: "h" } },
      call: { volumes: [{}] },
    } as const;
    expect(lintCartridge(cartridge, iaas(), options)).toHaveLength(4);
  });

  it("warns of ports where there are no security groups, unless there are no ports", () => {
    expect(errorsOf({ ports: [{ port: 80 }] })).toEqual([
      "warning: no security groups: its ports are open to whoever reaches the instance",
    ]);
    expect(errorsOf({ ports: [] })).toEqual([]);
  });

  it("finds nothing where everything is on", () => {
    const ec2 = new Ec2Iaas({ owner: "me", region: "eu-west-1" });
    const cartridge = define({
      iaasProviders: [{ type: "ec2", image: "ami-1", size: "t3.micro" }],
      floatingIp: true,
      ports: [{ port: 80 }],
      volumes: [{ sizeGiB: 1 }],
      payload: Payload.raw("x".repeat(16 * 1024)),
    });
    expect(lintCartridge(cartridge, ec2)).toEqual([]);
    expect(lintCartridge(cartridge, ec2, { call: { payload: Payload.raw("x".repeat(16 * 1024 + 1)) } })).toHaveLength(
      1,
    );
  });

  it("takes what depends on the installation for off until it has been probed", () => {
    const memory = new MemoryIaas({
      capabilities: { floatingIps: "probe" },
      facets: { floatingIps: () => null as never },
    });
    expect(lintCartridge(define({ floatingIp: true }), memory)).toMatchObject([
      { level: "error", message: expect.stringContaining("call probe() first") },
    ]);
  });

  it("warns of cloud-config where the provider itself puts the payload in place", () => {
    const local = new LocalIaas({ owner: "me", stateFolder: "/nowhere" });
    const cartridge = define({ payload: Payload.cloudConfig("a: b"), iaasProviders: [{ type: "local", image: "i" }] });
    expect(lintCartridge(cartridge, local)).toEqual([
      { level: "warning", on: "local", message: "cloud-config is put in place and not applied" },
    ]);
  });
});
