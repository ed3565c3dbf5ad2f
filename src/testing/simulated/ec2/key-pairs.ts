import { createHash } from "node:crypto";

import type { KeyPairResource } from "../model/resources.ts";
import { chosen, type Ec2Request, filtered, tagsFor, tagSet } from "./listing.ts";
import { Ec2Refusal } from "./refusals.ts";

export function importKeyPair(request: Ec2Request): object {
  const { query, model } = request;
  const publicKey = Buffer.from(query.required("PublicKeyMaterial"), "base64").toString();
  if (!/^ssh-(rsa|ed25519) [\d+/=A-Za-z]+/.test(publicKey)) {
    throw new Ec2Refusal("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
  }
  return described(model.keyPairs.import(query.required("KeyName"), publicKey, tagsFor("key-pair", request)));
}

export function createKeyPair(request: Ec2Request): object {
  const { query, model } = request;
  const made = model.keyPairs.generate(query.required("KeyName"), tagsFor("key-pair", request));
  return { ...described(made), keyMaterial: made.privateKey };
}

export function deleteKeyPair({ query, model }: Ec2Request): object {
  model.keyPairs.delete(query.required("KeyName"));
  return { return: true };
}

export function describeKeyPairs(request: Ec2Request): object {
  const { query, model } = request;
  const found = filtered(
    chosen(query.texts("KeyName"), model.keyPairs.all(), (name) => model.keyPairs.get(name)),
    request,
    { "key-name": ({ name }) => [name], "key-pair-id": ({ id }) => [id] },
  );
  return { keySet: { item: found.map(described) } };
}

function described({ id, name, publicKey, tags }: KeyPairResource): object {
  return {
    keyPairId: id,
    keyName: name,
    keyFingerprint: createHash("sha256").update(publicKey).digest("base64"),
    keyType: publicKey.startsWith("ssh-rsa") ? "rsa" : "ed25519",
    tagSet: tagSet(tags),
  };
}
