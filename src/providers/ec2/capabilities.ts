import { defineCapabilities } from "../../iaas/capabilities.ts";

const tagging = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html";

export const ec2Capabilities = defineCapabilities({
  floatingIps: true, // Elastic IPs
  securityGroups: { by: ["name", "id"] },
  keyPairs: { import: true, generate: true },
  volumes: { snapshots: true, zonal: true },
  images: { create: true, visibility: true },
  catalog: true,
  stop: true,
  reboot: true,
  consoleOutput: true,
  payload: {
    channel: "user-data",
    maxBytes: {
      value: 16 * 1024,
      source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html",
    },
    measuredOn: "raw",
    gzip: true,
    confidential: false, // DescribeInstanceAttribute and every process in the guest can read it
  },
  publicAddress: "automatic",
  sizeRequired: true,
  placement: { region: true, zone: true, host: true },
  networks: {
    // The least that every instance type takes.
    maxCount: { value: 2, source: "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AvailableIpPerENI.html" },
    fixedIp: true,
  },
  names: { pattern: "^[^\\p{Cc}]+$", maxLength: { value: 255, source: tagging } }, // the tag `Name`
  tags: {
    maxCount: { value: 49, source: tagging }, // 50, one of which is `Name`
    maxKeyLength: { value: 128, source: tagging },
    maxValueLength: { value: 256, source: tagging },
  },
  idempotency: "token",
  visibilityLagMs: 60_000,
  pollIntervalMs: 2_000,
  billingStepSeconds: 1,
});
