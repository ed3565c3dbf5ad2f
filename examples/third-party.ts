/** Use a provider that somebody else has written, directly and through a controller.
 *
 *     npx tsx examples/third-party.ts
 */
import { CloudController } from "iaaskit";

import { ShedIaas } from "./providers/shed.ts";
import { startShed } from "./providers/shed-server.ts";

const token = "shed-token";
await using shed = await startShed(token);

await using iaas = new ShedIaas({ owner: "example", url: shed.url, token });
console.log(`connected to account ${(await iaas.probe()).account}`);
const instance = await iaas.launch({ key: "direct", image: "debian-12", until: "running" });
console.log(`${instance.id} is ${instance.state} at ${instance.addresses.public.join(", ")}`);
await iaas.terminate({ key: "direct" });

await using controller = await CloudController.fromConfig(
  {
    owner: "example",
    iaases: [{ type: "shed", url: shed.url, token: "${env:SHED_TOKEN}" }],
    cartridges: [{ type: "web", iaasProviders: [{ type: "shed", image: "debian-12" }] }],
  },
  { providers: { shed: ShedIaas }, environment: { SHED_TOKEN: token } },
);
const placed = await controller.launch("web", { key: "by-controller" });
console.log(`${placed.instance.id} is on ${placed.on}`);
await controller.terminate("by-controller");
console.log(`left at the cloud: ${shed.left().length}`);
