import type { Ownership } from "../../iaas/model.ts";
import type { Secret } from "../../iaas/secret.ts";

/** Which launch a payload is for. */
export type PayloadIntent = Pick<Ownership, "owner" | "key" | "generation">;

/** A payload that waits for its instance. */
export interface PublishedPayload {
  readonly url: string;
  /** Of the bytes at the URL, in hex. */
  readonly sha256: string;
  /** What the bytes are encrypted with (AES-256-CTR, the counter from zero), in hex; `null`: they are not. */
  readonly key: Secret | null;
}

/** Where payloads wait that are too long, or too secret, for the cloud's own way. */
export interface PayloadHosting {
  /** How often a URL may be fetched: by one instance, or by whoever knows it for as long as it lives. */
  readonly uses: "once" | "until expiry";
  /** How long its longest URL is, in bytes: a plan is made before the URL is. */
  readonly urlBytes: number;
  /** Whether the bytes are encrypted with a key that travels with the URL. */
  readonly encrypts: boolean;
  /** Certificates, in PEM, that the guest has to trust beside its own; `null`: none. */
  readonly certificateAuthority: string | null;
  /**
   * Let the bytes wait. The same bytes for the same intent give the same answer, so that a repeated launch sends
   * the same request.
   *
   * @throws UnavailableError when they cannot be kept.
   */
  publish(bytes: Uint8Array, intent: PayloadIntent): Promise<PublishedPayload>;
}
