import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { inspect } from "node:util";

import { collect } from "../../iaas/iteration.ts";
import type { Behaviour } from "../behaviour.ts";
import { idsOf, refusedField, rejection } from "../expectations.ts";
import { alwaysRefuse, loseAnswer, unavailable } from "../hook-faults.ts";
import { on } from "../needs.ts";

/** A public key in OpenSSH's form. */
function publicKey(): string {
  const { publicKey: key } = generateKeyPairSync("ed25519");
  const raw = key.export({ type: "spki", format: "der" }).subarray(-32);
  const field = (bytes: Uint8Array): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  const body = Buffer.concat([field(Buffer.from("ssh-ed25519")), field(raw)]).toString("base64");
  return `ssh-ed25519 ${body} conformance`;
}

/** SSH keys. */
export const keyPairs: readonly Behaviour[] = [
  {
    id: "key-pairs.import",
    name: "a public key is imported once, another one under its name is a conflict, and it is deleted",
    needs: on("keyPairs.import"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("keyPairs.import"));
      const { keyPairs: pairs } = iaas;
      const name = key("pair");
      const material = publicKey();
      const first = await pairs.import({ name, publicKey: material });
      assert.equal((await pairs.import({ name, publicKey: material })).id, first.id);
      await rejection(pairs.import({ name, publicKey: publicKey() }), "IAAS_CONFLICT");
      await pairs.delete({ name });
      await pairs.delete({ name });
      assert.deepEqual(await collect(pairs.list()), []);
    },
  },
  {
    id: "key-pairs.lost-answer",
    name: "an import whose answer is lost is no conflict with itself",
    needs: on("keyPairs.import"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("keyPairs.import"));
      loseAnswer(iaas.keyPairs, "_import");
      const { id } = await iaas.keyPairs.import({ name: key("pair"), publicKey: publicKey() });
      assert.deepEqual(idsOf(await collect(iaas.keyPairs.list())), [id]);
    },
  },
  {
    id: "key-pairs.foreign",
    name: "a key pair of another owner is neither listed nor deleted",
    needs: on("keyPairs.import"),
    run: async ({ iaas, stranger, key }) => {
      assert.ok(iaas.can("keyPairs.import"));
      const other = await stranger();
      assert.ok(other.can("keyPairs.import"));
      const name = key("pair");
      const { id } = await other.keyPairs.import({ name, publicKey: publicKey() });
      await iaas.keyPairs.delete({ name });
      assert.deepEqual(await collect(iaas.keyPairs.list()), []);
      assert.deepEqual(idsOf(await collect(other.keyPairs.list())), [id]);
    },
  },
  {
    id: "key-pairs.launch",
    name: "an instance is launched with an imported key",
    needs: on("keyPairs.import"),
    run: async ({ iaas, launch, key }) => {
      assert.ok(iaas.can("keyPairs.import"));
      const { name } = await iaas.keyPairs.import({ name: key("pair"), publicKey: publicKey() });
      assert.equal((await launch({ keyPair: name })).state, "running");
    },
  },
  {
    id: "key-pairs.generate",
    name: "a generated key pair gives its private key once, and hides it",
    needs: on("keyPairs.generate"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("keyPairs.generate"));
      const name = key("pair");
      const { keyPair, privateKey } = await iaas.keyPairs.generate({ name });
      assert.equal(keyPair.name, name);
      assert.match(privateKey.reveal(), /PRIVATE KEY/);
      assert.equal(JSON.stringify({ privateKey }), '{"privateKey":"[secret]"}');
      assert.doesNotMatch(inspect({ privateKey }, { depth: 20, showHidden: true }), /PRIVATE KEY/);
      const again = await rejection(iaas.keyPairs.generate({ name }), "IAAS_CONFLICT");
      assert.ok(again.code === "IAAS_CONFLICT" && again.reason === "name-taken");
      assert.deepEqual(idsOf(await collect(iaas.keyPairs.list())), [keyPair.id]);
    },
  },
  {
    id: "key-pairs.generate-once",
    name: "generating a key pair is not repeated when its answer is lost: its private key is lost with it",
    needs: on("keyPairs.generate"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("keyPairs.generate"));
      const generated = alwaysRefuse(iaas.keyPairs, "_generate", unavailable);
      const error = await rejection(iaas.keyPairs.generate({ name: key("pair") }), "IAAS_OUTCOME_UNKNOWN");
      assert.deepEqual([error.outcome, generated.calls], ["unknown", 1]);
    },
  },
  {
    id: "key-pairs.input",
    name: "a name or a public key that is none is refused before any request",
    needs: on("keyPairs.import"),
    run: async ({ iaas, key }) => {
      assert.ok(iaas.can("keyPairs.import"));
      const { keyPairs: pairs } = iaas;
      const wrong = async (): Promise<unknown> => await pairs.import({ name: key("pair"), publicKey: "nonsense" });
      await refusedField(iaas, wrong, "publicKey");
      await refusedField(iaas, async () => await pairs.import({ name: "a\nb", publicKey: publicKey() }), "name");
    },
  },
];
