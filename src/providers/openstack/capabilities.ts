import { defineCapabilities } from "../../iaas/capabilities.ts";

const compute = "https://docs.openstack.org/api-ref/compute/#create-server";
const quotas = "https://docs.openstack.org/nova/latest/admin/configuration/config-options.html";

/** What every cloud with Nova behind it has in common. */
const novaLimits = {
  images: { create: true, visibility: true },
  catalog: true,
  stop: true,
  reboot: true,
  consoleOutput: true,
  sizeRequired: true,
  names: { pattern: "^(?!\\s)[^\\p{Cc}]*[^\\p{Cc}\\s]$", maxLength: { value: 255, source: compute } },
  tags: {
    maxCount: { value: 128, source: quotas }, // `metadata_items`; an installation may have another
    maxKeyLength: { value: 255, source: compute },
    maxValueLength: { value: 255, source: compute },
  },
  idempotency: "tag",
  visibilityLagMs: 5_000,
  pollIntervalMs: 1_000,
  billingStepSeconds: null,
} as const;

export const openStackCapabilities = defineCapabilities({
  ...novaLimits,
  floatingIps: "probe", // Neutron's extension `router`
  securityGroups: "probe", // Neutron's extension `security-group`
  keyPairs: { import: true, generate: true },
  volumes: "probe", // Cinder is optional
  payload: {
    channel: "user-data",
    maxBytes: { value: 65_535, source: compute },
    measuredOn: "base64",
    gzip: true,
    confidential: false, // every process in the guest can read it
  },
  publicAddress: "floating",
  placement: { region: true, zone: true, host: true },
  networks: { maxCount: { value: 8, source: "ours" }, fixedIp: true },
});
