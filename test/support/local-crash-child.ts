/** Launches on the local Iaas and kills itself before the n-th operation on files or processes. Run as a process. */
import childProcess from "node:child_process";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

const { STATE = "", IMAGES = "", KEY = "", KILL_AT = "0" } = process.env;

let operations = 0;
function counted<T extends object>(module: T, names: readonly (keyof T)[]): void {
  for (const name of names) {
    const original = module[name] as (...words: unknown[]) => unknown;
    const wrapped = (...words: unknown[]): unknown => {
      operations += 1;
      if (operations === Number(KILL_AT)) process.kill(process.pid, "SIGKILL");
      return original(...words);
    };
    Object.assign(module, { [name]: wrapped });
  }
}
counted(fs, ["link", "mkdir", "readdir", "rename", "rm", "writeFile", "open", "cp", "chmod", "symlink"]);
counted(childProcess, ["spawn"]);
syncBuiltinESMExports();

const { Payload } = await import("iaaskit");
const { LocalIaas } = await import("iaaskit/local");
const iaas = new LocalIaas({ owner: "crash", images: IMAGES, stateFolder: STATE });
await iaas.launch({
  key: KEY,
  image: "php",
  ports: [{ port: 80 }],
  payload: Payload.environment({ HOST_NAME: "crash.abc.com" }).and(Payload.file("/etc/app.conf", "x=1\n")),
  volumes: [{ sizeGiB: 1 }],
  floatingIp: true,
  until: "reachable",
});
console.log(operations);
