/** What a consumer of the packed package does, without the optional peers: types and a launch on this machine. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { endpointOf, type Iaas, IaasError, Payload } from "iaaskit";
import { Ec2Iaas } from "iaaskit/ec2";
import { LocalIaas } from "iaaskit/local";

const stateFolder = await mkdtemp(join(tmpdir(), "iaaskit-consumer-state-"));
const local = new LocalIaas({ owner: "consumer", images: "./images", stateFolder });
const iaas: Iaas = local;
try {
  const payload = Payload.environment({ SERVICE_NAME: "php", HOST_NAME: "consumer.example.org" });
  const instance = await iaas.launch({ key: "one", image: "php", ports: [{ port: 80 }], payload, until: "reachable" });
  if (iaas.can("floatingIps")) {
    const { address } = await iaas.floatingIps.allocate({ key: "one" });
    await iaas.floatingIps.associate({ instanceId: instance.id, address });
    const port = endpointOf(instance, 80)?.port;
    const page = await (await fetch(`http://${address}:${port}/`)).text();
    if (!page.includes("consumer.example.org")) throw new Error(page);
    await iaas.floatingIps.release({ address });
  }
  await iaas.terminate({ key: "one" });
  const ec2 = new Ec2Iaas({ owner: "consumer", region: "eu-west-1" });
  const error: unknown = await ec2.probe().catch((reason: unknown) => reason);
  if (!IaasError.is(error) || error.code !== "IAAS_MISSING_DEPENDENCY")
    throw new Error(`expected a missing dependency`);
  console.log(`consumer: launched, reached and ended; without the SDK: ${error.message}`);
} finally {
  await local[Symbol.asyncDispose]();
  await rm(stateFolder, { recursive: true, force: true });
}
