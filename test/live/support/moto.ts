import { readFileSync } from "node:fs";

import { EC2 } from "@aws-sdk/client-ec2";
import { Ec2Iaas } from "iaaskit/ec2";

interface Bed {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly imageId: string;
  readonly instanceType: string;
}

/** What the test bed has written about itself. */
export const bed: Bed = readBed();
export const credentials = { accessKeyId: bed.accessKeyId, secretAccessKey: bed.secretAccessKey };
/** A launch that the bed can do. */
export const launchable = { image: bed.imageId, size: bed.instanceType };

function readBed(): Bed {
  const path = process.env["TESTBED_EC2_ENV"];
  if (path === undefined || path === "") {
    throw new Error(
      "TESTBED_EC2_ENV is not set. Start the EC2 test bed (testbeds/ec2/up.sh, which starts moto on 127.0.0.1 and " +
        "prints the path of its env.json), and run TESTBED_EC2_ENV=<that path> npx vitest run --project live",
    );
  }
  const described = JSON.parse(readFileSync(path, "utf8")) as Bed;
  const { hostname } = new URL(described.endpoint);
  if (!hostname.startsWith("127.")) throw new Error(`${described.endpoint} is not on this machine`);
  return described;
}

export function iaasOf(owner: string, more: { readonly region?: string; readonly endpoint?: string } = {}): Ec2Iaas {
  return new Ec2Iaas({ owner, region: bed.region, endpoint: bed.endpoint, credentials, ...more });
}

/** moto itself, without anything of ours between. */
export function motoIn(region = bed.region): EC2 {
  return new EC2({ region, endpoint: bed.endpoint, credentials, maxAttempts: 1 });
}

/** Ids of the instances that are not terminated, of one key where it is given. */
export async function instanceIds(moto: EC2, key?: string): Promise<string[]> {
  const states = {
    Name: "instance-state-name",
    Values: ["pending", "running", "stopping", "stopped", "shutting-down"],
  };
  const Filters = key === undefined ? [states] : [states, { Name: "tag:iaaskit:key", Values: [key] }];
  const ids: string[] = [];
  for (let NextToken: string | undefined, page = 0; page === 0 || NextToken !== undefined; page += 1) {
    const found = await moto.describeInstances({ Filters, ...(NextToken === undefined ? {} : { NextToken }) });
    const instances = (found.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
    ids.push(...instances.map(({ InstanceId = "" }) => InstanceId));
    NextToken = found.NextToken;
  }
  return ids;
}

/** The user data of an instance, as moto has it; `null` where there is none. */
export async function userDataOf(moto: EC2, id: string): Promise<Buffer | null> {
  const { UserData } = await moto.describeInstanceAttribute({ InstanceId: id, Attribute: "userData" });
  return UserData?.Value === undefined ? null : Buffer.from(UserData.Value, "base64");
}

/** Names of everything in a region that costs money or is in the way. */
async function inventory(moto: EC2): Promise<string[]> {
  const [instances, addresses, groups, keyPairs, volumes, images, snapshots] = await Promise.all([
    instanceIds(moto),
    moto.describeAddresses(),
    moto.describeSecurityGroups(),
    moto.describeKeyPairs(),
    moto.describeVolumes(),
    moto.describeImages({ Owners: ["self"] }),
    moto.describeSnapshots({ OwnerIds: ["self"] }),
  ]);
  return [
    ...instances,
    ...(addresses.Addresses ?? []).map(({ AllocationId }) => AllocationId),
    ...(groups.SecurityGroups ?? []).map(({ GroupId }) => GroupId),
    ...(keyPairs.KeyPairs ?? []).map(({ KeyPairId }) => KeyPairId),
    ...(volumes.Volumes ?? []).map(({ VolumeId }) => VolumeId),
    ...(images.Images ?? []).map(({ ImageId }) => ImageId),
    ...(snapshots.Snapshots ?? []).map(({ SnapshotId }) => SnapshotId),
  ].filter((id) => id !== undefined);
}

/** Remembers what there is now; the function that it gives tells what there is besides. */
export async function tracked(regions: readonly string[]): Promise<() => Promise<readonly string[]>> {
  const everything = async (): Promise<string[]> =>
    (await Promise.all(regions.map(async (region) => await inventory(motoIn(region))))).flat();
  const before = new Set(await everything());
  return async () => (await everything()).filter((id) => !before.has(id));
}
