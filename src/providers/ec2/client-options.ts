import type { Secret } from "../../iaas/secret.ts";

/** The keys of an AWS account or role. */
export interface Ec2Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string | Secret;
  readonly sessionToken?: string | Secret | undefined;
  /** When they end: a function that gives them is asked again 5 minutes before. Left out: never. */
  readonly expiration?: Date | undefined;
}

export interface Ec2ClientOptions {
  readonly region: string;
  readonly endpoint?: string | undefined;
  readonly credentials?: Ec2Credentials | (() => Promise<Ec2Credentials>) | undefined;
}
