import type { ContainerInfo } from "dockerode";

import type { Architecture } from "../../iaas/catalog.ts";
import type { FoundInstance, InstanceFailure, InstanceState, Ownership, PublishedPort } from "../../iaas/model.ts";
import { callerTagsOf, nameFor, ownershipOf } from "../../iaas/ownership.ts";
import { dockerCapabilities } from "./capabilities.ts";

/** Labels of our own, beside the ones that hold the ownership. */
export const ownLabels = Object.freeze({
  name: "iaaskit:name",
  image: "iaaskit:image",
  size: "iaaskit:size",
  /** Names of the caller's tags: a container has the labels of its image too. */
  tags: "iaaskit:tags",
});

/** How a container has ended. */
export interface Ending {
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** Somebody has asked this Iaas for it. */
  readonly wanted: boolean;
}

/** The name that the container of a key has: an engine gives each name once. */
export function containerName({ owner, key }: Pick<Ownership, "owner" | "key">): string {
  return nameFor(owner, key, dockerCapabilities.names);
}

/**
 * @param ending For one that has ended; `null` else.
 * @param host   Where the engine publishes what it publishes everywhere.
 */
export function toInstance(container: ContainerInfo, ending: Ending | null, host: string): FoundInstance {
  const { Id: id, Labels: labels, State: state, Ports: ports, Created: createdSeconds } = container;
  const { [ownLabels.name]: name, [ownLabels.image]: image, [ownLabels.size]: size } = labels;
  const known = stateOf(state, ending);
  const published = known.state === "running" ? ports.filter((port) => port.PublicPort !== undefined) : [];
  return {
    id,
    name: name ?? nameOf(container),
    ownership: ownershipIn(container),
    ...known,
    imageId: image ?? container.Image,
    size: size ?? null,
    placement: { region: null, zone: null, host: null },
    addresses: {
      private: addressesOf(container),
      public: [...new Set(published.map(({ IP: address }) => reachable(address, host)))],
    },
    publishedPorts: publishedPorts(published),
    createdAt: new Date(createdSeconds * 1_000),
    tags: tagsIn(labels),
  };
}

export function architectureOf(name: string): Architecture | null {
  if (name === "amd64" || name === "x86_64") return "x86_64";
  if (name === "arm64" || name === "aarch64") return "arm64";
  return name === "386" || name === "i386" || name === "i686" ? "i386" : null;
}

/** Whether the container has ended, so that its {@link Ending} matters. */
export function hasEnded({ State: state }: ContainerInfo): boolean {
  return state === "exited" || state === "stopped";
}

/** Only where the name fits: a container of an image that was made of ours has our labels, and is not ours. */
function ownershipIn(container: ContainerInfo): Ownership | null {
  const ownership = ownershipOf(container.Labels);
  return ownership !== null && containerName(ownership) === nameOf(container) ? ownership : null;
}

function nameOf({ Names: [name = ""] }: ContainerInfo): string {
  return name.replace(/^\//, "");
}

/** Podman's words besides Docker's: `configured`, `initialized`, `stopping`, `stopped`. */
const states: Readonly<Record<string, InstanceState>> = {
  created: "pending",
  configured: "pending",
  initialized: "pending",
  restarting: "pending",
  running: "running",
  paused: "running",
  stopping: "stopping",
  removing: "terminating",
  dead: "failed",
};

/** 128 and the signal: what `docker stop` and `docker kill` leave of a program that does not tell better. */
const endedBySignal: ReadonlySet<number> = new Set([130, 137, 143]);

function stateOf(
  state: string,
  ending: Ending | null,
): { readonly state: InstanceState; readonly failure: InstanceFailure | null } {
  if (ending !== null) return endedState(ending);
  const known = states[state] ?? "pending";
  if (known !== "failed") return { state: known, failure: null };
  return { state: known, failure: { vendorCode: "Dead", message: "the engine could not remove it wholly" } };
}

function endedState({ exitCode, outOfMemory, wanted }: Ending): ReturnType<typeof stateOf> {
  const failed = (vendorCode: string, message: string): ReturnType<typeof stateOf> => ({
    state: "failed",
    failure: { vendorCode, message },
  });
  if (outOfMemory) return failed("OOMKilled", "it was killed: it had used up its memory");
  if (wanted || exitCode === 0 || endedBySignal.has(exitCode)) return { state: "stopped", failure: null };
  return failed("Exited", `its command ended with exit code ${exitCode}`);
}

function addressesOf({ NetworkSettings: settings }: ContainerInfo): string[] {
  return Object.values(settings.Networks)
    .map(({ IPAddress: address }) => address)
    .filter((address) => address !== "");
}

function reachable(address: string, host: string): string {
  return ["", "0.0.0.0", "::"].includes(address) ? host : address;
}

/** One for each port: of a port that is published twice, for IPv6 or UDP too, the first counts. */
function publishedPorts(ports: ContainerInfo["Ports"]): PublishedPort[] {
  const tcpFirst = ports.toSorted((a, b) => (a.Type < b.Type ? -1 : a.Type > b.Type ? 1 : 0));
  const all = new Map<number, PublishedPort>();
  for (const { PrivatePort: port, PublicPort: publishedPort } of tcpFirst) {
    if (!all.has(port)) all.set(port, { port, publishedPort });
  }
  return [...all.values()];
}

function tagsIn(labels: Readonly<Record<string, string>>): Record<string, string> {
  const names = new Set(JSON.parse(labels[ownLabels.tags] ?? "[]") as readonly string[]);
  return Object.fromEntries(Object.entries(callerTagsOf(labels)).filter(([name]) => names.has(name)));
}
