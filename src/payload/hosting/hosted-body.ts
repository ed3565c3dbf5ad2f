import { Secret } from "../../iaas/secret.ts";
import type { PayloadFormatName } from "../format.ts";
import { withoutCloudConfig, writeMultipart } from "../mime.ts";
import type { Payload } from "../payload.ts";
import { writeShell } from "../shell.ts";
import { writeBody, writeBootstrap } from "./bootstrap.ts";
import type { PayloadHosting, PayloadIntent, PublishedPayload } from "./hosting.ts";

/** A payload that will wait at a host, and what the instance is told instead of it. */
export interface HostedBody {
  readonly hosted: { readonly bytes: number; readonly uses: PayloadHosting["uses"] };
  /** As long as what will be sent. */
  readonly placeholder: Uint8Array;
  /** Lets it wait. @returns What is sent. */
  readonly publish: (intent: PayloadIntent) => Promise<Uint8Array>;
}

/** Why a payload of this form cannot be hosted; `null` where it can: its reader has to run the stub. */
export function hostedRefusal(format: PayloadFormatName | null): string | null {
  if (format === null) return "raw bytes are sent as they are";
  return format === "mime" || format === "shell" ? null : `the readers of ${format} run no stub`;
}

/**
 * All that a shell can put in place waits; cloud-config stays beside the stub.
 *
 * @param fits Whether the cloud takes so many bytes.
 * @throws InvalidInputError for a part that a shell script cannot hold.
 */
export function hostedBody(
  payload: Payload,
  format: PayloadFormatName | null,
  host: PayloadHosting,
  fits: (bytes: Uint8Array) => boolean,
): HostedBody {
  const script = writeShell(format === "shell" ? payload : withoutCloudConfig(payload));
  const waiting = Buffer.from(writeBody(script));
  const { uses, urlBytes, encrypts, certificateAuthority } = host;
  const around = (stub: string): Uint8Array =>
    Buffer.from(payload.cloudConfig.length === 0 ? stub : writeMultipart(payload.cloudConfig, stub));
  const stubFor = (published: PublishedPayload): Uint8Array =>
    around(writeBootstrap({ ...published, certificateAuthority }, (stub) => fits(around(stub))));
  const hex = "0".repeat(64);
  return {
    hosted: { bytes: waiting.byteLength, uses },
    placeholder: stubFor({ url: "x".repeat(urlBytes), sha256: hex, key: encrypts ? new Secret(hex) : null }),
    publish: async (intent) => stubFor(await host.publish(waiting, intent)),
  };
}
