// Forwards TCP from a floating IP to an instance. Runs as a process of its own, so that it outlives its maker.
// Arguments: the address to listen on, the address to forward to, the ports.
import { connect, createServer } from "node:net";

const [address = "", target = "", ...ports] = process.argv.slice(2);

/**
 * @param {number} port
 * @returns {Promise<void>}
 */
async function forward(port) {
  const server = createServer({ allowHalfOpen: true }, (inbound) => {
    const outbound = connect({ host: target, port, allowHalfOpen: true });
    inbound.on("error", () => outbound.destroy());
    outbound.on("error", () => inbound.destroy());
    inbound.pipe(outbound).pipe(inbound);
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port }, () => resolve(undefined));
  });
}

try {
  await Promise.all(ports.map((port) => forward(Number(port))));
  process.send?.({ listening: true });
} catch (error) {
  process.send?.({ listening: false, reason: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
process.disconnect();
