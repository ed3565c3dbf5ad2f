import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { PayloadHost, type PayloadPlan } from "iaaskit";

import { temporaryFolder } from "../../support/folders.ts";
import { hostSecret, intent } from "../../support/payload-host.ts";

/** What cloud-init did with user data, as the test bed tells it. */
export interface GuestReport {
  readonly ok: boolean;
  readonly cloudInit: string;
  readonly errors: readonly unknown[];
  readonly warnings: readonly unknown[];
  readonly files: readonly GuestFile[];
  readonly scripts: readonly string[];
  readonly requests?: readonly { readonly url?: string; readonly path?: string; readonly status?: number }[];
}
export interface GuestFile {
  readonly path: string;
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly text?: string;
  readonly sha256: string;
}

export interface GuestOptions {
  readonly suite?: "bookworm" | "trixie";
  readonly datasource?: "nocloud" | "configdrive" | "ec2" | "openstack" | "cloudstack" | "vmware";
  /** Files that the guest finds at `http://10.255.0.1:8000/NAME`. */
  readonly serve?: Readonly<Record<string, Uint8Array>>;
  readonly boots?: number;
}

/** Lets the real cloud-init read the user data. Needs root; the first run makes a root file system. */
export async function bootWith(userData: Uint8Array, options: GuestOptions = {}): Promise<GuestReport> {
  const { suite = "bookworm", datasource = "nocloud", serve = {}, boots = 1 } = options;
  const beds = process.env["TESTBEDS"];
  if (beds === undefined) throw new Error("TESTBEDS is not set: it names the folder of the test beds, here of guest/");
  await using folder = await temporaryFolder();
  const file = join(folder.path, "user-data");
  const served = join(folder.path, "serve");
  await mkdir(served);
  await writeFile(file, userData);
  for (const [name, content] of Object.entries(serve)) await writeFile(join(served, name), content);
  const words = ["--suite", suite, "--datasource", datasource, "--serve", served, "--boots", String(boots)];
  const run = promisify(execFile)(
    join(beds, "guest", "run-cloud-init.sh"),
    [...words, "--text-limit", "100000", file],
    {
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const { stdout } = await run.catch((error: unknown) => {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    if (code !== 1) throw new Error(`the test bed failed with ${code}: ${stderr}`);
    return { stdout }; // cloud-init reported errors: the report tells them
  });
  return JSON.parse(stdout) as GuestReport;
}

/** A host whose bodies the test bed serves, below `path`: what it would keep comes out in `serve`. */
export function bedHost(path: "once" | "flaky/2") {
  const serve: Record<string, Uint8Array> = {};
  let kept: Uint8Array = new Uint8Array();
  const host = new PayloadHost({
    url: `http://10.255.0.1:8000/${path}/`,
    secret: hostSecret,
    store: {
      put: async (_, bytes) => {
        kept = bytes.subarray(bytes.indexOf(10) + 1);
        await Promise.resolve();
      },
      take: async () => await Promise.resolve(null),
      delete: async () => await Promise.resolve(),
    },
  });
  return {
    host,
    serve,
    /** Lets the plan's body wait, and gives what is sent. */
    send: async (plan: PayloadPlan): Promise<Uint8Array> => {
      const { body } = await plan.publish(intent);
      const name = /8000\/\S*\/([\w-]{22})/.exec(textOf(body))?.[1] ?? "";
      serve[name] = kept;
      return body;
    },
  };
}

/** The text of user data, with the parts of a multipart decoded. */
function textOf(body: Uint8Array): string {
  const text = Buffer.from(body).toString();
  const parts = text.split(/\n\n/).map((part) => Buffer.from(part, "base64").toString());
  return [text, ...parts].join("\n");
}
