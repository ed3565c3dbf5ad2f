import type { CartridgeLayer } from "./model.ts";

/** What a property of Stratos means here. */
type Meaning = (value: string) => CartridgeLayer;

/** The properties that Stratos' providers read, and what they are in this model. */
const meanings = new Map<string, Meaning>([
  ["instanceType", (size) => ({ size })],
  ["keyPair", (keyPair) => ({ keyPair })],
  ["securityGroups", (value) => ({ securityGroups: listOf(value) })],
  ["securityGroupIds", (value) => ({ securityGroups: listOf(value) })],
  ["availabilityZone", (zone) => ({ partition: { zone } })],
  ["zone", (zone) => ({ partition: { zone } })],
  ["region", (region) => ({ partition: { region } })],
  ["host", (host) => ({ partition: { host } })],
  ["subnetId", (id) => ({ networks: [{ id }] })],
  ["networkIds", (value) => ({ networks: listOf(value).map((id) => ({ id })) })],
  ["floatingIp", (floatingIp) => ({ floatingIp })],
  ["autoAssignIp", (value) => (isTrue(value) ? { until: "running" } : {})],
  ["blockUntilRunning", (value) => (isTrue(value) ? { until: "running" } : {})],
  ["tags", (value) => ({ tags: Object.fromEntries(listOf(value).map((tag) => [tag, ""])) })],
  [
    "associatePublicIpAddress",
    (value) => (isTrue(value) ? { providerOptions: { ec2: { associatePublicIpAddress: true } } } : {}),
  ],
]);

/** Read by one of Stratos' providers, and kept as they are: no provider here needs them. */
const kept = new Set([
  "defaultFloatingIpPool",
  "openstack.networking.provider",
  "shellType",
  "loginUser",
  "loginPassword",
  "diskOffering",
  "username",
  "domainId",
  "networkURI",
  "api.endpoint",
  "projectName",
  "KUBERNETES_CONTAINER_CPU",
  "KUBERNETES_CONTAINER_MEMORY",
  "KUBERNETES_SERVICE_SESSION_AFFINITY",
  "IMAGE_PULL_SECRETS",
  "IMAGE_PULL_POLICY",
]);

/** Names the file whose pairs are the payload. */
export const payloadProperty = "payload";

const parameter = "payload_parameter.";
const tag = "tag:";

/** What a property means; `null` for one that Stratos did not read either. */
export function meaningOf(name: string, value: string): CartridgeLayer | null {
  if (name.startsWith(parameter)) return { environment: { [name.slice(parameter.length)]: value } };
  if (name.startsWith(tag)) return { tags: { [name.slice(tag.length)]: value } };
  const meaning = meanings.get(name);
  if (meaning !== undefined) return meaning(value);
  return kept.has(name) || name.startsWith("jclouds.") ? { properties: { [name]: value } } : null;
}

/** Whether a property without a text says nothing; a parameter or tag may well be empty. */
export function needsText(name: string): boolean {
  return !name.startsWith(parameter) && !name.startsWith(tag);
}

/** As Java reads it. */
function isTrue(value: string): boolean {
  return value.toLowerCase() === "true";
}

function listOf(value: string): string[] {
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
