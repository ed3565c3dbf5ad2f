import { createServer } from "node:http";

const { IAASKIT_ADDRESS, IAASKIT_PORTS = "", SERVICE_NAME, HOST_NAME, CLUSTER_ID, PLACE } = process.env;
const page = `${SERVICE_NAME} serves ${HOST_NAME} (cluster ${CLUSTER_ID}) on ${PLACE}\n`;

// "80:8080 443:8443": the ports as the cartridge names them, and as they are on this machine.
for (const [, port] of IAASKIT_PORTS.split(" ").map((pair) => pair.split(":"))) {
  createServer((_request, response) => response.end(page)).listen(Number(port), IAASKIT_ADDRESS);
}
console.log(`serving ${HOST_NAME}`);
