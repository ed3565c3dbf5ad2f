import { type Caller, type Capabilities, type CapabilityFindings, Catalog, Iaas } from "iaaskit";
import { Ec2Iaas } from "iaaskit/ec2";
import { describe, expect, it } from "vitest";

import { memoryCapabilities, MemoryIaas } from "../../support/memory.ts";

class Probing extends MemoryIaas {
  readonly findings: CapabilityFindings;
  constructor(findings: CapabilityFindings, capabilities: Partial<Capabilities> = {}) {
    super({ capabilities });
    this.findings = findings;
  }
  protected override async _probe() {
    return await Promise.resolve({ account: "memory", findings: this.findings });
  }
}

const nothing = async () => await Promise.resolve({ items: [], marker: null });

describe("capabilities", () => {
  it("answer can() for a flag, and for a part of one", () => {
    const ec2 = new Ec2Iaas({ owner: "me", region: "eu-west-1" });
    expect(ec2.can("floatingIps")).toBe(true);
    expect(ec2.can("keyPairs.generate")).toBe(true);
    const memory = new MemoryIaas();
    expect(memory.can("floatingIps")).toBe(false);
    expect(memory.can("keyPairs.generate")).toBe(false);
    expect(memory.can("stop")).toBe(false);
  });

  it("refuse a facet that is off by an error that says why, in plain JavaScript too", () => {
    const memory = new MemoryIaas();
    expect(() => Reflect.get(memory, "floatingIps") as unknown).toThrow(
      expect.objectContaining({ code: "IAAS_UNSUPPORTED_CAPABILITY", capability: "floatingIps", provider: "memory" }),
    );
  });

  it("cannot be changed", () => {
    const { capabilities } = new Ec2Iaas({ owner: "me", region: "eu-west-1" });
    expect(() => Object.assign(capabilities, { floatingIps: false })).toThrow(TypeError);
    expect(() => Object.assign(capabilities.payload.maxBytes, { value: 1 })).toThrow(TypeError);
  });

  it("that a probe may lower are lower afterwards, with the probe as their source", async () => {
    const iaas = new Probing({ payloadMaxBytes: 50, tagsMaxCount: 5 });
    await iaas.probe();
    expect(iaas.capabilities.payload.maxBytes).toEqual({ value: 50, source: "probe" });
    expect(iaas.capabilities.tags.maxCount.value).toBe(5);
  });

  it.each([
    ["raise a limit", { payloadMaxBytes: 101 }],
    ["change a flag that is declared", { floatingIps: true }],
  ])("do not let a probe %s: that is a defect of the provider", async (_, findings) => {
    await expect(new Probing(findings).probe()).rejects.toThrow(RangeError);
  });

  it("whose facet is missing, or too many, are refused when the Iaas is made", () => {
    expect(() => new MemoryIaas({ capabilities: { catalog: true } })).toThrow(
      /memory: the flag catalog is on, its facet is not/,
    );
    class Wrong extends Iaas {
      constructor() {
        const facets = { catalog: () => null } as never;
        const rest = {
          provider: "wrong",
          connection: "",
          region: null,
          secrets: [],
          toError: (error: unknown) => error as never,
        };
        super({ ...rest, capabilities: memoryCapabilities, facets }, { owner: "me" });
      }
      protected _probe = undefined as never;
      protected _launch = undefined as never;
      protected _get = undefined as never;
      protected _list = undefined as never;
      protected _terminate = undefined as never;
    }
    expect(() => new Wrong()).toThrow(/wrong: the flag catalog is off, its facet is not/);
  });

  it('that are "probe" are off until a probe has settled them', async () => {
    class FakeCatalog extends Catalog {
      protected override _regions = nothing;
      protected override _zones = nothing;
      protected override _hosts = nothing;
      protected override _sizes = nothing;
    }
    class Unsure extends MemoryIaas {
      constructor() {
        const facets = { floatingIps: (caller: Caller) => new FakeCatalog(caller) as never };
        super({ capabilities: { floatingIps: "probe" }, facets });
      }
      protected override async _probe() {
        return await Promise.resolve({ account: "memory", findings: { floatingIps: true } });
      }
    }
    const iaas = new Unsure();
    expect(iaas.can("floatingIps")).toBe(false);
    expect(() => Reflect.get(iaas, "floatingIps") as unknown).toThrow(/call probe\(\) first/);
    await iaas.probe();
    expect(iaas.can("floatingIps")).toBe(true);
    expect(Reflect.get(iaas, "floatingIps")).toBeInstanceOf(FakeCatalog);
  });

  it('that are "probe" need their facet, for they may turn out to be on', () => {
    const make = () => new MemoryIaas({ capabilities: { securityGroups: "probe" } });
    expect(make).toThrow(/the flag securityGroups is on, its facet is not/);
  });
});
