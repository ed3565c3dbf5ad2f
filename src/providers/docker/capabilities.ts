import { defineCapabilities } from "../../iaas/capabilities.ts";

const ours = "ours";

export const dockerCapabilities = defineCapabilities({
  // No floating IPs: what is published is fixed when a container is made, and nothing else moves an address.
  // No security groups: an engine has none; the ports of a launch are what is published.
  // No volumes as a facet: a running container takes none. `providerOptions.docker.volumes` mounts them at launch.
  images: { create: true, visibility: false },
  catalog: true,
  stop: true,
  reboot: true,
  consoleOutput: true,
  payload: {
    channel: "direct",
    // The kernel's limit for one string of the environment: what fits as a whole fits in each part.
    maxBytes: { value: 128 * 1024, source: "https://man7.org/linux/man-pages/man2/execve.2.html" },
    measuredOn: "raw",
    gzip: false,
    confidential: true, // secrets are files: no inspection, list, event or log shows them
  },
  publicAddress: "automatic", // the engine's host, for the ports that are published
  placement: { region: false, zone: false, host: false },
  networks: {
    // More than one at creation came with version 1.44 of the API.
    maxCount: { value: 1, source: "https://docs.docker.com/reference/api/engine/version-history/" },
    fixedIp: true,
  },
  // The name is the guest's host name, which Linux limits to 64 characters.
  names: {
    pattern: "^[A-Za-z0-9][A-Za-z0-9.-]*$",
    maxLength: { value: 63, source: "https://man7.org/linux/man-pages/man7/hostname.7.html" },
  },
  tags: {
    maxCount: { value: 100, source: ours },
    maxKeyLength: { value: 256, source: ours },
    maxValueLength: { value: 1024, source: ours },
  },
  idempotency: "name",
  visibilityLagMs: 0,
  pollIntervalMs: 200,
  billingStepSeconds: null,
});
