import type { CallContext, Caller } from "../../iaas/call.ts";
import { type KeyPair, KeyPairs } from "../../iaas/key-pairs.ts";
import type { Ownership, Page } from "../../iaas/model.ts";
import { Secret } from "../../iaas/secret.ts";
import type { Ec2Client } from "./client.ts";
import { ownedBy } from "./filters.ts";
import { tagged, toKeyPair } from "./mappers.ts";

/** Key pairs of a region. */
export class Ec2KeyPairs extends KeyPairs {
  readonly #client: Ec2Client;

  constructor(caller: Caller, client: Ec2Client) {
    super(caller);
    this.#client = client;
  }

  protected override async _import(
    input: { readonly name: string; readonly publicKey: string; readonly ownership: Ownership },
    { signal }: CallContext,
  ): Promise<KeyPair> {
    const ec2 = await this.#client.connect();
    const { name, publicKey, ownership } = input;
    const { KeyPairId: id = name } = await ec2.importKeyPair(
      {
        KeyName: name,
        PublicKeyMaterial: new TextEncoder().encode(publicKey),
        TagSpecifications: tagged("key-pair", ownership),
      },
      { abortSignal: signal },
    );
    return { id, name, ownership };
  }

  protected override async _generate(
    { name, ownership }: { readonly name: string; readonly ownership: Ownership },
    { signal }: CallContext,
  ): Promise<{ readonly keyPair: KeyPair; readonly privateKey: Secret }> {
    const ec2 = await this.#client.connect();
    const { KeyPairId: id = name, KeyMaterial: material = "" } = await ec2.createKeyPair(
      { KeyName: name, KeyType: "ed25519", TagSpecifications: tagged("key-pair", ownership) },
      { abortSignal: signal },
    );
    return { keyPair: { id, name, ownership }, privateKey: new Secret(material) };
  }

  protected override async _delete({ keyPair }: { readonly keyPair: KeyPair }, { signal }: CallContext): Promise<void> {
    const ec2 = await this.#client.connect();
    await ec2.deleteKeyPair({ KeyName: keyPair.name }, { abortSignal: signal });
  }

  /** EC2 gives all key pairs at once. */
  protected override async _list(
    { owner }: { readonly owner: string },
    { signal }: CallContext,
  ): Promise<Page<KeyPair>> {
    const ec2 = await this.#client.connect();
    const { KeyPairs: found = [] } = await ec2.describeKeyPairs({ Filters: ownedBy(owner) }, { abortSignal: signal });
    return { items: found.map(toKeyPair), marker: null };
  }
}
