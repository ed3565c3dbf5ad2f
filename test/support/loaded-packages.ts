/**
 * Prints the packages of node_modules, and the parts of Node that serve HTTP, which importing a module loads. Run as a
 * process, with the module's name.
 */
import { register } from "node:module";
import { MessageChannel } from "node:worker_threads";

const loaded = new Set<string>();
const { port1, port2 } = new MessageChannel();
port1.on("message", (url: string) => {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(url) ?? [];
  if (name !== undefined) loaded.add(name);
  if (/^node:https?$/.test(url)) loaded.add(url);
});
const hook = `
  let port;
  export function initialize(data) { port = data.port; }
  export async function load(url, context, next) { port.postMessage(url); return await next(url, context); }
`;
register(`data:text/javascript,${encodeURIComponent(hook)}`, import.meta.url, {
  data: { port: port2 },
  transferList: [port2],
});

await import(process.argv[2] ?? "iaaskit");
await new Promise((resolve) => setTimeout(resolve, 200));
port1.close();
console.log(JSON.stringify([...loaded].toSorted()));
