import { Refusal } from "../model/refusal.ts";
import { chosen, type Ec2Request, filtered, paged, readTags } from "./listing.ts";
import { Ec2Refusal } from "./refusals.ts";

export function describeRegions(request: Ec2Request): object {
  const { region } = request.model.settings.offer;
  const regions = filtered([{ id: region }], request, { "region-name": ({ id }) => [id] });
  const item = regions.map(({ id }) => ({
    regionName: id,
    regionEndpoint: `ec2.${id}.amazonaws.com`,
    optInStatus: "opt-in-not-required",
  }));
  return { regionInfo: { item } };
}

export function describeAvailabilityZones(request: Ec2Request): object {
  const { region, zones } = request.model.settings.offer;
  const all = zones.map((id) => ({ id }));
  const get = (id: string): { id: string } => {
    const found = all.find((zone) => zone.id === id);
    if (found === undefined) throw new Refusal("not-found", "zone", `Invalid availability zone: [${id}]`);
    return found;
  };
  const found = filtered(chosen(request.query.texts("ZoneName"), all, get), request, {
    "zone-name": ({ id }) => [id],
    "region-name": () => [region],
    state: () => ["available"],
  });
  const item = found.map(({ id }) => ({ zoneName: id, zoneState: "available", regionName: region, messageSet: {} }));
  return { availabilityZoneInfo: { item } };
}

/** It has no dedicated ones. */
export function describeHosts(): object {
  return { hostSet: {} };
}

export function describeInstanceTypes(request: Ec2Request): object {
  const { sizes } = request.model.settings.offer;
  const names = request.query.texts("InstanceType");
  const get = (name: string): (typeof sizes)[number] => {
    const found = sizes.find(({ id }) => id === name);
    if (found !== undefined) return found;
    throw new Ec2Refusal("InvalidInstanceType", `The following supplied instance types do not exist: [${name}]`);
  };
  const found = filtered(chosen(names, sizes, get), request, {
    "instance-type": ({ id }) => [id],
    "current-generation": () => ["true"],
    "bare-metal": () => ["false"],
    "vcpu-info.default-vcpus": ({ cpus }) => [String(cpus)],
    "memory-info.size-in-mib": ({ memoryMiB }) => [String(memoryMiB)],
    "processor-info.supported-architecture": ({ architecture }) => [architecture],
  });
  const { items, nextToken } = paged(found, request, { most: 100, idsGiven: names.length > 0 });
  const item = items.map(({ id, cpus, memoryMiB, architecture }) => ({
    instanceType: id,
    currentGeneration: true,
    bareMetal: false,
    processorInfo: { supportedArchitectures: { item: [architecture] } },
    vCpuInfo: { defaultVCpus: cpus },
    memoryInfo: { sizeInMiB: memoryMiB },
  }));
  return { instanceTypeSet: { item }, nextToken };
}

export function createTags({ query, model }: Ec2Request): object {
  const tags = readTags(query);
  for (const id of query.texts("ResourceId")) {
    const resource = model.find(id);
    for (const [key, value] of tags) resource.tags.set(key, value);
  }
  return { return: true };
}
