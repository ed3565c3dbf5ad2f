import type { LaunchInput } from "../../iaas/launcher.ts";
import type { OpenStackLaunchOptions } from "./launch-options.ts";
import { searchTagsOf } from "./tags.ts";

/** The newest of Nova's versions whose fields this library sends. */
export const createdBy = 90;

/**
 * The body of the request that launches one instance, in the words of Nova's version 2.`version`.
 *
 * @param flavor Id of the size.
 * @see https://docs.openstack.org/nova/latest/reference/api-microversion-history.html
 */
export function createServerBody(input: LaunchInput, flavor: string, version: number): object {
  const { image, name, tags, ownership, keyPair, plan, securityGroups } = input;
  const options: OpenStackLaunchOptions = input.providerOptions;
  const { configDrive, serverGroup, hostname, bootVolume } = options;
  const server = {
    name,
    flavorRef: flavor,
    metadata: tags,
    ...(bootVolume === undefined ? { imageRef: image } : { block_device_mapping_v2: [volumeOf(image, bootVolume)] }),
    ...(version >= 52 ? { tags: searchTagsOf(ownership.owner, ownership.key) } : {}),
    ...(keyPair === null ? {} : { key_name: keyPair }),
    ...(plan === null ? {} : { user_data: Buffer.from(plan.body).toString("base64") }),
    ...(securityGroups.length === 0 ? {} : { security_groups: securityGroups.map((group) => ({ name: group })) }),
    ...(configDrive === undefined ? {} : { config_drive: configDrive }),
    ...(version >= 90 && hostname !== undefined ? { hostname } : {}),
    ...networksOf(input, options, version),
    ...placeOf(input, version),
  };
  const hints = serverGroup === undefined ? {} : { "os:scheduler_hints": { group: serverGroup } };
  return { server, ...hints };
}

/** From 2.37 on Nova wants to be told; before, it took the project's only network by itself. */
function networksOf({ networks }: LaunchInput, options: OpenStackLaunchOptions, version: number): object {
  const { ports = [], networkless = false } = options;
  const wanted = [
    ...networks.map(({ id, fixedIp }) => ({ uuid: id, ...(fixedIp === undefined ? {} : { fixed_ip: fixedIp }) })),
    ...ports.map((port) => ({ port })),
  ];
  if (wanted.length > 0) return { networks: wanted };
  if (version < 37) return networkless ? { networks: [] } : {};
  return { networks: networkless ? "none" : "auto" };
}

/** A host is part of the zone's name before 2.74, and a field of its own afterwards. */
function placeOf({ zone, host }: LaunchInput, version: number): object {
  const inZone = zone === null ? {} : { availability_zone: zone };
  if (host === null) return inZone;
  return version >= 74 ? { ...inZone, host } : { availability_zone: `${zone ?? ""}:${host}` };
}

function volumeOf(
  image: string,
  { sizeGiB, deleteOnTermination = true }: NonNullable<OpenStackLaunchOptions["bootVolume"]>,
): object {
  return {
    boot_index: 0,
    uuid: image,
    source_type: "image",
    destination_type: "volume",
    volume_size: sizeGiB,
    delete_on_termination: deleteOnTermination,
  };
}
