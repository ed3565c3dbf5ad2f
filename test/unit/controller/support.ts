import { type Capabilities, CloudController, type ControllerConfig, type Instance } from "iaaskit";
import { VirtualClock } from "iaaskit/testing";

import { MemoryCloud, MemoryIaas } from "../../support/memory.ts";

export interface SetUpOptions extends Partial<ControllerConfig> {
  readonly capabilities?: Readonly<Record<string, Partial<Capabilities>>>;
}

/** Three clouds in memory, a cartridge that runs on each, and a controller over them. */
export async function setUp({ capabilities = {}, ...config }: SetUpOptions = {}) {
  const clock = new VirtualClock();
  const clouds = { a: new MemoryCloud(), b: new MemoryCloud(), c: new MemoryCloud() };
  const iaases = Object.entries(clouds).map(([type, cloud]) => ({
    type,
    provider: "memory",
    cloud,
    capabilities: capabilities[type] ?? {},
  }));
  const iaasProviders = iaases.map(({ type }) => ({ type, image: `image-${type}` }));
  /** Another process: it knows nothing but what the clouds say. */
  const restarted = async () =>
    await CloudController.fromConfig(
      { owner: "me", iaases, cartridges: [{ type: "php", iaasProviders }], ...config },
      { providers: { memory: MemoryIaas }, clock },
    );
  /** The instances that run or may yet, by cloud. */
  const live = () =>
    Object.entries(clouds).flatMap(([on, cloud]) =>
      [...cloud.instances.values()]
        .filter(({ state }) => state !== "terminated" && state !== "failed")
        .map(({ id }) => `${on}/${id}`),
    );
  const launches = () => Object.entries(clouds).flatMap(([on, cloud]) => cloud.launches.map(() => on));
  const requests = () => Object.values(clouds).flatMap(({ calls }) => calls);
  return { clock, clouds, controller: await restarted(), restarted, live, launches, requests };
}

export const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

export async function collect(list: AsyncIterable<{ readonly on: string; readonly instance: Instance }>) {
  const all: string[] = [];
  for await (const { on, instance } of list) all.push(`${on}/${instance.ownership.key}`);
  return all;
}
