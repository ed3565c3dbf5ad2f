/** Write the capability matrix into the README.
 *
 *     npm run readme
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { withMatrix } from "./matrix.ts";

const readme = fileURLToPath(new URL("../README.md", import.meta.url));
writeFileSync(readme, await withMatrix(readFileSync(readme, "utf8")));
