import { z } from "zod";

/** Settings of a launch that only Docker has: `providerOptions: { docker: … }`. */
export interface DockerLaunchOptions {
  /** Program and arguments, instead of the image's own command; its entry point stays. */
  readonly command?: readonly string[] | undefined;
  /** Named volumes, mounted from the start: made where they are missing, and left when the instance ends. */
  readonly volumes?: readonly DockerMount[] | undefined;
}

export interface DockerMount {
  readonly name: string;
  /** Where the instance sees it: absolute. */
  readonly path: string;
  /** Default false. */
  readonly readOnly?: boolean | undefined;
}

const mount = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "must be letters, digits and _.-: no path of the host"),
  path: z.string().regex(/^\/.+/, "must be absolute"),
  readOnly: z.boolean().optional(),
});

export const dockerLaunchOptions = z.strictObject({
  command: z.array(z.string()).min(1).optional(),
  volumes: z.array(mount).optional(),
}) satisfies z.ZodType<DockerLaunchOptions>;
