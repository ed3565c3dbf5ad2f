import { InvalidInputError, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { readOne, readText } from "./support.ts";

/** The sample of the message that started this library, broken into lines as it came in the mail. */
const sample = `<!-- You can have 1..n cartridge elements. -->
  <cartridge type="php" host="abc.com" provider="carbon">
   <!-- cartridge element can have 0..n properties, and they'll
be overwritten by the properties
     specified under iaasProvider child elements of cartridge
element. -->
   <property name="ss" value="slsls"/>
   <property name="ss" value="slsls"/>
   <description>This is a php cartridge.</description>
   <deployment baseDir="xyz">
    <dir>abc</dir>
   </deployment>
   <!-- A cartridge element should add a reference to an
existing IaaS provider (specified
     in the above &lt;iaasProviders&gt; section) or it can
create a completely new IaaS
     Provider (which should have a unique "type" attribute. -->
   <iaasProvider type="openstack" >
    <imageId>nova/xxxxxxxxxx</imageId>
    <property name="keyPair" value="aa"/>
    <property name="instanceType" value="1"/>
    <property name="payload" value="resources/as.txt"/>
   </iaasProvider>
   <iaasProvider type="ec2" >
    <imageId>xxxxxxxxxx</imageId>
    <property name="keyPair" value="aa"/>
    <property name="securityGroups"
value="manager,cep,mb,default"/>
    <property name="instanceType" value="m1.large"/>
    <property name="payload" value="resources/as-ec2.txt"/>
   </iaasProvider>

  </cartridge>
`;
const beside = { "resources/as.txt": "HOST=here,PORTS=80|443", "resources/as-ec2.txt": "HOST=ec2,KEY=YQ==\n" };

describe("the founding sample", () => {
  it("is read as a cartridge on two Iaases, with its payload files", async () => {
    const { payload, ...openstack } = (await readOne("cartridges.xml", sample, { beside })).iaasProviders[0]!;
    expect(openstack).toEqual({
      type: "openstack",
      image: "xxxxxxxxxx",
      partition: { region: "nova" },
      keyPair: "aa",
      size: "1",
    });
    expect(payload?.environment).toEqual({ HOST: "here", PORTS: "80|443" });
    const { iaasProviders, ...cartridge } = await readOne("cartridges.xml", sample, { beside });
    expect(cartridge).toEqual({
      type: "php",
      host: "abc.com",
      vendor: "carbon",
      description: "This is a php cartridge.",
      deployment: { baseFolder: "xyz", folders: ["abc"] },
      properties: { ss: "slsls" },
    });
    expect(iaasProviders[1]).toMatchObject({
      type: "ec2",
      image: "xxxxxxxxxx",
      keyPair: "aa",
      securityGroups: ["manager", "cep", "mb", "default"],
      size: "m1.large",
      payload: { environment: { HOST: "ec2", KEY: "YQ==" } },
    });
    expect(iaasProviders).toHaveLength(2);
    expect(iaasProviders[1]).not.toHaveProperty("partition");
  });

  it("warns of the property that nobody knows and of its double, with file and line", async () => {
    const { warnings } = await readText("cartridges.xml", sample, { beside });
    const file = expect.stringMatching(/cartridges\.xml$/) as string;
    expect(warnings).toEqual([
      { field: "cartridges[0].property[0]", message: "the property ss is not known", file, line: 7 },
      {
        field: "cartridges[0].property[1]",
        message: "the property ss comes twice: the last one counts",
        file,
        line: 8,
      },
    ]);
  });

  it("is refused with the first of these when reading is strict", async () => {
    await expect(readText("cartridges.xml", sample, { beside, strict: true })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "cartridges[0].property[0]",
      rule: "the property ss is not known",
      line: 7,
    });
  });

  it("is refused when a payload file is missing, with the property's place", async () => {
    const without = { "resources/as.txt": "A=b" };
    await expect(readText("cartridges.xml", sample, { beside: without })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "cartridges[0].iaasProvider[1].property[3]",
      rule: "cannot be read: resources/as-ec2.txt",
      line: 30,
    });
  });
});

const provider = '<iaasProvider type="here"><imageId>i</imageId></iaasProvider>';
const cartridge = (inner: string) => `<cartridge type="php">${inner}${provider}</cartridge>`;
const on = (inner: string, attributes = 'type="openstack"') =>
  `<cartridge type="php"><iaasProvider ${attributes}>${inner}</iaasProvider></cartridge>`;

const deploymentOf = async (deployment: string) => (await readOne("a.xml", cartridge(deployment))).deployment;

describe("Stratos' XML", () => {
  it("may have one cartridge as its root, or several below cartridges", async () => {
    const several = `<cartridges>${cartridge("")}<cartridge type="tomcat">${provider}</cartridge></cartridges>`;
    expect((await readText("a.xml", several)).cartridges.map(({ type }) => type)).toEqual(["php", "tomcat"]);
    expect((await readText("a.xml", cartridge(""))).cartridges.map(({ type }) => type)).toEqual(["php"]);
  });

  it("has folders to deploy to, with or without one around them", async () => {
    expect(await deploymentOf('<deployment baseDir="x"><dir>a=b</dir><dir>c</dir></deployment>')).toEqual({
      baseFolder: "x",
      folders: ["a=b", "c"],
    });
    expect(await deploymentOf("<deployment/>")).toEqual({ folders: [] });
  });

  it("has ports for http and https, with the load balancer's", async () => {
    const ports = '<portMapping><http port="8080" proxyPort="80"/><https port="8443"/></portMapping>';
    expect((await readOne("a.xml", cartridge(ports))).ports).toEqual([
      { name: "http", port: 8080, protocol: "tcp", proxyPort: 80 },
      { name: "https", port: 8443, protocol: "tcp" },
    ]);
  });

  it.each([
    ["an id alone", "ami-1", "ec2", { image: "ami-1" }],
    ["region/id", "eu-west-1/ami-1", "ec2", { image: "ami-1", partition: { region: "eu-west-1" } }],
    ["several slashes, which are no region", "a/b/c", "ec2", { image: "a/b/c" }],
    ["an address, which has no region", "docker.io/library/php", "docker", { image: "docker.io/library/php" }],
    ["a slash where there are no regions", "library/php", "docker", { image: "library/php" }],
    ["a slash on this machine", "images/php", "local", { image: "images/php" }],
  ])("names its image by %s", async (_, id, type, expected) => {
    const read = await readOne("a.xml", on(`<imageId>${id}</imageId>`, `type="${type}"`));
    expect(read.iaasProviders).toEqual([{ type, ...expected }]);
  });

  it("may name an image for each tenant, and one for all others", async () => {
    const images = '<imageId>r/all</imageId><imageId tenant="a">r/of-a</imageId><imageId tenant="b">of-b</imageId>';
    expect((await readOne("a.xml", on(images))).iaasProviders[0]).toMatchObject({
      image: "all",
      tenantImages: { a: "of-a", b: "of-b" },
    });
  });

  it("may leave the image to another level", async () => {
    expect((await readOne("a.xml", on("<imageId/>"))).iaasProviders[0]).toEqual({ type: "openstack" });
    expect((await readOne("a.xml", on(""))).iaasProviders[0]).toEqual({ type: "openstack" });
  });

  it("defines a new Iaas with identity and credential; the region is the image's where no property says it", async () => {
    const definition = `<className>org.apache.stratos.cloud.controller.iaases.AWSEC2Iaas</className>
      <provider>aws-ec2</provider><identity>AK</identity><credential>SK</credential>
      <imageId>us-east-1/ami-1</imageId>
      <property name="jclouds.endpoint" value="http://127.0.0.1:1"/>`;
    expect((await readOne("a.xml", on(definition, 'type="ec2-mine" name="mine"'))).iaasProviders[0]).toMatchObject({
      type: "ec2-mine",
      name: "mine",
      provider: "aws-ec2",
      options: { identity: "AK", credential: expect.any(Secret), region: "us-east-1", endpoint: "http://127.0.0.1:1" },
    });
    const moved = `${definition}<property name="region" value="eu-west-1"/>`;
    expect((await readOne("a.xml", on(moved))).iaasProviders[0]?.options).toMatchObject({ region: "eu-west-1" });
  });

  it("keeps application types, which concern no Iaas", async () => {
    const types = '<appTypes><appType name="war" appSpecificMapping="false"/></appTypes>';
    expect((await readOne("a.xml", cartridge(types))).extensions).toEqual({
      appTypes: { appType: [{ name: "war", appSpecificMapping: "false" }] },
    });
  });

  it("takes an empty text for one that is left out, and warns of an empty property", async () => {
    const empty = '<displayName/><description> </description><property name="keyPair" value=""/>';
    const { cartridges, warnings } = await readText("a.xml", cartridge(`\n${empty}\n`));
    expect(cartridges[0]).toEqual({ type: "php", iaasProviders: [{ type: "here", image: "i" }] });
    expect(warnings).toMatchObject([{ message: "the property keyPair is empty: it is passed over", line: 2 }]);
  });
});

describe("Stratos' XML is refused", () => {
  const refusals: [string, string, string, number][] = [
    ["another root", "\n<images/>", "images", 2],
    ["an unknown element", cartridge("\n<images/>"), "cartridge/images", 2],
    ["an element of another level", cartridge("\n<imageId>i</imageId>"), "cartridge/imageId", 2],
    ["an unknown element in an Iaas", on("\n\n<image>i</image>"), "iaasProvider/image", 3],
    ["an unknown element in a text", cartridge("\n<description>a<b>c</b></description>"), "description/b", 2],
    ["an unknown attribute", '<cartridge\ntype="php" image="i"/>', "cartridge@image", 1],
    ["an unknown attribute of a text", cartridge('\n<description lang="en">a</description>'), "description@lang", 2],
    [
      "an alias of a secret, which nobody would look up",
      on('\n<identity svns:secretAlias="a">x</identity>'),
      "identity@svns:secretAlias",
      2,
    ],
    ["text between elements", cartridge("\nhello\n"), "cartridge/text()", 1],
    ["text in a property", cartridge('\n<property name="a" value="b">c</property>'), "property/text()", 2],
    [
      "an element twice",
      cartridge("<description>a</description>\n<description>b</description>"),
      "cartridge/description",
      2,
    ],
    ["ports twice", cartridge("<portMapping/>\n<portMapping/>"), "cartridge/portMapping", 2],
    [
      "two images for everybody",
      on("<imageId>a</imageId>\n<imageId>b</imageId>"),
      "cartridges[0].iaasProvider[0].imageId[1]",
      2,
    ],
    [
      "two images of a tenant",
      on('<imageId tenant="t">a</imageId>\n<imageId tenant="t">b</imageId>'),
      "cartridges[0].iaasProvider[0].imageId[1]",
      2,
    ],
    ["no cartridge", "\n<cartridges/>", "cartridges", 2],
    ["no type", `<cartridges>\n<cartridge>${provider}</cartridge></cartridges>`, "cartridges[0].type", 2],
    ["no Iaas", '\n<cartridge type="php"/>', "cartridges[0].iaasProvider", 2],
    [
      "an Iaas without type",
      '<cartridge type="a">\n<iaasProvider/></cartridge>',
      "cartridges[0].iaasProvider[0].type",
      2,
    ],
    ["a property without value", cartridge('\n<property name="a"/>'), "cartridges[0].property[0].value", 2],
    ["a property without name", cartridge('\n<property value="a"/>'), "cartridges[0].property[0].name", 2],
    [
      "a port that is no number",
      cartridge('<portMapping>\n<http port="eighty"/></portMapping>'),
      "cartridges[0].portMapping.http.port",
      2,
    ],
    [
      "a port that is too large",
      cartridge('<portMapping>\n<https port="65536"/></portMapping>'),
      "cartridges[0].portMapping.https.port",
      2,
    ],
    [
      "a port that is missing",
      cartridge('<portMapping>\n<http proxyPort="80"/></portMapping>'),
      "cartridges[0].portMapping.http.port",
      2,
    ],
    [
      "a flag that is none",
      `\n<cartridge type="a" multiTenant="yes">${provider}</cartridge>`,
      "cartridges[0].multiTenant",
      2,
    ],
    ["a parameter without name", cartridge('\n<property name="payload_parameter." value="a"/>'), "environment.", 1],
  ];
  it.each(refusals)("for %s, with path and line", async (_, text, field, line) => {
    const error = await readText("a.xml", text).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidInputError);
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field, line });
  });
});
