import type { ContainerCreateOptions, MountSettings } from "dockerode";

import type { CallContext } from "../../iaas/call.ts";
import { InvalidInputError } from "../../iaas/errors.ts";
import type { LaunchInput } from "../../iaas/launcher.ts";
import { callerTagsOf, tagsOf } from "../../iaas/ownership.ts";
import { type Content, payloadFolder } from "./content.ts";
import type { DockerLaunchOptions, DockerMount } from "./launch-options.ts";
import { containerName, ownLabels } from "./mappers.ts";
import { limitsOf } from "./sizes.ts";

/** What an image runs. */
export interface ImageCommand {
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
}

/**
 * The request that makes the container of a launch.
 *
 * @param image   What the image runs; known only where something of ours runs before it.
 * @param publish Address of the engine's host on which the ports are published.
 */
export function createContainerInput(
  input: LaunchInput,
  content: Content,
  image: ImageCommand | null,
  publish: string,
  context: CallContext,
): ContainerCreateOptions {
  const { command, volumes = [] } = input.providerOptions as DockerLaunchOptions;
  const ports = input.ports.map(({ port, protocol }) => `${port}/${protocol}`);
  return {
    name: containerName(input.ownership),
    Hostname: input.name,
    Image: input.image,
    Labels: labelsOf(input),
    Env: [...content.environment],
    ...commandOf(content, image, command, context),
    ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
    HostConfig: {
      PortBindings: Object.fromEntries(ports.map((port) => [port, [{ HostIp: publish, HostPort: "" }]])),
      Mounts: [...volumes.map(toMount), ...(content.ownFiles.length === 0 ? [] : [payloadMount(input)])],
      ...resourcesOf(input.size, context),
      ...(input.networks[0] === undefined ? {} : { NetworkMode: input.networks[0].id }),
    },
    ...networkOf(input),
  };
}

function toMount({ name, path, readOnly = false }: DockerMount): MountSettings {
  return { Type: "volume", Source: name, Target: path, ReadOnly: readOnly };
}

/** Named after the instance: an engine that is killed while it makes a container leaves a volume that has an owner. */
function payloadMount({ ownership }: LaunchInput): MountSettings {
  const Labels = tagsOf(ownership);
  const VolumeOptions = { NoCopy: true, Labels, DriverConfig: { Name: "local", Options: {} } };
  return { Type: "volume", Source: containerName(ownership), Target: payloadFolder, VolumeOptions };
}

function labelsOf({ name, image, size, tags }: LaunchInput): Record<string, string> {
  return {
    ...tags,
    [ownLabels.name]: name,
    [ownLabels.image]: image,
    ...(size === null ? {} : { [ownLabels.size]: size }),
    [ownLabels.tags]: JSON.stringify(Object.keys(callerTagsOf(tags))),
  };
}

function commandOf(
  { entryPoint }: Content,
  image: ImageCommand | null,
  command: readonly string[] | undefined,
  context: CallContext,
): Pick<ContainerCreateOptions, "Entrypoint" | "Cmd"> {
  if (entryPoint === null || image === null) return command === undefined ? {} : { Cmd: [...command] };
  const words = [...image.entryPoint, ...(command ?? image.command)];
  if (words.length === 0) throw new InvalidInputError("image", "has no command, and the launch names none", context);
  // An image without an entry point stays one: an image made of the instance then needs none either.
  if (image.entryPoint.length === 0) return { Cmd: [...entryPoint, ...words] };
  return { Entrypoint: [...entryPoint], Cmd: words };
}

function resourcesOf(size: string | null, context: CallContext): ContainerCreateOptions["HostConfig"] {
  if (size === null) return {};
  const { cpus, memoryMiB, pids } = limitsOf(size, context);
  return {
    Memory: memoryMiB * 1024 * 1024,
    NanoCpus: Math.round(cpus * 1e9),
    ...(pids === null ? {} : { PidsLimit: pids }),
  };
}

function networkOf({ networks: [network] }: LaunchInput): Pick<ContainerCreateOptions, "NetworkingConfig"> {
  if (network?.fixedIp === undefined) return {};
  const endpoint = { IPAMConfig: { IPv4Address: network.fixedIp } };
  return { NetworkingConfig: { EndpointsConfig: { [network.id]: endpoint } } };
}
