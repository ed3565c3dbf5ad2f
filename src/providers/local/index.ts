export { localCapabilities } from "./capabilities.ts";
export { LocalIaas, type LocalOptions } from "./iaas.ts";
