import type { InstanceNetworkInterfaceSpecification, RunInstancesCommandInput } from "@aws-sdk/client-ec2";

import type { LaunchInput } from "../../iaas/launcher.ts";
import { tagsOf } from "../../iaas/ownership.ts";
import { partKey } from "../../iaas/parts.ts";
import type { Ec2LaunchOptions } from "./launch-options.ts";
import { tagList } from "./mappers.ts";

/** The request that launches one instance. @param groupIds Ids of its security groups; none: the default group. */
export function runInstancesInput(input: LaunchInput, groupIds: readonly string[]): RunInstancesCommandInput {
  const { image, size, name, tags, ownership, token, keyPair, plan, zone, host } = input;
  const options: Ec2LaunchOptions = input.providerOptions;
  const { iamInstanceProfile, metadataTokens = "required" } = options;
  const ownVolume = tagsOf({ ...ownership, key: partKey(ownership.key, "image-volume") });
  const placement = {
    ...(zone === null ? {} : { AvailabilityZone: zone }),
    ...(host === null ? {} : { HostId: host }),
  };
  return {
    ImageId: image,
    MinCount: 1,
    MaxCount: 1,
    ClientToken: token,
    MetadataOptions: { HttpTokens: metadataTokens, HttpPutResponseHopLimit: 1, HttpEndpoint: "enabled" },
    TagSpecifications: [
      { ResourceType: "instance", Tags: tagList({ ...tags, Name: name }) },
      { ResourceType: "volume", Tags: tagList({ ...ownVolume, Name: name }) },
    ],
    ...(size === null ? {} : { InstanceType: size as NonNullable<RunInstancesCommandInput["InstanceType"]> }),
    ...(keyPair === null ? {} : { KeyName: keyPair }),
    ...(plan === null ? {} : { UserData: Buffer.from(plan.body).toString("base64") }),
    ...(Object.keys(placement).length === 0 ? {} : { Placement: placement }),
    ...(iamInstanceProfile === undefined ? {} : { IamInstanceProfile: profileOf(iamInstanceProfile) }),
    ...spotOf(options),
    ...networkOf(input, options, groupIds),
  };
}

/** A subnet and groups of the instance, or of its interfaces: EC2 takes one form or the other. */
function networkOf(
  { networks }: LaunchInput,
  { associatePublicIpAddress }: Ec2LaunchOptions,
  groupIds: readonly string[],
): Partial<RunInstancesCommandInput> {
  const groups = groupIds.length === 0 ? {} : { SecurityGroupIds: [...groupIds] };
  const [only] = networks;
  const isPlain = networks.length <= 1 && only?.fixedIp === undefined && associatePublicIpAddress === undefined;
  if (isPlain) return { ...groups, ...(only === undefined ? {} : { SubnetId: only.id }) };
  const interfaces = (networks.length === 0 ? [undefined] : networks).map(
    (network, index): InstanceNetworkInterfaceSpecification => ({
      DeviceIndex: index,
      DeleteOnTermination: true,
      ...(groupIds.length === 0 ? {} : { Groups: [...groupIds] }),
      ...(network === undefined ? {} : { SubnetId: network.id }),
      ...(network?.fixedIp === undefined ? {} : { PrivateIpAddress: network.fixedIp }),
      ...(index === 0 && associatePublicIpAddress !== undefined
        ? { AssociatePublicIpAddress: associatePublicIpAddress }
        : {}),
    }),
  );
  return { NetworkInterfaces: interfaces };
}

function profileOf(profile: string): { Arn: string } | { Name: string } {
  return profile.startsWith("arn:") ? { Arn: profile } : { Name: profile };
}

function spotOf({ spot }: Ec2LaunchOptions): Partial<RunInstancesCommandInput> {
  if (spot === undefined) return {};
  const price = spot === true ? {} : { MaxPrice: spot.maxPrice };
  return { InstanceMarketOptions: { MarketType: "spot", SpotOptions: { SpotInstanceType: "one-time", ...price } } };
}
