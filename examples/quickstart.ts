/** Read a cartridge, see where it can run, launch it, fetch its page, and leave nothing behind.
 *
 *     npm run quickstart                                    # as a process of this machine
 *     npm run quickstart -- --on docker [--image REF]       # in a container; busybox:1.36 is pulled
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import {
  type Cartridge,
  CloudController,
  endpointOf,
  type Iaas,
  type Instance,
  lintCartridge,
  planPayload,
  readCartridges,
  resolveCartridge,
} from "iaaskit";
import { Ec2Iaas } from "iaaskit/ec2";
import { Listr } from "listr2";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const { values: asked } = parseArgs({
  options: { on: { type: "string", default: "local" }, image: { type: "string" } },
});
const { on, image } = asked;
const type = on === "docker" ? "web" : "php";
const cartridgeFile = here(on === "docker" ? "./cartridges/web.yaml" : "./cartridges/php.xml");
const owner = "quickstart";
const key = `quickstart-${process.pid}`;
const environment = { HOST_NAME: `${key}.abc.com`, CLUSTER_ID: key };

/** A step that is shown while it runs, with lines of its own below its title. */
interface Shown {
  title: string;
}
const say = (task: Shown, line: string): void => {
  task.title += `\n  ${line}`;
};

async function main(stateFolder: string, signal: AbortSignal): Promise<void> {
  await using controller = await CloudController.fromConfig({
    owner,
    iaases: [
      { type: "local", images: here("./images"), stateFolder },
      ...(on === "docker" ? [{ type: "docker" }] : []),
    ],
    cartridges: [cartridgeFile],
  });
  await using ec2 = new Ec2Iaas({ owner, region: "us-east-1" }); // asked for its capabilities only: nothing is sent
  const iaases = new Map<string, Iaas>([...controller.iaases, ["ec2", ec2]]);
  const cartridge = controller.cartridges.get(type)!;
  const iaas = controller.iaases.get(on);
  if (iaas === undefined) throw new Error("--on must be local or docker");
  let instance: Instance;

  const steps = new Listr([
    { title: `Read ${cartridgeFile}`, task: async (_, task) => await read(task) },
    { title: "Where can it run?", task: (_, task) => lint(cartridge, iaases, task) },
    { title: "How does its payload travel?", task: (_, task) => plan(cartridge, iaases, task) },
    {
      title: `Launch it on ${on}`,
      task: async (_, task) => {
        const overrides = { environment, until: "reachable" as const, ...(image === undefined ? {} : { image }) };
        ({ instance } = await controller.launch(type, { key, on, overrides, signal }));
        say(task, `${instance.id} is ${instance.state}`);
      },
    },
    { title: "Fetch its page", task: async (_, task) => await visit(instance, task) },
    { title: "Lead a floating IP to it", task: async (_, task) => await lead(iaas, instance, task) },
    { title: "List what there is", task: async (_, task) => await list(controller, task) },
    { title: "Terminate it", task: async () => await controller.terminate(key) },
    { title: "Is anything left?", task: async (_, task) => await prove(controller, instance, stateFolder, task) },
  ]);
  try {
    await steps.run();
  } finally {
    await controller.terminate(key);
  }
}

async function read(task: Shown): Promise<void> {
  const { cartridges, warnings } = await readCartridges(cartridgeFile);
  for (const { type, description } of cartridges) say(task, `${type}: ${description}`);
  for (const { line, message } of warnings) say(task, `line ${line}: ${message}`);
}

function lint(cartridge: Cartridge, iaases: ReadonlyMap<string, Iaas>, task: Shown): void {
  for (const { type } of cartridge.iaasProviders) {
    const iaas = iaases.get(type);
    const findings = iaas === undefined ? [] : lintCartridge(cartridge, iaas, { on: type });
    const isAble = iaas !== undefined && findings.every(({ level }) => level === "warning");
    const reasons = iaas === undefined ? ["no such Iaas is configured"] : findings.map(({ message }) => message);
    say(task, [`${type}: ${isAble ? "yes" : "no"}`, ...reasons].join(", "));
  }
}

function plan(cartridge: Cartridge, iaases: ReadonlyMap<string, Iaas>, task: Shown): void {
  for (const { type: on } of cartridge.iaasProviders) {
    const capabilities = iaases.get(on)?.capabilities;
    const { payload } = resolveCartridge(cartridge, { on, call: { environment } });
    if (capabilities !== undefined && payload !== undefined)
      say(task, `${on}: ${planPayload(payload, capabilities.payload).explain().replaceAll("\n", "\n    ")}`);
  }
}

async function visit(instance: Instance, task: Shown): Promise<void> {
  const endpoint = endpointOf(instance, 80);
  const url = `http://${endpoint?.host}:${endpoint?.port}/`;
  const page = await (await fetch(url)).text();
  if (!page.includes(environment.HOST_NAME)) throw new Error(`the page does not tell what the payload said: ${page}`);
  say(task, `${url} answers: ${page.trim()}`);
}

async function lead(iaas: Iaas, { id }: Instance, task: Shown): Promise<void> {
  if (!iaas.can("floatingIps")) return say(task, `${iaas.provider} has none`);
  const { address } = await iaas.floatingIps.allocate({ key });
  await iaas.floatingIps.associate({ instanceId: id, address });
  await visit(await iaas.get(id), task);
  await iaas.floatingIps.release({ address });
}

async function list(controller: CloudController, task: Shown): Promise<void> {
  for await (const { on, instance } of controller.list()) {
    say(task, `${on}: ${instance.name} is ${instance.state}, key ${instance.ownership.key}`);
  }
}

async function prove(controller: CloudController, gone: Instance, stateFolder: string, task: Shown): Promise<void> {
  for await (const { instance } of controller.list()) throw new Error(`${instance.id} is still there`);
  const entries = await readdir(stateFolder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  if (files.length > 0) throw new Error(`files are left: ${files.join(", ")}`);
  const endpoint = endpointOf(gone, 80);
  const answer = await fetch(`http://${endpoint?.host}:${endpoint?.port}/`).catch(() => null);
  if (answer !== null) throw new Error(`${gone.id} still answers`);
  say(task, "no instance, no file, and nobody answers any more");
}

const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort(new Error("interrupted")));
const stateFolder = await mkdtemp(join(tmpdir(), "iaaskit-quickstart-"));
try {
  await main(stateFolder, interrupted.signal);
} catch (error) {
  console.error(`quickstart failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await rm(stateFolder, { recursive: true, force: true });
}
