import { describe, expect, it } from "vitest";

import { facetsOf } from "../../support/facets.ts";
import { all, create, failureOf, type OpenStackApi, pass, server } from "../../support/openstack.ts";

const address = "203.0.113.5";
const mine = "iaaskit me a-1";
const fip = (more: object = {}): object => ({
  id: "fip-1",
  floating_ip_address: address,
  port_id: null,
  port_details: null,
  description: mine,
  revision_number: 7,
  ...more,
});
const ofPort = (portId: string, instanceId: string): object =>
  fip({ port_id: portId, port_details: { device_id: instanceId } });
const list = "GET network /floatingips";
const get = "GET network /floatingips/fip-1";
const put = "PUT network /floatingips/fip-1";
const networks = "GET network /networks";
const unconnected = {
  status: 404,
  body: {
    NeutronError: {
      type: "ExternalGatewayForFloatingIPNotFound",
      message: "External network 1 is not reachable from subnet 2.",
      detail: "",
    },
  },
};

/** The facet of an Iaas that has been probed, and OpenStack. */
async function probed(prepare: (api: OpenStackApi) => unknown, options: Parameters<typeof create>[0] = {}) {
  const made = create(options);
  prepare(made.api.ready().probed());
  await pass(made.clock, made.iaas.probe());
  return { ...made, floatingIps: facetsOf(made.iaas).floatingIps };
}

describe("allocating a floating IP", () => {
  const none = { body: { floatingips: [] } };
  const made = { status: 201, body: { floatingip: fip() } };

  it("takes it from the only external network, and writes owner and key into its description", async () => {
    const { api, clock, floatingIps } = await probed((api) =>
      api
        .on(list, none)
        .on(networks, { body: { networks: [{ id: "ext", name: "public" }] } })
        .on("POST network /floatingips", made),
    );
    expect(await pass(clock, floatingIps.allocate({ key: "a-1" }))).toMatchObject({ address, instanceId: null });
    expect(api.sent("POST network /floatingips")[0]?.body).toEqual({
      floatingip: { floating_network_id: "ext", description: mine },
    });
    expect(api.sent(networks)[0]?.query.get("router:external")).toBe("true");
  });

  it.each([
    ["the pool by its name", { pool: "second" }, {}],
    ["the pool by its id", { pool: "ext-2" }, {}],
    ["the usual one", {}, { floatingNetwork: "second" }],
  ])("of several external networks takes %s", async (_, more, options) => {
    const both = {
      body: {
        networks: [
          { id: "ext-1", name: "first" },
          { id: "ext-2", name: "second" },
        ],
      },
    };
    const { api, clock, floatingIps } = await probed(
      (api) => api.on(list, none).on(networks, both).on("POST network /floatingips", made),
      options,
    );
    await pass(clock, floatingIps.allocate({ key: "a-1", ...more }));
    expect(api.sent("POST network /floatingips")[0]?.body).toMatchObject({
      floatingip: { floating_network_id: "ext-2" },
    });
  });

  it.each([
    ["there are several and none is named", {}, "floatingNetwork", /several/],
    ["there is none of that name", { pool: "third" }, "pool", /is third, .* there are: first, second/],
  ])("is refused when %s", async (_, more, field, rule) => {
    const both = {
      body: {
        networks: [
          { id: "ext-1", name: "first" },
          { id: "ext-2", name: "second" },
        ],
      },
    };
    const { clock, floatingIps } = await probed((api) => api.on(list, none).on(networks, both));
    const error = await pass(clock, failureOf(floatingIps.allocate({ key: "a-1", ...more })));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field, rule: expect.stringMatching(rule) as string });
  });
});

describe("leading a floating IP to an instance", () => {
  const ports = (...fixed: string[][]) => ({
    body: {
      ports: fixed.map((ips, index) => ({ id: `p-${index}`, fixed_ips: ips.map((ip_address) => ({ ip_address })) })),
    },
  });
  const shows = {
    body: { server: server("s-1", { addresses: { n: [{ addr: address, "OS-EXT-IPS:type": "floating" }] } }) },
  };

  it("names the port and its IPv4 address, and what was seen of it, so that Neutron refuses a second claim", async () => {
    const { api, clock, floatingIps } = await probed((api) =>
      api
        .on(list, { body: { floatingips: [fip()] } })
        .on(get, { body: { floatingip: fip() } }, { body: { floatingip: ofPort("p-0", "s-1") } })
        .on("GET network /ports", ports(["fd00::5", "10.0.0.5"]))
        .on(put, { body: { floatingip: fip() } })
        .on("GET compute /servers/s-1", shows),
    );
    await pass(clock, floatingIps.associate({ instanceId: "s-1", address }));
    expect(api.sent(put)[0]?.body).toEqual({ floatingip: { port_id: "p-0", fixed_ip_address: "10.0.0.5" } });
    expect(api.sent(put)[0]?.headers["if-match"]).toBe("revision_number=7");
  });

  it("goes to the port that a router connects with the address' network", async () => {
    const { api, clock, floatingIps } = await probed((api) =>
      api
        .on(list, { body: { floatingips: [fip()] } })
        .on(get, { body: { floatingip: fip() } }, { body: { floatingip: ofPort("p-1", "s-1") } })
        .on("GET network /ports", ports(["10.0.0.5"], ["10.1.0.5"]))
        .on(put, unconnected, { body: { floatingip: fip() } })
        .on("GET compute /servers/s-1", shows),
    );
    await pass(clock, floatingIps.associate({ instanceId: "s-1", address }));
    expect(api.sent(put).map(({ body }) => body)).toMatchObject([
      { floatingip: { port_id: "p-0" } },
      { floatingip: { port_id: "p-1" } },
    ]);
  });

  it("is refused where no router leads, in Neutron's words", async () => {
    const { clock, floatingIps } = await probed((api) =>
      api
        .on(list, { body: { floatingips: [fip()] } })
        .on(get, { body: { floatingip: fip() } })
        .on("GET network /ports", ports(["10.0.0.5"]))
        .on(put, unconnected),
    );
    const error = await pass(clock, failureOf(floatingIps.associate({ instanceId: "s-1", address })));
    expect(error).toMatchObject({ code: "IAAS_NOT_FOUND", vendorCode: "ExternalGatewayForFloatingIPNotFound" });
  });

  it("that another process was faster with takes the next free one", async () => {
    const other = fip({ id: "fip-2", floating_ip_address: "203.0.113.6" });
    const raced = {
      status: 412,
      body: { NeutronError: { type: "RevisionNumberConstraintFailed", message: "no", detail: "" } },
    };
    const { clock, floatingIps } = await probed((api) =>
      api
        .on(list, { body: { floatingips: [fip(), other] } }, { body: { floatingips: [ofPort("p-9", "s-9"), other] } })
        .on(get, { body: { floatingip: fip() } })
        .on(
          "GET network /floatingips/fip-2",
          { body: { floatingip: other } },
          { body: { floatingip: { ...other, port_id: "p-0" } } },
        )
        .on("GET network /ports", ports(["10.0.0.5"]))
        .on(put, raced)
        .on("PUT network /floatingips/fip-2", { body: { floatingip: other } })
        .on("GET compute /servers/s-1", {
          body: {
            server: server("s-1", { addresses: { n: [{ addr: "203.0.113.6", "OS-EXT-IPS:type": "floating" }] } }),
          },
        }),
    );
    expect(await pass(clock, floatingIps.associate({ instanceId: "s-1" }))).toMatchObject({ address: "203.0.113.6" });
  });

  it("that another process has led elsewhere at the same time is given up", async () => {
    const { clock, floatingIps } = await probed((api) =>
      api
        .on(list, { body: { floatingips: [fip()] } })
        .on(get, { body: { floatingip: fip() } }, { body: { floatingip: ofPort("p-9", "s-9") } })
        .on("GET network /ports", ports(["10.0.0.5"]))
        .on(put, { body: { floatingip: fip() } }),
    );
    const error = await pass(clock, failureOf(floatingIps.associate({ instanceId: "s-1" })));
    expect(error).toMatchObject({ code: "IAAS_INSUFFICIENT_CAPACITY" });
  });

  it("waits while the instance has no port yet, and refuses one that never will", async () => {
    const { clock, floatingIps } = await probed((api) =>
      api
        .on(list, { body: { floatingips: [fip()] } })
        .on(get, { body: { floatingip: fip() } })
        .on("GET network /ports", { body: { ports: [] } })
        .on(
          "GET compute /servers/s-1",
          { body: { server: server("s-1", { status: "BUILD" }) } },
          { body: { server: server("s-1") } },
        ),
    );
    const error = await pass(clock, failureOf(floatingIps.associate({ instanceId: "s-1", address })));
    expect(error).toMatchObject({ code: "IAAS_INVALID_INPUT", field: "instanceId" });
  });
});

describe("the list of floating IPs", () => {
  it("shows the owner's, and finds the instances of an older Neutron by their ports", async () => {
    const { port_details: _, ...untold } = ofPort("p-1", "") as Record<string, unknown>;
    const { api, clock, floatingIps } = await probed((api) =>
      api
        .on(list, { body: { floatingips: [untold, fip({ id: "fip-2", description: "of somebody" })] } })
        .on("GET network /ports", { body: { ports: [{ id: "p-1", device_id: "s-1" }] } }),
    );
    expect(await pass(clock, all(floatingIps.list()))).toEqual([
      {
        id: "fip-1",
        address,
        instanceId: "s-1",
        ownership: { owner: "me", key: "a-1", generation: 0, fingerprint: null },
      },
    ]);
    expect(api.sent("GET network /ports")[0]?.query.getAll("id")).toEqual(["p-1"]);
  });
});
