/** Launch the quickstart's cartridge on an OpenStack cloud with a public address, and end it.
 *
 *     OS_CLOUD=prod npx tsx examples/openstack.ts debian-12
 *
 * `OS_CLOUD` names a cloud in clouds.yaml; the argument is the name of an image of the project or the operators.
 */
import { fileURLToPath } from "node:url";

import { CloudController } from "iaaskit";
import { readCloud } from "iaaskit/openstack";

const [imageName = ""] = process.argv.slice(2);
const connection = await readCloud();
await using controller = await CloudController.fromConfig({
  owner: "examples/openstack",
  iaases: [{ type: "openstack", ...connection }],
  cartridges: [fileURLToPath(new URL("./cartridges/php.xml", import.meta.url))],
});
const iaas = controller.iaases.get("openstack")!;
const { account } = await iaas.probe();
if (!iaas.can("images") || !iaas.can("keyPairs.generate")) throw new Error("neither images nor key pairs");
console.log(`project ${account}; floating IPs: ${iaas.can("floatingIps")}`);

const { id: image } = await iaas.images.find({ name: imageName });
const key = "example-1"; // launching again with it gives the same instance
const keyPair = "example-key";
try {
  const { privateKey } = await iaas.keyPairs.generate({ name: keyPair });
  console.log(`a private key of ${privateKey.reveal().length} characters, to be kept by you: nobody else has it`);
  // The cartridge names an image and a region of another cloud.
  const partition = connection.region === undefined ? {} : { region: connection.region };
  const address = iaas.can("floatingIps") ? ({ floatingIp: true } as const) : {};
  const overrides = { image, keyPair, partition, ...address };
  const { instance } = await controller.launch("php", { key, on: "openstack", overrides });
  console.log(`${instance.id} is ${instance.state} at ${instance.addresses.public.join(", ")}`);
} finally {
  await controller.terminate(key);
  await iaas.keyPairs.delete({ name: keyPair });
}
console.log("ended, and its address and security group with it");
