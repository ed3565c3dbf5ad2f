export { openStackCapabilities } from "./capabilities.ts";
export { readCloud, type ReadCloudOptions } from "./clouds-yaml.ts";
export type {
  OpenStackApplicationCredential,
  OpenStackAuth,
  OpenStackConnection,
  OpenStackPassword,
  OpenStackToken,
  ServiceName,
} from "./connection.ts";
export { type OpenStackCloudOptions, OpenStackIaas, type OpenStackOptions } from "./iaas.ts";
export type { OpenStackLaunchOptions } from "./launch-options.ts";
