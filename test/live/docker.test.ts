import { readFile } from "node:fs/promises";

import Docker from "dockerode";
import { DockerIaas } from "iaaskit/docker";
import { conformance } from "iaaskit/testing";
import * as vitest from "vitest";

interface Bed {
  readonly image: string;
  readonly engines: Readonly<
    Record<"dockerd" | "podman", { readonly socketPath: string; readonly dockerHost: string }>
  >;
}

const folder = process.env["TESTBED_DIR"];
if (folder === undefined) throw new Error("TESTBED_DIR is not set: where docker/up.sh keeps its env.json");
const bed = JSON.parse(await readFile(`${folder}/env.json`, "utf8")) as Bed;

vitest.describe.each(Object.entries(bed.engines))("%s", (_, { socketPath, dockerHost }) => {
  const command = [
    "sh",
    "-c",
    "mkdir -p /www && trap 'exit 0' TERM && httpd -p 80 -h /www && while :; do sleep 1 & wait; done",
  ];
  conformance(vitest, {
    create: (owner) => new DockerIaas({ owner, endpoint: dockerHost, pull: "never" }),
    launch: { image: bed.image, ports: [{ port: 80 }], providerOptions: { docker: { command } } },
    tracker: async () => {
      const docker = new Docker({ socketPath });
      const { Volumes: volumes } = await docker.listVolumes();
      const containers = await docker.listContainers({ all: true });
      return [...containers.map(({ Names: [name = ""] }) => name), ...(volumes ?? []).map(({ Name: name }) => name)];
    },
  });
});
