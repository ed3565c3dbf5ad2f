import { lintCartridge, defineCartridge, Payload, PayloadHost, Secret } from "iaaskit";
import { describe, expect, it } from "vitest";

import { MemoryIaas, type MemoryOptions, unavailable } from "../../support/memory.ts";
import { hostSecret } from "../../support/payload-host.ts";

const limit = { value: 1_000, source: "ours" };
const userData = { channel: "user-data", maxBytes: limit, measuredOn: "raw", gzip: true, confidential: false } as const;
const payload = Payload.environment({ TOKEN: new Secret("s3cret-value") });
const spec = { key: "one", image: "image", payload };

function hosted(options: MemoryOptions = {}) {
  const payloadHost = new PayloadHost({ url: "http://10.0.0.5/", secret: hostSecret });
  return { payloadHost, iaas: new MemoryIaas({ payloadHost, capabilities: { payload: userData }, ...options }) };
}
const urlIn = (body: Uint8Array | undefined) =>
  /http:\/\/10\.0\.0\.5\/[\w-]{22}/.exec(Buffer.from(body ?? []).toString())?.[0] ?? "";

describe("an Iaas with a payload host", () => {
  it("lets a secret payload wait there, and sends the stub", async () => {
    const { payloadHost, iaas } = hosted();
    await iaas.launch(spec);
    const [input] = iaas.cloud.launches;
    expect(input?.plan).toMatchObject({ encoding: "hosted" });
    const sent = Buffer.from(input?.plan?.body ?? []).toString();
    expect(sent).not.toContain("s3cret-value");
    const answer = await payloadHost.handle(new Request(urlIn(input?.plan?.body)));
    expect(await answer.text()).toContain("s3cret-value");
  });

  it("sends the same bytes when the request is repeated", async () => {
    const { iaas } = hosted();
    iaas.cloud.after("launch", unavailable);
    await iaas.launch(spec);
    const [first, second] = iaas.cloud.launches.map(({ plan }) => Buffer.from(plan?.body ?? []).toString());
    expect(second).toBe(first);
  });

  it("lets nothing wait for an instance that is there already", async () => {
    const { payloadHost, iaas } = hosted();
    await iaas.launch(spec);
    const url = urlIn(iaas.cloud.launches[0]?.plan?.body);
    await payloadHost.handle(new Request(url));
    await iaas.launch(spec);
    expect(iaas.cloud.launches).toHaveLength(1);
    expect((await payloadHost.handle(new Request(url))).status).toBe(404);
  });

  it("gives the next instance of the key a URL of its own", async () => {
    const { iaas } = hosted();
    await iaas.launch(spec);
    await iaas.terminate({ key: "one" });
    await iaas.launch(spec);
    const urls = iaas.cloud.launches.map(({ plan }) => urlIn(plan?.body));
    expect(new Set(urls).size).toBe(2);
  });

  it("fails before any launch when the host cannot keep the payload, and may be asked again", async () => {
    const store = {
      put: () => Promise.reject(new Error("full")),
      take: () => Promise.resolve(null),
      delete: () => Promise.resolve(),
    };
    const payloadHost = new PayloadHost({ url: "http://10.0.0.5/", secret: hostSecret, store });
    const { iaas } = hosted({ payloadHost });
    await expect(iaas.launch(spec)).rejects.toMatchObject({ code: "IAAS_UNAVAILABLE", retry: "same" });
    expect(iaas.cloud.count("launch")).toBe(0);
  });

  it("does not ask the host where the payload goes by itself", async () => {
    const { iaas } = hosted();
    await iaas.launch({ ...spec, payload: Payload.raw("short") });
    expect(iaas.cloud.launches[0]?.plan).toMatchObject({ encoding: "raw", hosted: null });
  });

  it("is told to lint, which finds nothing wrong with a secret payload then", () => {
    const cartridge = defineCartridge({
      type: "app",
      payload,
      iaasProviders: [{ type: "memory", image: "image" }],
    });
    const without = new MemoryIaas({ capabilities: { payload: userData } });
    expect(lintCartridge(cartridge, hosted().iaas)).toEqual([]);
    expect(lintCartridge(cartridge, without)).toMatchObject([{ level: "error" }]);
  });
});

it("an Iaas without a payload host refuses a secret payload before any request", async () => {
  const iaas = new MemoryIaas({ capabilities: { payload: userData } });
  expect(iaas.payloadHost).toBeNull();
  await expect(iaas.launch(spec)).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT" });
  expect(iaas.cloud.calls).toEqual([]);
});
