/** How long a cold process takes to import the package, in ratio to zod alone and to the EC2 SDK.
 *
 *     npm run bench:import
 *
 * Each figure is the median of whole processes, run in turn, less the median of a process that imports nothing.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const rounds = 15;
const cwd = fileURLToPath(new URL("..", import.meta.url));
const imports = {
  nothing: "",
  iaaskit: 'await import("./dist/index.js")',
  zod: 'await import("zod")',
  "@aws-sdk/client-ec2": 'await import("@aws-sdk/client-ec2")',
};

type Name = keyof typeof imports;
const names = Object.keys(imports) as Name[];
const times: Record<Name, number[]> = { nothing: [], iaaskit: [], zod: [], "@aws-sdk/client-ec2": [] };
for (let round = -1; round < rounds; round += 1) {
  for (const name of names) {
    const start = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", imports[name]], { cwd });
    if (status !== 0) throw new Error(`${name}: ${stderr.toString()}`);
    if (round >= 0) times[name].push(Number(process.hrtime.bigint() - start) / 1e6); // the first round warms the disk's cache
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** What the import itself costs: less what a process costs that imports nothing. */
const net = (name: Name): number => median(times[name]) - median(times.nothing);
for (const name of names.slice(1)) console.log(`${name}: ${net(name).toFixed(1)} ms`);
console.log(`iaaskit / zod: ${(net("iaaskit") / net("zod")).toFixed(2)} (goal: at most 1.5)`);
console.log(`iaaskit / @aws-sdk/client-ec2: ${(net("iaaskit") / net("@aws-sdk/client-ec2")).toFixed(2)}`);
