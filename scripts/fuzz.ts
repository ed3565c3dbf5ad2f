/** Sends random values through every form of a payload, and the shells and parsers of guests.
 *
 *     npm run fuzz -- 200000
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const [values = "20000"] = process.argv.slice(2);
if (!/^\d+$/.test(values)) throw new Error(`how many values? ${values} is no number`);
const vitest = fileURLToPath(new URL("../node_modules/vitest/vitest.mjs", import.meta.url));
const words = [vitest, "run", "--project", "live", "test/live/payload/forms.test.ts"];
const { status } = spawnSync(process.execPath, words, { stdio: "inherit", env: { ...process.env, VALUES: values } });
process.exitCode = status ?? 1;
