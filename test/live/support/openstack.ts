import { readFileSync } from "node:fs";
import { join } from "node:path";

import { OpenStackIaas, type OpenStackOptions } from "iaaskit/openstack";

interface Bed {
  readonly auth_url: string;
  readonly username: string;
  readonly password: string;
  readonly project_name: string;
  readonly region_name: string;
  readonly image_id: string;
  readonly private_network_id: string;
  readonly external_network_id: string;
  readonly endpoints: Readonly<Record<"compute" | "network" | "image" | "volumev3", string>>;
}

/** The folder of the test bed's state. */
export const bedFolder: string = folderOf();
/** What the test bed has written about itself. */
export const bed: Bed = readBed();
/** A launch that the bed can do at once: of a flavor by name, and without a port. */
export const launchable = {
  image: bed.image_id,
  size: "m1.tiny",
  providerOptions: { openstack: { networkless: true } },
};

function folderOf(): string {
  const folder = process.env["TESTBED_OPENSTACK"];
  if (folder !== undefined && folder !== "") return folder;
  throw new Error(
    "TESTBED_OPENSTACK is not set. Start the OpenStack test bed (testbeds/openstack/up.sh, as root, which installs the " +
      "services on 127.0.0.1), and run TESTBED_OPENSTACK=<its state folder> npx vitest run --project live",
  );
}

function readBed(): Bed {
  const described = JSON.parse(readFileSync(join(bedFolder, "openrc.json"), "utf8")) as Bed;
  const { hostname } = new URL(described.auth_url);
  if (!hostname.startsWith("127.")) throw new Error(`${described.auth_url} is not on this machine`);
  return described;
}

/** Whoever asks: the usual user, in the usual project. */
export const auth = {
  authUrl: bed.auth_url,
  username: bed.username,
  password: bed.password,
  projectName: bed.project_name,
};

export function iaasOf(owner: string, more: Partial<OpenStackOptions> = {}): OpenStackIaas {
  return new OpenStackIaas({ owner, auth, region: bed.region_name, ...more });
}
