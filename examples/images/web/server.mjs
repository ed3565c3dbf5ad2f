import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const { HOST_NAME = "", IAASKIT_ADDRESS, IAASKIT_PORTS = "" } = process.env;
const page = readFileSync("www/page.txt", "utf8").replaceAll("HOST_NAME", HOST_NAME);

for (const [, port] of IAASKIT_PORTS.split(" ").map((pair) => pair.split(":"))) {
  createServer((_request, response) => response.end(page)).listen(Number(port), IAASKIT_ADDRESS);
}
