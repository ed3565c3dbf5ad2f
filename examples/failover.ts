/** One cartridge on several Iaases: the first has no room, the next one takes it; the same key finds it there.
 *
 *     npx tsx examples/failover.ts
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import {
  type CallContext,
  CloudController,
  type FoundInstance,
  InsufficientCapacityError,
  type LaunchInput,
} from "iaaskit";
import { LocalIaas } from "iaaskit/local";

/** This machine on a bad day. */
class CrowdedIaas extends LocalIaas {
  protected override async _launch(_input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    throw new InsufficientCapacityError("no room in the crowded cloud", context);
  }
}

const images = fileURLToPath(new URL("./images", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "iaaskit-failover-"));
try {
  await using controller = await CloudController.fromConfig(
    {
      owner: "example",
      iaases: [
        { type: "near", provider: "crowded", images, stateFolder: join(folder, "near") },
        { type: "far", provider: "local", images, stateFolder: join(folder, "far") },
      ],
      cartridges: [
        {
          type: "php",
          ports: [{ port: 80 }],
          environment: { SERVICE_NAME: "php", HOST_NAME: "app.example.org" },
          iaasProviders: [
            { type: "near", image: "php" },
            { type: "far", image: "php" },
          ],
        },
      ],
    },
    { providers: { crowded: CrowdedIaas } },
  );
  const first = await controller.launch("php", { key: "job-1" });
  console.log(`${first.instance.id} is on ${first.on}`);
  const again = await controller.launch("php", { key: "job-1" });
  console.log(again.instance.id === first.instance.id ? "the same key gives the same instance" : "two instances!");
  await controller.terminate("job-1");
} finally {
  await rm(folder, { recursive: true, force: true });
}
