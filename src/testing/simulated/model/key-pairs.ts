import { generateKeyPairSync } from "node:crypto";

import type { CloudModel } from "./cloud-model.ts";
import { Refusal } from "./refusal.ts";
import type { KeyPairResource } from "./resources.ts";

/** The key pairs of a cloud. */
export class KeyPairs {
  readonly #model: CloudModel;
  readonly #all = new Map<string, KeyPairResource>();

  constructor(model: CloudModel) {
    this.#model = model;
  }

  all(): KeyPairResource[] {
    return [...this.#all.values()];
  }

  /** @throws Refusal when there is none. */
  get(name: string): KeyPairResource {
    const found = this.#all.get(name);
    if (found === undefined) throw new Refusal("not-found", "keyPair", `The key pair '${name}' does not exist`);
    return found;
  }

  import(name: string, publicKey: string, tags: ReadonlyMap<string, string>): KeyPairResource {
    if (this.#all.has(name)) throw new Refusal("duplicate", "keyPair", `The key pair '${name}' already exists`);
    this.#model.checkQuota("keyPair", "keyPairs", this.#all.size + 1);
    const made = { ...this.#model.born("key", tags), name, publicKey };
    this.#all.set(name, made);
    return made;
  }

  /** A new pair; the private key is not kept. */
  generate(name: string, tags: ReadonlyMap<string, string>): KeyPairResource & { readonly privateKey: string } {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519", {
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    return { ...this.import(name, publicKey, tags), privateKey };
  }

  /** One that is not there is deleted already. */
  delete(name: string): void {
    this.#all.delete(name);
  }
}
