import { resolveCartridge } from "iaaskit";
import { describe, expect, it } from "vitest";

import { readOne, readText } from "./support.ts";

type Properties = readonly (readonly [name: string, value: string])[];

const definition = (properties: Properties, more: object = {}) =>
  JSON.stringify({
    type: "php",
    iaasProvider: [
      { type: "here", imageId: "i", property: properties.map(([name, value]) => ({ name, value })), ...more },
    ],
  });
/** What properties come down to, besides the image. */
async function specOf(...properties: Properties): Promise<unknown> {
  const { image: _image, ...spec } = resolveCartridge(await readOne("a.json", definition(properties)), { on: "here" });
  return spec;
}

describe("a property of Stratos", () => {
  const meanings: [string, string, object][] = [
    ["instanceType", "m1.large", { size: "m1.large" }],
    ["keyPair", "aa", { keyPair: "aa" }],
    ["securityGroups", "manager, cep ,,mb,", { securityGroups: ["manager", "cep", "mb"] }],
    ["securityGroupIds", " sg-1,sg-2 ", { securityGroups: ["sg-1", "sg-2"] }],
    ["autoAssignIp", "true", { until: "running" }],
    ["autoAssignIp", "True", { until: "running" }],
    ["autoAssignIp", "false", {}],
    ["blockUntilRunning", "true", { until: "running" }],
    ["blockUntilRunning", "no", {}],
    ["availabilityZone", "nova", { partition: { zone: "nova" } }],
    ["zone", "eu-west-1a", { partition: { zone: "eu-west-1a" } }],
    ["region", "eu-west-1", { partition: { region: "eu-west-1" } }],
    ["host", "h-1", { partition: { host: "h-1" } }],
    ["subnetId", "subnet-1", { networks: [{ id: "subnet-1" }] }],
    ["networkIds", " n-1 , n-2 ", { networks: [{ id: "n-1" }, { id: "n-2" }] }],
    ["associatePublicIpAddress", "true", { providerOptions: { ec2: { associatePublicIpAddress: true } } }],
    ["associatePublicIpAddress", "false", {}],
    ["floatingIp", "1.2.3.4", { floatingIp: "1.2.3.4" }],
    ["tags", "red, blue", { tags: { red: "", blue: "" } }],
    ["tag:team", "red, blue", { tags: { team: "red, blue" } }],
    ["tag:a:b", "", { tags: { "a:b": "" } }],
    ["payload_parameter.HOST", "h", { payload: { environment: { HOST: "h" } } }],
    ["payload_parameter.EMPTY", "", { payload: { environment: { EMPTY: "" } } }],
  ];
  it.each(meanings)("%s=%s is understood", async (name, value, expected) => {
    const { payload, ...others } = expected as { payload?: object };
    const { payload: read, ...spec } = (await specOf([name, value])) as { payload?: object };
    expect(spec).toEqual(others);
    expect(read === undefined).toBe(payload === undefined);
    if (payload !== undefined) expect(read).toMatchObject(payload);
    expect((await readText("a.json", definition([[name, value]]))).warnings).toEqual([]);
  });

  it.each([
    "defaultFloatingIpPool",
    "openstack.networking.provider",
    "jclouds.endpoint",
    "jclouds.ec2.ami-query",
    "shellType",
    "loginUser",
    "loginPassword",
    "username",
    "domainId",
    "diskOffering",
    "networkURI",
    "api.endpoint",
    "projectName",
    "KUBERNETES_CONTAINER_CPU",
    "KUBERNETES_CONTAINER_MEMORY",
    "KUBERNETES_SERVICE_SESSION_AFFINITY",
    "IMAGE_PULL_SECRETS",
    "IMAGE_PULL_POLICY",
  ])("%s is kept without a warning, and is no part of a launch", async (name) => {
    const { cartridges, warnings } = await readText("a.json", definition([[name, "v"]]));
    expect(cartridges[0]?.iaasProviders[0]?.properties).toEqual({ [name]: "v" });
    expect(warnings).toEqual([]);
    expect(await specOf([name, "v"])).toEqual({});
  });

  it("that nobody knows is kept with a warning", async () => {
    const { cartridges, warnings } = await readText("a.json", definition([["instancetype", "m1"]]));
    expect(cartridges[0]?.iaasProviders[0]?.properties).toEqual({ instancetype: "m1" });
    expect(warnings).toMatchObject([{ field: "cartridges[0].iaasProvider[0].property[0]" }]);
  });

  it("that comes twice counts the last time", async () => {
    expect(await specOf(["keyPair", "a"], ["keyPair", "b"])).toEqual({ keyPair: "b" });
  });

  it("that is empty is passed over, and leaves what was said before", async () => {
    expect(await specOf(["keyPair", "a"], ["keyPair", ""], ["zone", " "], ["payload", ""])).toEqual({ keyPair: "a" });
    const { warnings } = await readText("a.json", definition([["zone", ""]]));
    expect(warnings).toMatchObject([{ message: "the property zone is empty: it is passed over" }]);
  });

  it.each([[["zone", "availabilityZone"]], [["availabilityZone", "zone"]]])(
    "zone counts before availabilityZone, in the order %s",
    async (order) => {
      const others = Array.from({ length: 50 }, (_, index) => [`tag:t${index}`, "v"] as const);
      const spec = await specOf(...order.map((name) => [name, name] as const), ...others);
      expect(spec).toMatchObject({ partition: { zone: "zone" } });
    },
  );

  it("with names of security groups stands beside one with ids", async () => {
    const expected = { securityGroups: ["a", "sg-1"] };
    expect(await specOf(["securityGroups", "a"], ["securityGroupIds", "sg-1"])).toEqual(expected);
  });

  it("with tags stands beside those with one tag each", async () => {
    expect(await specOf(["tags", "red"], ["tag:team", "blue"])).toEqual({ tags: { red: "", team: "blue" } });
  });

  it("for the region counts before the region of the image", async () => {
    const text = definition([["region", "b"]], { imageId: "a/i" });
    expect(resolveCartridge(await readOne("a.json", text), { on: "here" })).toEqual({
      image: "i",
      partition: { region: "b" },
    });
  });

  it("for the subnet counts before the network interfaces", async () => {
    const text = definition([["subnetId", "b"]], { networkInterfaces: [{ networkUuid: "a" }] });
    expect(resolveCartridge(await readOne("a.json", text), { on: "here" }).networks).toEqual([{ id: "b" }]);
  });

  it("of an Iaas counts before the same one of the cartridge", async () => {
    const text = JSON.stringify({
      type: "php",
      property: [
        { name: "keyPair", value: "all" },
        { name: "instanceType", value: "small" },
        { name: "payload_parameter.A", value: "all" },
        { name: "payload_parameter.B", value: "all" },
      ],
      iaasProvider: [
        {
          type: "here",
          imageId: "i",
          property: [
            { name: "keyPair", value: "mine" },
            { name: "payload_parameter.B", value: "mine" },
          ],
        },
      ],
    });
    expect(resolveCartridge(await readOne("a.json", text), { on: "here" })).toMatchObject({
      keyPair: "mine",
      size: "small",
      payload: { environment: { A: "all", B: "mine" } },
    });
  });

  it("named like a part of every object is a name like others", async () => {
    const spec = await specOf(["tag:__proto__", "x"], ["tag:constructor", "y"]);
    expect((spec as { tags: object }).tags).toHaveProperty("constructor", "y");
    expect(Object.getPrototypeOf((spec as { tags: object }).tags)).toBe(Object.prototype);
    expect({}).not.toHaveProperty("x");
  });
});
