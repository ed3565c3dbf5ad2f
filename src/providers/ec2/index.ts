export { ec2Capabilities } from "./capabilities.ts";
export type { Ec2ClientOptions, Ec2Credentials } from "./client-options.ts";
export { Ec2Iaas, type Ec2Options } from "./iaas.ts";
export type { Ec2LaunchOptions } from "./launch-options.ts";
