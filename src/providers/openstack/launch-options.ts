import { z } from "zod";

/** Settings of a launch that only OpenStack has: `providerOptions: { openstack: … }`. */
export interface OpenStackLaunchOptions {
  /** Ids of ports that exist: the instance has them besides its networks, and they stay when it ends. */
  readonly ports?: readonly string[] | undefined;
  /** No network at all. Default: those of the launch; left out there too, the project's only one. */
  readonly networkless?: boolean | undefined;
  /** Give the guest its user data on a drive of its own also. Default: as the cloud does. */
  readonly configDrive?: boolean | undefined;
  /** Id of a server group, whose policy keeps instances together or apart. */
  readonly serverGroup?: string | undefined;
  /** Start from a new volume with the image's content, instead of the host's disk. */
  readonly bootVolume?: { readonly sizeGiB: number; readonly deleteOnTermination?: boolean | undefined } | undefined;
  /** What the guest calls itself. Default: made of the name. Needs version 2.90. */
  readonly hostname?: string | undefined;
}

export const openStackLaunchOptions = z.strictObject({
  ports: z.array(z.string().min(1)).optional(),
  networkless: z.boolean().optional(),
  configDrive: z.boolean().optional(),
  serverGroup: z.string().min(1).optional(),
  bootVolume: z
    .strictObject({ sizeGiB: z.number().int().min(1), deleteOnTermination: z.boolean().optional() })
    .optional(),
  hostname: z.string().min(1).optional(),
}) satisfies z.ZodType<OpenStackLaunchOptions>;
