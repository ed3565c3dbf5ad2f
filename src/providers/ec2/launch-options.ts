import { z } from "zod";

/** Settings of a launch that only EC2 has: `providerOptions: { ec2: … }`. */
export const ec2LaunchOptions = z.strictObject({
  /** A spot instance, at most at the on-demand price or at `maxPrice` US dollars an hour. */
  spot: z.union([z.literal(true), z.strictObject({ maxPrice: z.string().regex(/^\d+(\.\d+)?$/) })]).optional(),
  /** Name or ARN of the instance profile whose role the guest has. */
  iamInstanceProfile: z.string().min(1).optional(),
  /** Overrides what the subnet says. */
  associatePublicIpAddress: z.boolean().optional(),
  /** `required`, the default: the metadata service answers IMDSv2 only. */
  metadataTokens: z.enum(["required", "optional"]).optional(),
});

export type Ec2LaunchOptions = z.infer<typeof ec2LaunchOptions>;
