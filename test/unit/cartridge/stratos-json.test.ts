import { defineCartridge, InvalidInputError, resolveCartridge, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { readOne, readText } from "./support.ts";

const read = async (definition: unknown) => await readOne("a.json", JSON.stringify(definition, null, 2));

/** Every key that Stratos 4.0 knew, numbers and truth values in quotes as its samples have them. */
const of40 = {
  type: "tomcat",
  host: "isuruh.lk",
  provider: "apache",
  displayName: "tomcat",
  description: "Tomcat Cartridge",
  version: "7",
  multiTenant: "false",
  deployment: { baseDir: "/var/www", dir: ["one", "two=http://x"] },
  portMapping: [
    { protocol: "http", port: "8080", proxyPort: "80" },
    { protocol: "UDP", port: "53", proxyPort: "0" },
  ],
  persistence: {
    isRequired: "true",
    volume: [
      { id: "v1", size: "2", device: "/dev/vdc", removeOnTermination: "false", mappingPath: "/opt/a", snapshotId: "" },
      { size: "3", removeOnTermination: "true", snapshotId: "snap-1", volumeId: "" },
      { volumeId: "vol-9", device: "/dev/vdd" },
    ],
  },
  iaasProvider: [
    {
      type: "openstack",
      name: "cloud",
      className: "org.apache.stratos.cloud.controller.iaases.OpenstackNovaIaas",
      imageId: "RegionOne/b4ca55e3",
      maxInstanceLimit: "2",
      provider: "openstack-nova",
      identity: "stratos:stratos",
      credential: "password",
      property: [
        { name: "instanceType", value: "2" },
        { name: "keyPair", value: "stratos" },
      ],
      networkInterfaces: [{ name: "lan", networkUuid: "n-1", fixedIp: "10.0.0.5" }, { networkUuid: "n-2" }],
    },
  ],
  loadBalancer: { type: "lb", property: [{ name: "default.load.balancer", value: "true" }] },
  property: [{ name: "payload_parameter.MB_IP", value: "10.0.0.1" }],
  defaultAutoscalingPolicy: "economyPolicy",
  defaultDeploymentPolicy: "openstack-default",
  serviceGroup: "g",
};

/** Every key that Stratos 4.1 knew. */
const of41 = {
  type: "php",
  provider: "apache",
  category: "framework",
  host: "stratos.apache.org",
  displayName: "PHP",
  description: "PHP Cartridge",
  version: "1.0",
  multiTenant: true,
  deployment: { baseDir: "/var/www", dir: [] },
  portMapping: [{ name: "http-80", protocol: "http", port: 80, proxyPort: 8280, kubernetesPortType: "NodePort" }],
  metadataKeys: ["CREDENTIALS"],
  iaasProvider: [
    {
      type: "ec2-singapore",
      imageId: "ap-southeast-1/ami-1",
      property: [{ name: "tag:team", value: "red" }],
      networkInterfaces: [
        {
          networkUuid: "n-1",
          portUuid: "p-1",
          floatingNetworks: [{ name: "f", networkUuid: "f-1", floatingIP: "1.2.3.4" }],
        },
      ],
    },
    { type: "ec2-sydney", imageId: "ap-southeast-2/ami-2" },
  ],
  persistence: { isRequired: true, volumes: [{ size: 1, removeOnTermination: true }] },
  loadBalancingIPType: "public",
  property: [],
};

describe("Stratos' JSON of 4.0", () => {
  it("is read with every key", async () => {
    expect(await read(of40)).toEqual({
      type: "tomcat",
      host: "isuruh.lk",
      vendor: "apache",
      displayName: "tomcat",
      description: "Tomcat Cartridge",
      version: "7",
      multiTenant: false,
      deployment: { baseFolder: "/var/www", folders: ["one", "two=http://x"] },
      ports: [
        { name: "http-8080", port: 8080, protocol: "tcp", proxyPort: 80 },
        { name: "UDP-53", port: 53, protocol: "udp" },
      ],
      volumes: [
        { sizeGiB: 2, device: "/dev/vdc", deleteOnTermination: false, mountPath: "/opt/a" },
        { sizeGiB: 3, snapshotId: "snap-1", deleteOnTermination: true },
        { volumeId: "vol-9", device: "/dev/vdd", deleteOnTermination: false },
      ],
      environment: { MB_IP: "10.0.0.1" },
      iaasProviders: [
        {
          type: "openstack",
          name: "cloud",
          provider: "openstack-nova",
          options: { identity: "stratos:stratos", credential: expect.any(Secret), region: "RegionOne" },
          image: "b4ca55e3",
          partition: { region: "RegionOne" },
          size: "2",
          keyPair: "stratos",
          networks: [{ id: "n-1", fixedIp: "10.0.0.5" }, { id: "n-2" }],
        },
      ],
      extensions: {
        loadBalancer: of40.loadBalancer,
        defaultAutoscalingPolicy: "economyPolicy",
        defaultDeploymentPolicy: "openstack-default",
        serviceGroup: "g",
      },
    });
  });

  it("becomes a definition that this library's own rules accept, and a launch", async () => {
    const cartridge = await read(of40);
    expect(defineCartridge(cartridge)).toEqual(cartridge);
    expect(resolveCartridge(cartridge, { on: "openstack" })).toMatchObject({
      image: "b4ca55e3",
      size: "2",
      ports: [{ port: 8080 }, { port: 53, protocol: "udp" }],
      volumes: [{ sizeGiB: 2 }, { snapshotId: "snap-1" }, { volumeId: "vol-9", device: "/dev/vdd" }],
      payload: { environment: { MB_IP: "10.0.0.1" } },
    });
  });

  it("has no volumes where persistence is not required", async () => {
    const { persistence } = of40;
    expect(await read({ ...of40, persistence: { ...persistence, isRequired: "false" } })).not.toHaveProperty("volumes");
    expect(await read({ ...of40, persistence: { isRequired: true } })).not.toHaveProperty("volumes");
    const { volumes } = await read({ ...of40, persistence: { volume: persistence.volume } });
    expect(volumes).toHaveLength(3);
  });
});

describe("Stratos' JSON of 4.1", () => {
  it("is read with every key", async () => {
    expect(await read(of41)).toEqual({
      type: "php",
      host: "stratos.apache.org",
      vendor: "apache",
      displayName: "PHP",
      description: "PHP Cartridge",
      version: "1.0",
      multiTenant: true,
      deployment: { baseFolder: "/var/www", folders: [] },
      ports: [{ name: "http-80", port: 80, protocol: "tcp", proxyPort: 8280 }],
      volumes: [{ sizeGiB: 1, deleteOnTermination: true }],
      iaasProviders: [
        {
          type: "ec2-singapore",
          image: "ami-1",
          partition: { region: "ap-southeast-1" },
          tags: { team: "red" },
          networks: [{ id: "n-1" }],
        },
        { type: "ec2-sydney", image: "ami-2", partition: { region: "ap-southeast-2" } },
      ],
      extensions: { category: "framework", metadataKeys: ["CREDENTIALS"], loadBalancingIPType: "public" },
    });
  });

  it("warns of network settings that have no meaning here, with their line", async () => {
    const { warnings } = await readText("a.json", JSON.stringify(of41, null, 2));
    const field = "cartridges[0].iaasProvider[0].networkInterfaces[0]";
    // The interface begins in the line before its first field, counted from 0.
    const line = JSON.stringify(of41, null, 2)
      .split("\n")
      .findIndex((text) => text.includes('"n-1"'));
    expect(warnings).toEqual([
      { field, line, message: "portUuid is passed over", file: expect.stringMatching(/a\.json$/) },
      { field, line, message: "floatingNetworks is passed over", file: expect.stringMatching(/a\.json$/) },
    ]);
  });

  it("warns of a network interface that names no network", async () => {
    const iaasProvider = [{ type: "here", networkInterfaces: [{ fixedIp: "10.0.0.1" }] }];
    const { cartridges, warnings } = await readText("a.json", JSON.stringify({ type: "a", iaasProvider }));
    expect(cartridges[0]?.iaasProviders).toEqual([{ type: "here" }]);
    expect(warnings).toMatchObject([{ message: "a network interface without networkUuid is passed over" }]);
  });
});

describe("a Stratos document", () => {
  const small = { type: "a", iaasProvider: [{ type: "here", imageId: "i" }] };

  it("may have several cartridges, and may be YAML", async () => {
    const text = JSON.stringify({ cartridges: [small, { ...small, type: "b" }] });
    expect((await readText("a.json", text)).cartridges.map(({ type }) => type)).toEqual(["a", "b"]);
    const yaml =
      "type: a\niaasProvider:\n  - type: here\n    imageId: i\n    property:\n      - {name: ss, value: x}\n";
    const { cartridges, warnings } = await readText("a.yml", yaml);
    expect(cartridges[0]?.iaasProviders).toEqual([{ type: "here", image: "i", properties: { ss: "x" } }]);
    expect(warnings).toMatchObject([{ line: 6, message: "the property ss is not known" }]);
  });

  it("takes empty texts for such as are left out", async () => {
    const empty = { host: "", provider: "", version: "", displayName: "", description: "", loadBalancingIPType: "x" };
    expect(await read({ ...small, ...empty })).toEqual({
      type: "a",
      iaasProviders: [{ type: "here", image: "i" }],
      extensions: { loadBalancingIPType: "x" },
    });
  });

  const refusals: [string, object, string, number][] = [
    ["an unknown field", { ...small, image: "i" }, "cartridges[0].image", 9],
    [
      "an unknown field of an Iaas",
      { type: "a", iaasProvider: [{ type: "b", image: "i" }] },
      "cartridges[0].iaasProvider[0].image",
      6,
    ],
    [
      "an unknown field of a port",
      { portMapping: [{ protocol: "tcp", port: 1, sources: [] }], ...small },
      "cartridges[0].portMapping[0].sources",
      6,
    ],
    [
      "an unknown field of a property",
      { property: [{ name: "a", value: "b", text: "c" }], ...small },
      "cartridges[0].property[0].text",
      6,
    ],
    [
      "an unknown field of a volume",
      { persistence: { volumes: [{ sizeGiB: 1 }] }, ...small },
      "cartridges[0].persistence.volumes[0].sizeGiB",
      5,
    ],
    [
      "an unknown field of a network",
      { type: "a", iaasProvider: [{ type: "b", networkInterfaces: [{ id: "n" }] }] },
      "cartridges[0].iaasProvider[0].networkInterfaces[0].id",
      8,
    ],
    ["no Iaas", { iaasProvider: [], type: "a" }, "cartridges[0].iaasProvider", 2],
    [
      "a port out of range",
      { portMapping: [{ protocol: "tcp", port: "65536" }], ...small },
      "cartridges[0].portMapping[0].port",
      5,
    ],
    ["a port 0", { portMapping: [{ protocol: "tcp", port: 0 }], ...small }, "cartridges[0].portMapping[0].port", 5],
    [
      "a port in words",
      { portMapping: [{ protocol: "tcp", port: "http" }], ...small },
      "cartridges[0].portMapping[0].port",
      5,
    ],
    [
      "a volume of no size",
      { persistence: { volume: [{ size: "0" }] }, ...small },
      "cartridges[0].persistence.volume[0].size",
      5,
    ],
    ["a flag in other words", { multiTenant: "yes", ...small }, "cartridges[0].multiTenant", 2],
    ["a number where a text belongs", { version: 7, ...small }, "cartridges[0].version", 2],
    [
      "a property whose value is no text",
      { property: [{ name: "a", value: 1 }], ...small },
      "cartridges[0].property[0].value",
      5,
    ],
  ];
  it.each(refusals)("is refused for %s, with path and line", async (_, definition, field, line) => {
    const error = await read(definition).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field, line });
  });
});
