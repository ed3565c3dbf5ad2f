/** Pack the package, install it as a consumer would, type-check and run a program that uses it.
 *
 *     npm run package:check
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "iaaskit-consumer-"));
const run = (command: string, ...words: string[]): string =>
  execFileSync(command, words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
/** About 40 KiB a provider, with seven to come, and 110 KiB for the suite and the simulated cloud. */
const largestBytes = 400 * 1024;

try {
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], {
    cwd: here("."),
    encoding: "utf8",
  });
  const archive = join(folder, packed.trim().split("\n").at(-1) ?? "");
  const { size } = statSync(archive);
  if (size > largestBytes) throw new Error(`the package has ${size} bytes, ${largestBytes} are allowed`);
  const { devDependencies } = JSON.parse(readFileSync(here("package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  const version = (name: string): string => `${name}@${devDependencies[name]}`;
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  run(
    "npm",
    "install",
    "--silent",
    "--prefer-offline",
    "--ignore-scripts",
    archive,
    version("typescript"),
    version("@types/node"),
  );
  copyFileSync(here("test/consumer/consumer.ts"), join(folder, "consumer.ts"));
  cpSync(here("examples/images"), join(folder, "images"), { recursive: true });
  const strict = [
    "--strict",
    "--exactOptionalPropertyTypes",
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--types",
    "node",
  ];
  run("npx", "tsc", ...strict, "consumer.ts");
  console.log(run(process.execPath, "consumer.js").trim());
  console.log(`packed: ${Math.round(size / 1024)} KiB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
