/** Write the report of the public API, an entry point a file, into etc/; without --local, fail where it has changed.
 *
 *     npm run api
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Extractor, ExtractorConfig, ExtractorLogLevel, type IConfigFile } from "@microsoft/api-extractor";

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const localBuild = process.argv.includes("--local");
const { exports } = JSON.parse(readFileSync(path("package.json"), "utf8")) as {
  exports: Record<string, { types?: string }>;
};

let succeeded = true;
for (const [entry, { types }] of Object.entries(exports)) {
  if (types === undefined) continue;
  const configObjectFullPath = path("api-extractor.json");
  const shared = ExtractorConfig.loadFile(configObjectFullPath);
  const reportFileName = `iaaskit${entry.slice(1).replace("/", "-")}.api.md`;
  // What a subpath takes from the root stands in the root's report.
  const messages = entry === "." ? shared.messages : quiet(shared);
  const config = ExtractorConfig.prepare({
    configObject: {
      ...shared,
      ...(messages === undefined ? {} : { messages }),
      mainEntryPointFilePath: path(types),
      apiReport: { enabled: true, ...shared.apiReport, reportFileName },
    },
    configObjectFullPath,
    packageJsonFullPath: path("package.json"),
  });
  const result = Extractor.invoke(config, { localBuild, showVerboseMessages: false });
  console.log(`etc/${reportFileName}: ${result.apiReportChanged ? "changed" : "unchanged"}`);
  succeeded &&= result.succeeded;
}

function quiet({ messages }: IConfigFile): NonNullable<IConfigFile["messages"]> {
  const forgotten = { "ae-forgotten-export": { logLevel: ExtractorLogLevel.None } };
  return { ...messages, extractorMessageReporting: { ...messages?.extractorMessageReporting, ...forgotten } };
}

if (!succeeded) {
  console.error("The public API differs from its report, or has errors: npm run api, then review the change in etc/.");
  process.exitCode = 1;
}
