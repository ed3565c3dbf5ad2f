import type { Answered, Command } from "./apart.ts";
import { simulate, type SimulationOptions } from "./simulate.ts";

/** A simulated cloud as a process: its options are its argument, its commands come from its parent. */
const options = JSON.parse(process.argv[2] ?? "{}") as SimulationOptions;
const cloud = await simulate({ ...options, timing: { latencyMs: [0, 0], ...options.timing } });
const { endpoint, region, credentials } = cloud.connection;

async function perform({ advanceMs, inject, read }: Command): Promise<unknown> {
  if (inject !== undefined) cloud.inject(inject);
  if (advanceMs !== undefined) await cloud.clock.advance(advanceMs);
  if (read === "tracker") return await cloud.tracker();
  return read === "requests" ? cloud.requests : null;
}

function send(message: Answered): void {
  process.send?.(message);
}

process.on("message", (command: Command) => {
  perform(command).then(
    (result) => send({ result }),
    (error: unknown) => send({ error: String(error) }),
  );
});
// Without its parent nobody would end it.
process.on("disconnect", () => process.exit());
send({ result: { connection: { endpoint, region, credentials }, launch: cloud.launch } });
