import { z } from "zod";

/** Settings of a launch that only EC2 has: `providerOptions: { ec2: … }`. */
export interface Ec2LaunchOptions {
  /** A spot instance, at most at the on-demand price or at `maxPrice` US dollars an hour. */
  readonly spot?: true | { readonly maxPrice: string } | undefined;
  /** Name or ARN of the instance profile whose role the guest has. */
  readonly iamInstanceProfile?: string | undefined;
  /** Overrides what the subnet says. */
  readonly associatePublicIpAddress?: boolean | undefined;
  /** Default `required`: the metadata service answers IMDSv2 only. */
  readonly metadataTokens?: "required" | "optional" | undefined;
}

const price = z.string().regex(/^\d+(\.\d+)?$/, "must be a number of US dollars, as 0.05");

export const ec2LaunchOptions = z.strictObject({
  spot: z.union([z.literal(true), z.strictObject({ maxPrice: price })]).optional(),
  iamInstanceProfile: z.string().min(1).optional(),
  associatePublicIpAddress: z.boolean().optional(),
  metadataTokens: z.enum(["required", "optional"]).optional(),
}) satisfies z.ZodType<Ec2LaunchOptions>;
