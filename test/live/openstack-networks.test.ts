import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { type AnyIaasError, type Instance, Payload } from "iaaskit";
import { afterAll, describe, expect, it } from "vitest";

import { facetsOf } from "../support/facets.ts";
import {
  all,
  auth,
  bed,
  bedFolder,
  faults,
  iaasOf,
  launchable,
  Operator,
  spawned,
  tracked,
} from "./support/openstack.ts";

const operator = await Operator.login();
/** So many launches at once, of which so many find an address. */
const [launchCount, addressCount] = [60, 50];
/** Neutron needs about 3 seconds of a core for a port, and as long for an address. */
const limitMs = 780_000;
const run = `run-${randomBytes(4).toString("hex")}`;
const small = await smallCloud();
const leftovers = await tracked(operator);

/** A network of this project whose router leads to an external network that has 50 addresses to give. */
async function smallCloud() {
  const owned = { tenant_id: bed.project_id };
  const make = async (path: string, field: string, value: object): Promise<string> => {
    const made = await operator.network<Record<string, { readonly id: string }>>("POST", path, { [field]: value });
    return made[field]!.id;
  };
  const external = await make("/networks", "network", { name: `${run}-external`, "router:external": true });
  const outside = await make("/subnets", "subnet", {
    network_id: external,
    ip_version: 4,
    cidr: "198.51.100.0/24",
    enable_dhcp: false,
    allocation_pools: [{ start: "198.51.100.10", end: `198.51.100.${10 + addressCount}` }], // the router takes one
  });
  const network = await make("/networks", "network", { name: `${run}-inside`, ...owned });
  const inside = await make("/subnets", "subnet", {
    network_id: network,
    ip_version: 4,
    cidr: "10.77.0.0/24",
    ...owned,
  });
  const gateway = { external_gateway_info: { network_id: external } };
  const router = await make("/routers", "router", { name: `${run}-router`, ...owned, ...gateway });
  await operator.network("PUT", `/routers/${router}/add_router_interface`, { subnet_id: inside });
  return {
    external,
    network,
    remove: async () => {
      await operator.network("PUT", `/routers/${router}/remove_router_interface`, { subnet_id: inside });
      await operator.network("DELETE", `/routers/${router}`);
      await operator.network("DELETE", `/subnets/${outside}`);
      for (const id of [network, external]) await operator.network("DELETE", `/networks/${id}`);
    },
  };
}
afterAll(small.remove);

/** A launch with a port on the small network. */
const connected = { image: bed.image_id, size: "m1.tiny", networks: [{ id: small.network }] };

describe("sixty parallel launches, each with an address of an external network that has fifty", () => {
  it(
    "give fifty instances with an address each; ten are refused for want of room, and nothing of them is left",
    async () => {
      await using iaas = iaasOf(`${run}/sixty`, { floatingNetwork: `${run}-external` });
      const launches = await Promise.allSettled(
        Array.from(
          { length: launchCount },
          async (_, index) =>
            await iaas.launch({ ...connected, key: `job-${index}`, floatingIp: true, timeoutMs: limitMs }),
        ),
      );
      const launched = launches.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const refused = launches.flatMap((one) => (one.status === "rejected" ? [one.reason as AnyIaasError] : []));
      expect(refused.map(({ code, message }) => `${code}: ${message}`)).toEqual(
        Array.from({ length: launchCount - addressCount }, () =>
          expect.stringMatching(/^IAAS_INSUFFICIENT_CAPACITY: .*No more IP addresses/),
        ),
      );
      const addresses = launched.flatMap((instance: Instance) => instance.addresses.public);
      expect(new Set(addresses).size).toBe(addressCount);
      const { floatingIps } = facetsOf(iaas);
      const leadTo = new Map((await all(floatingIps.list())).map((one) => [one.address, one.instanceId]));
      expect(leadTo.size).toBe(addressCount);
      for (const { id, addresses: own } of launched) expect(leadTo.get(own.public[0]!)).toBe(id);
      expect(await all(iaas.list())).toHaveLength(addressCount);

      await Promise.all(launched.map(async ({ id }) => await iaas.terminate(id)));
      expect(await leftovers()).toEqual([]);
    },
    limitMs + 120_000,
  );
});

describe("parallel claims of three addresses by four clients of one owner", () => {
  it("give each address to one instance, refuse the others, and leave a foreign address alone", async () => {
    const clients = [1, 2, 3, 4].map(() => iaasOf(`${run}/claims`, { floatingNetwork: small.external }));
    const facets = await Promise.all(
      clients.map(async (client) => {
        await client.probe();
        return facetsOf(client).floatingIps;
      }),
    );
    const first = facets[0]!;
    const foreign = await operator.network<{ floatingip: { id: string } }>("POST", "/floatingips", {
      floatingip: { floating_network_id: small.external, tenant_id: bed.project_id },
    });
    const instances = await Promise.all(
      Array.from(
        { length: 8 },
        async (_, index) => await clients[0]!.launch({ ...connected, key: `i-${index}`, until: "running" }),
      ),
    );
    const own = await Promise.all([1, 2, 3].map(async (index) => await first.allocate({ key: `address-${index}` })));
    const claims = await Promise.allSettled(
      instances.map(
        async ({ id }, index) => await facets[index % 4]!.associate({ instanceId: id, timeoutMs: limitMs }),
      ),
    );
    const claimed = claims.flatMap((claim) => (claim.status === "fulfilled" ? [claim.value] : []));
    const refused = claims.flatMap((claim) =>
      claim.status === "rejected" ? [(claim.reason as AnyIaasError).code] : [],
    );
    const now = new Map((await all(first.list())).map(({ address, instanceId }) => [address, instanceId]));
    expect(claimed.map(({ address }) => address).toSorted()).toEqual(own.map(({ address }) => address).toSorted());
    expect(claimed.map(({ address }) => now.get(address))).toEqual(claimed.map(({ instanceId }) => instanceId));
    expect(refused).toEqual(Array.from({ length: 5 }, () => "IAAS_INSUFFICIENT_CAPACITY"));
    const path = `/floatingips/${foreign.floatingip.id}`;
    const { floatingip } = await operator.network<{ floatingip: { port_id: string | null } }>("GET", path);
    expect(floatingip.port_id).toBeNull();

    await operator.network("DELETE", path);
    await Promise.all(own.map(async ({ address }) => await first.release({ address })));
    await Promise.all(instances.map(async ({ id }) => await clients[0]!.terminate(id)));
    for (const client of clients) await client[Symbol.asyncDispose]();
  });
});

describe("the networks of an instance", () => {
  it("may be several, with a fixed address, and a port that exists; a floating IP goes where a router leads", async () => {
    await using iaas = iaasOf(`${run}/nics`, { floatingNetwork: `${run}-external` });
    const { port } = await operator.network<{ port: { id: string } }>("POST", "/ports", {
      port: { network_id: bed.private_network_id, tenant_id: bed.project_id },
    });
    const { id, addresses } = await iaas.launch({
      image: bed.image_id,
      size: "m1.tiny",
      key: "nics",
      networks: [{ id: bed.private_network_id }, { id: small.network, fixedIp: "10.77.0.99" }],
      providerOptions: { openstack: { ports: [port.id] } },
      floatingIp: true,
    });
    expect(addresses.private).toContain("10.77.0.99");
    expect(addresses.private).toHaveLength(3);
    expect(addresses.public).toEqual([expect.stringMatching(/^198\.51\.100\./)]);
    const { networks } = await spawned(id);
    expect(networks).toHaveLength(3);
    await iaas.terminate(id);
    const left = await operator.network<{ port: { id: string; device_id: string } }>("GET", `/ports/${port.id}`);
    expect(left.port).toMatchObject({ id: port.id, device_id: "" });
    await operator.network("DELETE", `/ports/${port.id}`);
  });

  it("may be none, and then no address can lead to it", async () => {
    await using iaas = iaasOf(`${run}/none`, { floatingNetwork: small.external });
    await iaas.probe();
    const { floatingIps } = facetsOf(iaas);
    const { id } = await iaas.launch({ ...launchable, key: "none", until: "running" });
    const { address } = await floatingIps.allocate({ key: "none" });
    await expect(floatingIps.associate({ instanceId: id, address })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "instanceId",
    });
    await floatingIps.release({ address });
    await iaas.terminate(id);
  });
});

describe("an instance that starts from a volume, with a configuration drive, in a server group", () => {
  it("has them, and its volume goes with it", async () => {
    await using iaas = iaasOf(`${run}/volume`);
    const { server_group: group } = await operator.send<{ server_group: { id: string } }>(
      "POST",
      `${bed.endpoints.compute}/os-server-groups`,
      { server_group: { name: run, policy: "soft-anti-affinity" } },
    );
    const { id } = await iaas.launch({
      image: bed.image_id,
      size: "m1.nodisk",
      key: "volume",
      payload: Payload.raw("#!/bin/sh\n"),
      providerOptions: { openstack: { networkless: true, configDrive: true, bootVolume: { sizeGiB: 1 } } },
      until: "running",
    });
    const given = await spawned(id);
    expect(given).toMatchObject({ config_drive: true, user_data: "#!/bin/sh\n" });
    expect(given["volumes"]).toHaveLength(1);
    const drive = join(bedFolder, "spawned", `${id}.configdrive`, "openstack", "latest", "user_data");
    expect(await readFile(drive, "utf8")).toBe("#!/bin/sh\n");
    await iaas.terminate(id);
    await operator.send("DELETE", `${bed.endpoints.compute}/os-server-groups/${group.id}`);
  });
});

describe("tokens that are revoked in the middle of a launch", () => {
  it("are renewed, and the launch goes on", async () => {
    await using iaas = iaasOf(`${run}/revoked`);
    await using _ = await faults({ virt: [{ op: "spawn", name: "^slow-", delay: 6 }] });
    const launching = iaas.launch({ ...launchable, key: "slow", name: "slow-1", until: "running" });
    while ((await all(iaas.list())).length === 0) await new Promise((resolve) => setTimeout(resolve, 200));
    // A new password, even the same one, ends all tokens of the user.
    const user = `${bed.auth_url}/users/${bed.user_id}`;
    await operator.send("PATCH", user, { user: { password: auth.password } });
    const { id, state } = await launching;
    expect(state).toBe("running");
    await iaas.terminate(id);
  });
});

describe("OpenStack's own client", () => {
  it("lists what we made as one would expect", async () => {
    await using iaas = iaasOf(`${run}/cli`, { floatingNetwork: small.external });
    const launch = { ...connected, key: "cli", name: `${run}-web`, tags: { team: "blue" }, floatingIp: true } as const;
    const { id, addresses } = await iaas.launch(launch);
    const environment = { OS_CLIENT_CONFIG_FILE: join(bedFolder, "clouds.yaml"), OS_CLOUD: "testbed" };
    const cli = async (...words: string[]): Promise<unknown> => {
      const { stdout } = await promisify(execFile)("/usr/bin/openstack", [...words, "-f", "json"], {
        env: { ...process.env, ...environment },
      });
      return JSON.parse(stdout) as unknown;
    };
    const servers = (await cli("server", "list")) as Record<string, unknown>[];
    expect(servers.find((one) => one["ID"] === id)).toMatchObject({ Name: `${run}-web`, Status: "ACTIVE" });
    expect(await cli("server", "show", id)).toMatchObject({
      properties: { "iaaskit:owner": `${run}/cli`, "iaaskit:key": "cli", team: "blue" },
    });
    const ips = (await cli("floating", "ip", "list", "--long")) as Record<string, unknown>[];
    const [address] = addresses.public;
    expect(ips.find((one) => one["Floating IP Address"] === address)).toMatchObject({
      Description: `iaaskit ${run}/cli cli//floating-ip`,
    });
    await iaas.terminate(id);
  });
});

describe("this run", () => {
  it("has left nothing in the cloud", async () => {
    expect(await leftovers()).toEqual([]);
  });
});
