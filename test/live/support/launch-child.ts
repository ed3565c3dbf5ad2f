/** Launches on EC2, or by a controller on the first of several, and prints the instance. Run as a process. */
import { CloudController, type ControllerConfig, type LaunchOptions } from "iaaskit";
import { Ec2Iaas, type Ec2Options } from "iaaskit/ec2";

/** What the environment variable `TASK` holds, as JSON. */
export type Task =
  | { readonly iaas: Ec2Options; readonly launch: LaunchOptions }
  | { readonly config: ControllerConfig; readonly cartridge: string; readonly key: string };

async function perform(task: Task): Promise<unknown> {
  if ("iaas" in task) return await new Ec2Iaas(task.iaas).launch(task.launch);
  const controller = await CloudController.fromConfig(task.config);
  return await controller.launch(task.cartridge, { key: task.key });
}

const result = await perform(JSON.parse(process.env["TASK"] ?? "{}") as Task);
process.stdout.write(JSON.stringify(result));
