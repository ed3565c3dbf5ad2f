export { dockerCapabilities } from "./capabilities.ts";
export type { DockerConnectionOptions, DockerTls } from "./connection.ts";
export { DockerIaas, type DockerOptions } from "./iaas.ts";
export type { PullProgress } from "./images.ts";
export type { DockerLaunchOptions, DockerMount } from "./launch-options.ts";
