import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";

import { endpointOf, type Instance, Payload, Secret } from "iaaskit";
import { LocalIaas, type LocalOptions } from "iaaskit/local";
import { afterAll, describe, expect, it } from "vitest";

import { temporaryFolder } from "../../support/folders.ts";
import { processesOf, surviveKill } from "../../support/local-crash.ts";

const folder = await temporaryFolder();
const images = join(folder.path, "images");
const stateFolder = join(folder.path, "state");
afterAll(async () => {
  await using iaas = create();
  for await (const { id } of iaas.list()) await iaas.terminate(id);
  expect(await processesOf(folder.path)).toEqual([]);
  await folder[Symbol.asyncDispose]();
});

function create(more: Partial<LocalOptions> = {}): LocalIaas {
  return new LocalIaas({ owner: "tests", images, stateFolder, ...more });
}

/** An image that runs a shell script. */
async function image(name: string, script: string, ports: readonly number[] = []): Promise<string> {
  await mkdir(join(images, name), { recursive: true });
  await writeFile(join(images, name, "image.json"), JSON.stringify({ command: ["sh", "run.sh"], ports }));
  await writeFile(join(images, name, "run.sh"), script);
  return name;
}
const idle = await image("idle", "echo started; exec sleep 600");
const rootOf = ({ id }: Instance): string => join(stateFolder, "running", id, "root");
const onLinux = process.platform === "linux";

async function consoleHas(iaas: LocalIaas, id: string, text: string): Promise<void> {
  await expect.poll(async () => await iaas.consoleOutput(id), { timeout: 5_000 }).toContain(text);
}

describe("an instance on this machine", () => {
  it.each([3, 14, 22, 30, 40, 55])("is made once although its maker was killed at operation %i", async (killAt) => {
    expect(await surviveKill(killAt)).toBe(true);
  });

  it("gets the payload's pairs as its environment, and nothing of this process' own", async () => {
    process.env["IAASKIT_TEST_CANARY"] = "leaked";
    await using iaas = create();
    const payload = Payload.environment({ GREETING: 'it\'s $HOME & "more"\nlines', TOKEN: new Secret("s3cret") });
    const { id } = await iaas.launch({
      key: "env",
      image: await image("env", "env; exec sleep 600"),
      payload,
      until: "running",
    });
    await consoleHas(iaas, id, 'GREETING=it\'s $HOME & "more"\nlines');
    await consoleHas(iaas, id, "TOKEN=s3cret");
    expect(await iaas.consoleOutput(id)).not.toContain("leaked");
    delete process.env["IAASKIT_TEST_CANARY"];
    await iaas.terminate(id);
  });

  it("finds the payload's files below its root, with their modes", async () => {
    await using iaas = create();
    const payload = Payload.file("/etc/app/secret.key", new Secret("k3y"))
      .and(Payload.file("/opt/run.sh", "#!/bin/sh\n", { mode: 0o755 }))
      .and(Payload.cloudConfig("packages: [php]"));
    const instance = await iaas.launch({ key: "files", image: idle, payload, until: "running" });
    const root = rootOf(instance);
    expect(await readFile(join(root, "etc/app/secret.key"), "utf8")).toBe("k3y");
    expect((await stat(join(root, "etc/app/secret.key"))).mode & 0o777).toBe(0o600);
    expect((await stat(join(root, "opt/run.sh"))).mode & 0o777).toBe(0o755);
    expect(await readFile(join(root, "cloud-config-0.yaml"), "utf8")).toBe("packages: [php]");
    await iaas.terminate(instance.id);
  });

  it("does not run the payload's scripts unless it is told to, and then in order and once", async () => {
    const payload = Payload.script('#!/bin/sh\necho "first $WHO" >>order\n')
      .and(Payload.script("#!/bin/sh\necho second >>order; exit 3\n", { name: "b" }))
      .and(Payload.environment({ WHO: "me" }));
    await using careful = create();
    const left = await careful.launch({ key: "left", image: idle, payload, until: "running" });
    await consoleHas(careful, left.id, "started");
    expect(await readdir(rootOf(left))).not.toContain("order");
    await using iaas = create({ execute: true });
    const instance = await iaas.launch({ key: "run", image: idle, payload, until: "running" });
    await consoleHas(iaas, instance.id, "started");
    await iaas.stop(instance.id);
    await iaas.start(instance.id);
    expect(await readFile(join(rootOf(instance), "order"), "utf8")).toBe("first me\nsecond\n");
    await consoleHas(iaas, instance.id, "script 001-b failed with 3");
    await iaas.terminate({ key: "left" });
    await iaas.terminate({ key: "run" });
  });

  it("is kept by records that hold no secret, and that only their user can read", async () => {
    await using iaas = create();
    const payload = Payload.environment({ TOKEN: new Secret("c4nary-value") });
    const { id } = await iaas.launch({ key: "records", image: idle, payload, until: "running" });
    const records = await readdir(join(stateFolder, "instances"));
    for (const name of records) {
      const path = join(stateFolder, "instances", name);
      expect(await readFile(path, "utf8")).not.toContain("c4nary-value");
      expect((await stat(path)).mode & 0o077).toBe(0);
    }
    expect((await stat(join(stateFolder, "running", id, "environment.json"))).mode & 0o077).toBe(0);
    expect((await stat(join(stateFolder, "running", id))).mode & 0o077).toBe(0);
    await iaas.terminate(id);
  });

  it.each([
    ["ends by itself with 0", "exit 0", { state: "stopped", failure: null }],
    ["ends by itself with another code", "exit 7", { state: "failed", failure: { vendorCode: "Exited" } }],
    [
      "has a command that is not there",
      "exec /no/such/program",
      { state: "failed", failure: { vendorCode: "Exited" } },
    ],
    ["is killed", "kill -9 $PPID", { state: "failed", failure: { vendorCode: "Killed" } }],
  ])("that %s says so", async (title, script, expected) => {
    await using iaas = create();
    const name = await image(`ends-${title.replaceAll(" ", "-")}`, script);
    const { id } = await iaas.launch({ key: "ends", image: name });
    await expect.poll(async () => await iaas.get(id), { timeout: 5_000 }).toMatchObject(expected);
    await iaas.terminate(id);
  });

  it("rejects the launch with its exit code when it was to run and has failed, and leaves nothing", async () => {
    await using iaas = create();
    const name = await image("broken", "sleep 0.2; exit 9", [80]);
    const launch = iaas.launch({ key: "broken", image: name, ports: [{ port: 80 }], until: "reachable" });
    await expect(launch).rejects.toMatchObject({
      code: "IAAS_PROVIDER_FAILURE",
      message: expect.stringContaining("exit code 9"),
    });
  });

  it("keeps its files and its address when it is stopped and started", async () => {
    await using iaas = create();
    const instance = await iaas.launch({ key: "stopped", image: idle, until: "running" });
    await writeFile(join(rootOf(instance), "kept"), "yes");
    await iaas.stop(instance.id);
    const started = await iaas.start(instance.id);
    expect(started.addresses).toEqual(instance.addresses);
    expect(await readFile(join(rootOf(instance), "kept"), "utf8")).toBe("yes");
    await iaas.terminate(instance.id);
  });

  it("has an address of its own", async () => {
    await using iaas = create();
    const launched = await Promise.all(
      Array.from(
        { length: 10 },
        async (_, index) => await iaas.launch({ key: `many-${index}`, image: idle, until: "running" }),
      ),
    );
    const addresses = launched.map(
      ({
        addresses: {
          private: [own],
        },
      }) => own,
    );
    if (onLinux) {
      expect(new Set(addresses).size).toBe(10);
      for (const address of addresses) expect(address).toMatch(/^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./);
    }
    await Promise.all(launched.map(async ({ id }) => await iaas.terminate(id)));
  });

  it("serves another port where its own is taken, and says which", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    const { port } = server.address() as { port: number };
    await using iaas = create();
    const instance = await iaas.launch({ key: "port", image: idle, ports: [{ port }], until: "running" });
    expect(instance.publishedPorts).toHaveLength(1);
    expect(endpointOf(instance, port)?.port).not.toBe(port);
    await iaas.terminate(instance.id);
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("ending an instance on this machine", () => {
  it.runIf(onLinux)("ends descendants that have left its process group", async () => {
    await using iaas = create();
    const name = await image("leaver", 'setsid sh -c "setsid sleep 611 & sleep 612" & sleep 613');
    const { id } = await iaas.launch({ key: "leaver", image: name, until: "running" });
    await expect.poll(async () => (await processesOf(id)).length, { timeout: 5_000 }).toBeGreaterThanOrEqual(5);
    await iaas.terminate(id);
    expect(await processesOf(id)).toEqual([]);
  });

  it("lets the command shut down before it is killed", async () => {
    await using iaas = create();
    const name = await image(
      "graceful",
      'trap "echo goodbye >>../goodbye; exit 0" TERM; echo ready; while :; do sleep 0.05; done',
    );
    const { id } = await iaas.launch({ key: "graceful", image: name, until: "running" });
    await consoleHas(iaas, id, "ready");
    await iaas.stop(id);
    expect(await readFile(join(stateFolder, "running", id, "goodbye"), "utf8")).toBe("goodbye\n");
    await iaas.terminate(id);
  });

  it("kills a command that will not go", async () => {
    await using iaas = create();
    const name = await image("stubborn", 'trap "" TERM; echo ready; while :; do sleep 0.05; done');
    const { id } = await iaas.launch({ key: "stubborn", image: name, until: "running" });
    await consoleHas(iaas, id, "ready");
    await iaas.terminate(id);
    expect(await processesOf(id)).toEqual([]);
  });

  it("never touches a process that has got the number of one of its own", async () => {
    const bystander = spawn("sleep", ["614"], { detached: true, stdio: "ignore" });
    await using iaas = create();
    const { id } = await iaas.launch({ key: "reused", image: idle, until: "running" });
    await iaas.stop(id);
    const processFile = join(stateFolder, "running", id, "process-1");
    const [, boot, started] = (await readFile(processFile, "utf8")).trim().split(" ");
    await writeFile(processFile, `${bystander.pid} ${boot} ${Number(started) - 1}`);
    await iaas.terminate(id);
    expect(bystander.exitCode).toBeNull();
    expect(() => process.kill(bystander.pid!, 0)).not.toThrow();
    bystander.kill("SIGKILL");
  });
});

describe("images and sizes of this machine", () => {
  it("refuse a manifest that is none, naming its file and field", async () => {
    await using iaas = create();
    const name = await image("odd", "");
    await writeFile(join(images, name, "image.json"), '{"command": [], "prots": [80]}');
    await expect(iaas.images.get({ id: name })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      file: join(images, name, "image.json"),
    });
    await writeFile(join(images, name, "image.json"), "no json");
    await expect(iaas.launch({ key: "odd", image: name })).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT" });
    await writeFile(join(images, name, "image.json"), '{"command": ["true"]}');
  });

  it.each(["../idle", "/etc", "..", "idle/..", ""])("refuse the name %j", async (name) => {
    await using iaas = create();
    await expect(iaas.launch({ key: "climb", image: name })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "image",
    });
  });

  it("refuse a size that this machine has not", async () => {
    await using iaas = create();
    await expect(iaas.launch({ key: "size", image: idle, size: "m1.large" })).rejects.toMatchObject({ field: "size" });
  });

  it("leave the payload's files out of an image that is made of an instance", async () => {
    await using iaas = create();
    const payload = Payload.file("/secret.key", new Secret("k3y"));
    const instance = await iaas.launch({ key: "source", image: idle, payload, until: "running" });
    await writeFile(join(rootOf(instance), "grown"), "here");
    const made = await iaas.images.create({ instanceId: instance.id, name: "made" });
    expect(await readdir(join(stateFolder, "images", made.id))).toEqual(expect.arrayContaining(["grown", "run.sh"]));
    expect(await readdir(join(stateFolder, "images", made.id))).not.toContain("secret.key");
    await iaas.images.delete({ id: made.id });
    await iaas.terminate(instance.id);
  });
});

describe.runIf(onLinux)("a floating IP of this machine", () => {
  it("is moved from one instance to another only when that is asked for", async () => {
    await using iaas = create();
    if (!iaas.can("floatingIps")) throw new Error("Linux has floating IPs");
    const name = await image(
      "named",
      "exec node -e 'require(\"http\").createServer((q,r)=>r.end(process.env.WHO)).listen(8080, process.env.IAASKIT_ADDRESS)'",
      [8080],
    );
    const launch = async (who: string) =>
      await iaas.launch({
        key: who,
        image: name,
        ports: [{ port: 8080 }],
        payload: Payload.environment({ WHO: who }),
        until: "reachable",
      });
    const [a, b] = await Promise.all([launch("a"), launch("b")]);
    const { address } = await iaas.floatingIps.allocate({ key: "moving" });
    const answer = async () =>
      await (await fetch(`http://${address}:8080/`, { headers: { connection: "close" } })).text();
    await iaas.floatingIps.associate({ instanceId: a.id, address });
    expect(await answer()).toBe("a");
    await expect(iaas.floatingIps.associate({ instanceId: b.id, address })).rejects.toMatchObject({ reason: "in-use" });
    await iaas.floatingIps.associate({ instanceId: b.id, address, move: true });
    expect(await answer()).toBe("b");
    expect((await iaas.get(a.id)).addresses.public).toEqual([]);
    await iaas.terminate(b.id);
    await expect(answer()).rejects.toThrow();
    await iaas.floatingIps.release({ address });
    await iaas.terminate(a.id);
  });

  it("goes to one of many that claim it at once", async () => {
    await using iaas = create();
    if (!iaas.can("floatingIps")) throw new Error("Linux has floating IPs");
    const instances = await Promise.all(
      ["c1", "c2", "c3", "c4"].map(
        async (key) => await iaas.launch({ key, image: idle, ports: [{ port: 8081 }], until: "running" }),
      ),
    );
    const { floatingIps } = iaas;
    const { address } = await floatingIps.allocate({ key: "claimed" });
    const claims = await Promise.allSettled(
      instances.map(async ({ id }) => await floatingIps.associate({ instanceId: id })),
    );
    expect(claims.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const claim of claims) {
      if (claim.status === "rejected") expect(claim.reason).toMatchObject({ code: "IAAS_INSUFFICIENT_CAPACITY" });
    }
    await floatingIps.release({ address });
    await Promise.all(instances.map(async ({ id }) => await iaas.terminate(id)));
  });
});

describe("the local Iaas", () => {
  it("says on which systems it runs, on any other", () => {
    const before = Object.getOwnPropertyDescriptor(process, "platform")!;
    Object.defineProperty(process, "platform", { ...before, value: "win32" });
    try {
      expect(create).toThrow(
        expect.objectContaining({
          code: "IAAS_UNSUPPORTED_CAPABILITY",
          message: expect.stringContaining("Linux and macOS"),
        }),
      );
    } finally {
      Object.defineProperty(process, "platform", before);
    }
  });

  it("refuses an option that it does not know", () => {
    expect(() => create({ imags: "x" } as never)).toThrow(expect.objectContaining({ field: "imags" }));
  });
});
