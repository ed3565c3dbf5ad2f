import { defineCapabilities } from "../../iaas/capabilities.ts";

/** Floating IPs need loopback addresses beside 127.0.0.1, which only Linux answers without being told. */
const isLinux: boolean = process.platform === "linux";

const ours = "ours";

export const localCapabilities = defineCapabilities({
  floatingIps: isLinux,
  volumes: { snapshots: true, zonal: false },
  images: { create: true, visibility: false },
  catalog: true,
  stop: true,
  reboot: true,
  consoleOutput: true,
  payload: {
    channel: "direct",
    // A process takes 2 MiB of arguments and environment on a usual Linux; files could be larger.
    maxBytes: { value: 1024 * 1024, source: "https://man7.org/linux/man-pages/man2/execve.2.html" },
    measuredOn: "raw",
    gzip: false,
    confidential: true,
  },
  publicAddress: isLinux ? "floating" : "none",
  placement: { region: false, zone: false, host: false },
  names: { pattern: "^[A-Za-z0-9][A-Za-z0-9_.-]*$", maxLength: { value: 100, source: ours } },
  tags: {
    maxCount: { value: 100, source: ours },
    maxKeyLength: { value: 256, source: ours },
    maxValueLength: { value: 1024, source: ours },
  },
  idempotency: "name",
  visibilityLagMs: 0,
  pollIntervalMs: 50,
  billingStepSeconds: null,
});
