import { type CapabilityPath, facetNames } from "../../iaas/capabilities.ts";
import type { Iaas } from "../../iaas/iaas.ts";
import type { Images } from "../../iaas/images.ts";
import type { KeyPairs } from "../../iaas/key-pairs.ts";
import type { LaunchOptions } from "../../iaas/launch-options.ts";
import type { Volumes } from "../../iaas/volumes.ts";
import type { Behaviour } from "../behaviour.ts";
import { refusal, refusedField } from "../expectations.ts";
import { off, where } from "../needs.ts";

/** A launch that asks for what the flag says cannot be had. */
function launchWithout(id: string, flag: CapabilityPath, more: Partial<LaunchOptions>): Behaviour {
  return {
    id,
    name: `a launch that needs ${flag} is refused before any request`,
    needs: off(flag),
    run: async ({ iaas, launchOptions }) => {
      const launch = async (): Promise<unknown> => await iaas.launch(launchOptions(more));
      await refusal(iaas, launch, "IAAS_UNSUPPORTED_CAPABILITY");
    },
  };
}

/** A level of placement that cannot be chosen. */
function levelOff(level: "region" | "zone" | "host"): Behaviour {
  return {
    id: `placement.${level}-off`,
    name: `a ${level} is refused before any request where none can be chosen`,
    needs: where(`placement.${level} off`, ({ placement }) => !placement[level]),
    run: async ({ iaas, launchOptions }) => {
      const partition = { [level]: "anywhere" };
      const field = `partition.${level}`;
      await refusedField(iaas, async () => await iaas.validatePartition(partition), field);
      await refusedField(iaas, async () => await iaas.launch(launchOptions({ partition })), field);
    },
  };
}

/** A call of a facet that the Iaas has, for a part that is off. */
function partOff(id: string, flag: CapabilityPath, call: (iaas: Iaas) => Promise<unknown>): Behaviour {
  return {
    id,
    name: `a call that needs ${flag} is refused before any request`,
    needs: off(flag),
    run: async ({ iaas }) => {
      await refusal(iaas, async () => await call(iaas), "IAAS_UNSUPPORTED_CAPABILITY");
    },
  };
}

const keyPairsOf = (iaas: Iaas): KeyPairs => Reflect.get(iaas, "keyPairs") as KeyPairs;
const volumesOf = (iaas: Iaas): Volumes => Reflect.get(iaas, "volumes") as Volumes;
const imagesOf = (iaas: Iaas): Images => Reflect.get(iaas, "images") as Images;

/** What happens where a flag is off: a typed error, and no request. */
export const switchedOff: readonly Behaviour[] = [
  {
    id: "facets.off",
    name: "a facet whose flag is off refuses, before any request",
    run: async ({ iaas }) => {
      for (const name of facetNames.filter((facet) => !iaas.can(facet))) {
        const use = async (): Promise<unknown> =>
          await Promise.resolve().then(() => Reflect.get(iaas, name) as unknown);
        await refusal(iaas, use, "IAAS_UNSUPPORTED_CAPABILITY");
      }
    },
  },
  {
    id: "calls.off",
    name: "a call whose flag is off refuses, before any request",
    run: async ({ iaas, key }) => {
      const calls = { stop: "stop", start: "stop", reboot: "reboot", consoleOutput: "consoleOutput" } as const;
      for (const [call, flag] of Object.entries(calls)) {
        if (iaas.can(flag)) continue;
        const method = Reflect.get(iaas, call) as (id: string) => Promise<unknown>;
        await refusal(iaas, async () => await method.call(iaas, key()), "IAAS_UNSUPPORTED_CAPABILITY");
      }
    },
  },
  launchWithout("launch.floating-ip-off", "floatingIps", { floatingIp: true }),
  launchWithout("launch.security-group-off", "securityGroups", { securityGroups: ["web"] }),
  launchWithout("launch.key-pair-off", "keyPairs", { keyPair: "mine" }),
  launchWithout("launch.volume-off", "volumes", { volumes: [{ sizeGiB: 1 }] }),
  launchWithout("launch.requirement-off", "catalog", { size: { minCpus: 1, minMemoryMiB: 512 } }),
  {
    id: "launch.network-off",
    name: "a launch in a network is refused before any request where none can be chosen",
    needs: where("networks off", ({ networks }) => networks === false),
    run: async ({ iaas, launchOptions }) => {
      const options = launchOptions({ networks: [{ id: "net-1" }] });
      await refusedField(iaas, async () => await iaas.launch(options), "networks");
    },
  },
  levelOff("region"),
  levelOff("zone"),
  levelOff("host"),
  partOff(
    "key-pairs.import-off",
    "keyPairs.import",
    async (iaas) => await keyPairsOf(iaas).import({ name: "mine", publicKey: "ssh-ed25519 AAAA" }),
  ),
  partOff(
    "key-pairs.generate-off",
    "keyPairs.generate",
    async (iaas) => await keyPairsOf(iaas).generate({ name: "mine" }),
  ),
  partOff(
    "volumes.snapshots-off",
    "volumes.snapshots",
    async (iaas) => await volumesOf(iaas).snapshot({ volumeId: "vol-1", key: "kept" }),
  ),
  partOff(
    "images.create-off",
    "images.create",
    async (iaas) => await imagesOf(iaas).create({ instanceId: "i-1", name: "mine" }),
  ),
  partOff(
    "images.visibility-off",
    "images.visibility",
    async (iaas) => await imagesOf(iaas).setVisibility({ id: "img-1", visibility: "public" }),
  ),
];
