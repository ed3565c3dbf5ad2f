import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

import type { CallContext, Caller } from "../../iaas/call.ts";
import { type KeyPair, KeyPairs } from "../../iaas/key-pairs.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { Secret } from "../../iaas/secret.ts";
import { pathOf } from "../../transport/paths.ts";
import type { OpenStackClient } from "./client.ts";
import { pageOf } from "./pages.ts";

interface NovaKeyPair {
  readonly keypair: { readonly name: string; readonly public_key: string };
}

const rsaBits = 3_072;
/** From this version on Nova gives a user's key pairs in pages. */
const pagedFrom = 35;

/**
 * Nova's key pairs, which are the user's, not the project's. They have no place for an owner but the comment of the
 * public key, which SSH passes over.
 */
export class OpenStackKeyPairs extends KeyPairs {
  readonly #client: OpenStackClient;

  constructor(caller: Caller, client: OpenStackClient) {
    super(caller);
    this.#client = client;
  }

  protected override async _import(
    input: { readonly name: string; readonly publicKey: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<KeyPair> {
    const { name, publicKey, ownership } = input;
    const [type, material] = publicKey.split(/\s+/);
    const body = { keypair: { name, public_key: `${type} ${material} ${commentOf(ownership)}` } };
    await this.#client.request("compute", { method: "POST", path: "/os-keypairs", body }, context);
    return { id: name, name, ownership };
  }

  /**
   * Made here and imported: what Nova generates cannot be marked as ours, and from version 2.92 on it generates none.
   *
   * @see https://docs.openstack.org/nova/latest/reference/api-microversion-history.html
   */
  protected override async _generate(
    { name, ownership }: { readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<{ readonly keyPair: KeyPair; readonly privateKey: Secret }> {
    const { publicKey, privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: rsaBits });
    const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    const keyPair = await this._import({ name, publicKey: openSshOf(publicKey), ownership }, context);
    return { keyPair, privateKey: new Secret(pem) };
  }

  protected override async _delete({ keyPair }: { readonly keyPair: KeyPair }, context: CallContext): Promise<void> {
    await this.#client.request("compute", { method: "DELETE", path: pathOf`/os-keypairs/${keyPair.name}` }, context);
  }

  protected override async _list(
    { marker }: { readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<KeyPair>> {
    const list = { service: "compute", path: "/os-keypairs", field: "keypairs", marker } as const;
    const request = { ...list, microversion: pagedFrom };
    const page = await pageOf<NovaKeyPair>(this.#client, request, ({ keypair }) => keypair.name, context);
    return { ...page, items: page.items.map(toKeyPair) };
  }
}

function toKeyPair({ keypair: { name, public_key: publicKey } }: NovaKeyPair): KeyPair {
  const [, owner, key, fingerprint] = / iaaskit:(\S+) (\S+)(?: (\S+))?\s*$/.exec(publicKey) ?? [];
  const isOurs = owner !== undefined && key === name;
  return { id: name, name, ownership: isOurs ? { owner, key, generation: 0, fingerprint: fingerprint ?? null } : null };
}

function commentOf({ owner, key, fingerprint }: Ownership): string {
  return [`iaaskit:${owner}`, key, fingerprint].filter((part) => part !== null).join(" ");
}

/** An RSA key in OpenSSH's form: the type, the exponent and the modulus, each behind its length. */
function openSshOf(publicKey: KeyObject): string {
  const { e = "", n = "" } = publicKey.export({ format: "jwk" });
  const parts = [Buffer.from("ssh-rsa"), positive(e), positive(n)];
  const blob = Buffer.concat(parts.flatMap((part) => [lengthOf(part), part]));
  return `ssh-rsa ${blob.toString("base64")}`;
}

/** A number whose first bit is set would be taken for a negative one. */
function positive(base64url: string): Buffer {
  const bytes = Buffer.from(base64url, "base64url");
  return (bytes[0] ?? 0) < 0x80 ? bytes : Buffer.concat([Buffer.from([0]), bytes]);
}

function lengthOf(part: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(part.byteLength);
  return length;
}
