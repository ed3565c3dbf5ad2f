import { createHash } from "node:crypto";

import type { Call, CallContext, Caller } from "./call.ts";
import { ConflictError, type ErrorOrigin, IaasError } from "./errors.ts";
import { collect } from "./iteration.ts";
import type { CallOptions, Ownership, Page } from "./model.ts";
import type { Secret } from "./secret.ts";
import { check, checkIdentity } from "./validation.ts";

/** A public SSH key that the cloud puts into new instances. */
export interface KeyPair {
  readonly id: string;
  readonly name: string;
  /** Of the public key where this library imported it: `fingerprint` is its digest. */
  readonly ownership: Ownership | null;
}

export interface ImportKeyPairOptions extends CallOptions {
  readonly name: string;
  /** In OpenSSH's form: `ssh-ed25519 AAAA… comment`. */
  readonly publicKey: string;
}

/** SSH keys of an Iaas. */
export abstract class KeyPairs {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Make a public key known to the cloud under a name. Success when this owner has imported the same key before.
   *
   * @throws ConflictError `name-taken` when the name stands for another key.
   */
  async import(options: ImportKeyPairOptions): Promise<KeyPair> {
    const { name, publicKey } = options;
    return await this.#caller.run("keyPairs.import", { ...options, needs: "keyPairs.import" }, async (call) => {
      checkIdentity(name, "name", call.at);
      const ownership = { ...this.#caller.ownershipOf(name), fingerprint: digestOf(publicKey, call.at) };
      const existing = await this.#find(name, call);
      if (existing !== undefined) return sameKey(existing, ownership, call.at);
      try {
        return await call.request(
          "keyPairs.import",
          "idempotent",
          async (context) => await this._import({ name, publicKey: publicKey.trim(), ownership }, context),
        );
      } catch (error) {
        // A repeat after a lost answer, or another process, may have been faster: the cloud keeps names unique.
        const taken = IaasError.is(error) && error.code === "IAAS_CONFLICT";
        const made = taken ? await this.#find(name, call) : undefined;
        if (made === undefined) throw error;
        return sameKey(made, ownership, call.at);
      }
    });
  }

  /**
   * Let the cloud make a key pair. The private key is given once and kept nowhere.
   *
   * @throws ConflictError `name-taken` when there is one of that name: its private key cannot be had again.
   */
  async generate(
    options: CallOptions & { readonly name: string },
  ): Promise<{ readonly keyPair: KeyPair; readonly privateKey: Secret }> {
    const { name } = options;
    return await this.#caller.run("keyPairs.generate", { ...options, needs: "keyPairs.generate" }, async (call) => {
      checkIdentity(name, "name", call.at);
      return await call.request(
        "keyPairs.generate",
        "create",
        async (context) => await this._generate({ name, ownership: this.#caller.ownershipOf(name) }, context),
      );
    });
  }

  /** Delete a key pair of this owner. Success when there is none; instances keep the key that they were given. */
  async delete(options: CallOptions & { readonly name: string }): Promise<void> {
    const { name } = options;
    await this.#caller.run("keyPairs.delete", { ...options, needs: "keyPairs" }, async (call) => {
      checkIdentity(name, "name", call.at);
      const keyPair = await this.#find(name, call);
      if (keyPair === undefined) return;
      await call.gone("keyPairs.delete", async (context) => {
        await this._delete({ keyPair }, context);
      });
    });
  }

  /** The key pairs of this owner. */
  list(options: CallOptions = {}): AsyncGenerator<KeyPair, void, undefined> {
    const { owner } = this.#caller;
    return this.#caller.listOwned(
      "keyPairs.list",
      { ...options, needs: "keyPairs" },
      async (marker, context) => await this._list({ owner, marker }, context),
    );
  }

  /** Keep the public key under its name. @throws ConflictError `name-taken`. */
  protected abstract _import(
    input: { readonly name: string; readonly publicKey: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<KeyPair>;

  /** Make a pair and keep its public key. @throws ConflictError `name-taken`. */
  protected abstract _generate(
    input: { readonly name: string; readonly ownership: Ownership },
    context: CallContext,
  ): Promise<{ readonly keyPair: KeyPair; readonly privateKey: Secret }>;

  /** Delete it. @throws NotFoundError when it is gone. */
  protected abstract _delete(input: { readonly keyPair: KeyPair }, context: CallContext): Promise<void>;

  /** One page of the owner's key pairs. One that cannot filter may give all. */
  protected abstract _list(
    input: { readonly owner: string; readonly marker: string | null },
    context: CallContext,
  ): Promise<Page<KeyPair>>;

  async #find(name: string, call: Call): Promise<KeyPair | undefined> {
    return (await collect(this.list({ signal: call.signal }))).find((keyPair) => keyPair.name === name);
  }
}

function sameKey(existing: KeyPair, wanted: Ownership, at: ErrorOrigin): KeyPair {
  if (existing.ownership?.fingerprint === wanted.fingerprint) return existing;
  throw new ConflictError("name-taken", `the key pair ${existing.name} holds another key`, at);
}

/** Digest of the key itself, without its comment. */
function digestOf(publicKey: unknown, at: ErrorOrigin): string {
  const [type = "", body = ""] = typeof publicKey === "string" ? publicKey.trim().split(/\s+/) : [];
  const wellFormed = /^(ssh-(rsa|ed25519)|ecdsa-sha2-[\w-]+)$/.test(type) && /^[A-Za-z0-9+/]{40,}={0,2}$/.test(body);
  check(wellFormed, "publicKey", "must be a public key in OpenSSH's form, as ssh-ed25519 AAAA…", at);
  return createHash("sha256").update(`${type} ${body}`).digest("hex").slice(0, 24);
}
