import { randomBytes } from "node:crypto";
import { inspect } from "node:util";

import { CloudController, endpointOf, type Instance, Payload, Secret } from "iaaskit";
import type { DockerIaas, DockerOptions } from "iaaskit/docker";
import { afterAll, describe, expect, it } from "vitest";

import { projectPath, temporaryFolder } from "../support/folders.ts";
import { BedEngine, engineNames, webServer } from "./support/docker-bed.ts";

const forever = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"];

describe.each(engineNames.map((name) => new BedEngine(name)))("$name", (engine) => {
  afterAll(async () => {
    expect(await engine.leftovers()).toEqual([]);
  });

  /** An Iaas of a new owner, and the end of all that it has made. */
  async function trial(options: Partial<DockerOptions> = {}): Promise<{
    readonly iaas: DockerIaas;
    readonly launch: (key: string, command: readonly string[], payload?: Payload) => Promise<Instance>;
    readonly [Symbol.asyncDispose]: () => Promise<void>;
  }> {
    const iaas = await engine.iaas(`live/${randomBytes(3).toString("hex")}`, options);
    const image = await engine.image();
    return {
      iaas,
      launch: async (key, command, payload = Payload.empty) =>
        await iaas.launch({ key, image, payload, providerOptions: { docker: { command } }, until: "running" }),
      [Symbol.asyncDispose]: async () => {
        const keys: string[] = [];
        for await (const { ownership } of iaas.list()) keys.push(ownership.key);
        await Promise.all(keys.map(async (key) => await iaas.terminate({ key })));
        await iaas[Symbol.asyncDispose]();
      },
    };
  }

  async function output({ iaas }: { readonly iaas: DockerIaas }, id: string, until: RegExp): Promise<string> {
    return await expect
      .poll(async () => await iaas.consoleOutput(id), { timeout: 20_000 })
      .toMatch(until)
      .then(async () => await iaas.consoleOutput(id));
  }

  async function all(instances: AsyncIterable<Instance>): Promise<Instance[]> {
    const found: Instance[] = [];
    for await (const instance of instances) found.push(instance);
    return found;
  }

  const canary = "canary-5f2e";
  const payload = Payload.environment({ PLAIN: "two words", TOKEN: new Secret(`${canary}-pair\n`) })
    .and(Payload.file("/etc/app/app.conf", "conf\n", { mode: 0o640 }))
    .and(Payload.file("/etc/app/key", new Secret(`${canary}-file`)))
    .and(Payload.file(`/srv/${"long/".repeat(30)}ünïcode`, "deep"));

  it("gives an instance its pairs and files, and shows no secret in what the engine tells of it", async () => {
    await using here = await trial();
    const command = [
      "sh",
      "-c",
      `echo "plain=$PLAIN token=$(cat "$TOKEN_FILE") conf=$(cat /etc/app/app.conf) key=$(cat /etc/app/key) deep=$(cat /srv/${"long/".repeat(30)}ünïcode)"
       echo "mode=$(stat -c %a /etc/app/app.conf) $(env | grep -c '^TOKEN=')"; ${forever[2]}`,
    ];
    const { id } = await here.launch("one", command, payload);
    expect(await output(here, id, /mode/)).toBe(
      `plain=two words token=${canary}-pair conf=conf key=${canary}-file deep=deep\nmode=640 0\n`,
    );
    const docker = await engine.direct();
    const told = [await docker.getContainer(id).inspect(), await docker.listContainers({ all: true })];
    expect(inspect(told, { depth: 20, maxStringLength: null })).not.toContain(canary);
  });

  it("runs the scripts once, with the secrets as variables, before the command, where it is told to", async () => {
    await using here = await trial({ execute: true });
    const scripts = payload
      .and(Payload.script('#!/bin/sh\necho "first $TOKEN"\n'))
      .and(Payload.script("#!/bin/sh\nexit 3\n"));
    const { id } = await here.launch("one", ["sh", "-c", `echo "then $TOKEN"; ${forever[2]}`], scripts);
    const first = await output(here, id, /then/);
    expect(first).toMatch(new RegExp(`^first ${canary}-pair\n\n.*failed with 3\nthen ${canary}-pair\n\n$`));
    await here.iaas.stop(id);
    await here.iaas.start(id);
    expect(await output(here, id, /then[^]*then/)).toBe(`${first}then ${canary}-pair\n\n`);
  });

  it("leaves secrets out of an image that is made of the instance", async () => {
    await using here = await trial({ execute: true });
    const { id } = await here.launch("one", forever, payload);
    const image = await here.iaas.images.create({ instanceId: id, name: "made" });
    const look = ["sh", "-c", `ls -R /run/iaaskit; cat /etc/app/key /etc/app/app.conf; ${forever[2]}`];
    const options = { image: image.id, providerOptions: { docker: { command: look } }, until: "running" } as const;
    const copy = await here.iaas.launch({ key: "two", ...options });
    const text = await output(here, copy.id, /conf/);
    expect(text).not.toContain(canary);
    await here.iaas.images.delete({ id: image.id });
  });

  it("says how a command has ended: stopped, or failed with its exit code or for want of memory", async () => {
    await using here = await trial();
    const seen = async (key: string, command: readonly string[]): Promise<Instance> => {
      const image = await engine.image();
      const size = "0.5cpu-16mib-64pids";
      const { id } = await here.iaas.launch({ key, image, size, providerOptions: { docker: { command } } });
      await expect.poll(async () => (await here.iaas.get(id)).state, { timeout: 30_000 }).toMatch(/stopped|failed/);
      return await here.iaas.get(id);
    };
    expect(await seen("zero", ["true"])).toMatchObject({
      state: "stopped",
      failure: null,
      size: "0.5cpu-16mib-64pids",
    });
    expect(await seen("three", ["sh", "-c", "exit 3"])).toMatchObject({
      state: "failed",
      failure: { vendorCode: "Exited", message: "its command ended with exit code 3" },
    });
    if (engine.name === "podman") return; // it does not tell why the kernel has killed a process
    const greedy = ["sh", "-c", "exec tail -c 500000000 /dev/zero"];
    expect(await seen("greedy", greedy)).toMatchObject({ state: "failed", failure: { vendorCode: "OOMKilled" } });
  });

  it("refuses what cannot run, and leaves nothing of it", async () => {
    await using here = await trial();
    const launch = here.launch("one", ["no-such-program"]);
    await expect(launch).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", field: "image" });
    const network = { networks: [{ id: "no-such-network" }], image: await engine.image() };
    await expect(here.iaas.launch({ key: "two", ...network })).rejects.toMatchObject({ field: "networks" });
    await expect(all(here.iaas.list())).resolves.toEqual([]);
  });

  it("finishes what a killed process has only created", async () => {
    await using here = await trial();
    const command = ["sh", "-c", `cat "$TOKEN_FILE"; ${forever[2]}`];
    const { id } = await here.launch("one", command, payload);
    const docker = await engine.direct();
    const { Name: name, Config: config } = await docker.getContainer(id).inspect();
    await docker.getContainer(id).remove({ force: true, v: true });
    const { Image: image, Labels: labels, Env: environment, Cmd: cmd } = config;
    const volumes = { "/run/iaaskit": {} };
    const options = { name: name.slice(1), Image: image, Labels: labels, Env: environment, Cmd: cmd, Volumes: volumes };
    const created = await docker.createContainer(options);
    expect((await here.iaas.get(created.id)).state).toBe("pending");
    const again = await here.launch("one", command, payload);
    expect(again).toMatchObject({ id: created.id, state: "running" });
    expect(await output(here, again.id, /canary/)).toBe(`${canary}-pair\n`);
  });

  it("keeps a named volume from one instance of a key to the next", async () => {
    await using here = await trial();
    const volume = `live-${randomBytes(3).toString("hex")}`;
    const image = await engine.image();
    const launch = async (key: string, script: string): Promise<Instance> => {
      const volumes = [{ name: volume, path: "/data" }];
      const docker = { volumes, command: ["sh", "-c", `${script}; ${forever[2]}`] };
      return await here.iaas.launch({ key, image, providerOptions: { docker }, until: "running" });
    };
    const first = await launch("one", "echo kept >/data/file; echo written");
    await output(here, first.id, /written/);
    await here.iaas.terminate(first.id);
    const second = await launch("two", "cat /data/file");
    expect(await output(here, second.id, /./)).toBe("kept\n");
    await here.iaas.terminate(second.id);
    await (await engine.direct()).getVolume(volume).remove();
  });

  it("launches 100 at once, each once, and ends them all", async () => {
    await using here = await trial();
    const keys = Array.from({ length: 100 }, (_, index) => `many-${index}`);
    const started = Date.now();
    const launched = await Promise.all(keys.map(async (key) => await here.launch(key, forever)));
    const seconds = (Date.now() - started) / 1_000;
    expect(new Set(launched.map(({ id }) => id)).size).toBe(100);
    expect(launched.every(({ state }) => state === "running")).toBe(true);
    await Promise.all(keys.map(async (key) => await here.iaas.terminate({ key })));
    console.log(`${engine.name}: 100 instances in ${seconds.toFixed(1)} s, gone ${(Date.now() - started) / 1_000} s`);
    await expect(all(here.iaas.list())).resolves.toEqual([]);
  });

  it("doubles and loses nothing when the engine is killed during launches", async () => {
    await using here = await trial();
    const keys = Array.from({ length: 20 }, (_, index) => `crash-${index}`);
    let launched = 0;
    const launches = keys.map(async (key) => await here.launch(key, webServer, payload).then(() => (launched += 1)));
    const first = Promise.allSettled(launches);
    const docker = await engine.direct();
    const made = async (): Promise<number> => (await docker.listContainers({ all: true })).length;
    await expect.poll(made, { interval: 20, timeout: 60_000 }).toBeGreaterThan(5); // in the middle
    await engine.kill();
    const before = launched;
    await engine.restart();
    await first;
    expect(before).toBeLessThan(keys.length);
    const again = await Promise.all(keys.map(async (key) => await here.launch(key, webServer, payload)));
    expect(again.map(({ state }) => state)).toEqual(keys.map(() => "running"));
    const listed = await all(here.iaas.list());
    expect(listed.map(({ ownership }) => ownership.key).toSorted()).toEqual(keys.toSorted());
    console.log(`${engine.name}: killed while ${keys.length - before} of ${keys.length} launches were under way`);
  });

  it("serves the page of a cartridge as this machine does, from the same file", async () => {
    await using folder = await temporaryFolder();
    await using controller = await CloudController.fromConfig({
      owner: `live/${randomBytes(3).toString("hex")}`,
      iaases: [
        { type: "local", images: projectPath("examples/images"), stateFolder: folder.path },
        { type: "docker", endpoint: await engine.endpoint(), pull: "never" },
      ],
      cartridges: [projectPath("examples/cartridges/web.yaml")],
    });
    const pages: string[] = [];
    for (const on of ["local", "docker"]) {
      const own = on === "docker" ? { image: await engine.image() } : {};
      const overrides = { environment: { HOST_NAME: "web.example.org" }, until: "reachable", ...own } as const;
      const { instance } = await controller.launch("web", { key: "page", on, overrides });
      const endpoint = endpointOf(instance, 80);
      pages.push(await (await fetch(`http://${endpoint?.host}:${endpoint?.port}/`)).text());
      await controller.terminate("page");
    }
    expect(pages[0]).toContain("This is web.example.org");
    expect(pages[1]).toBe(pages[0]);
  });
});
