import { type Cartridge, defineCartridge, InvalidInputError, Payload } from "iaaskit";
import { describe, expect, it } from "vitest";

const iaasProviders = [{ type: "here", image: "i" }];

describe("a cartridge made in code", () => {
  it("may have a payload with secrets, which stays what it is", () => {
    const payload = Payload.script("#!/bin/sh\n");
    const cartridge = defineCartridge({ type: "php", payload, iaasProviders: [{ type: "here", payload }] });
    expect(cartridge.payload).toBe(payload);
    expect(cartridge.iaasProviders[0]?.payload).toBe(payload);
  });

  it("may have fields that are undefined", () => {
    expect(() => defineCartridge({ type: "php", image: undefined, iaasProviders })).not.toThrow();
  });

  const refusals: [string, unknown, string, string][] = [
    ["no type", { iaasProviders }, "type", "is missing"],
    ["a type of another kind", { type: 5, iaasProviders }, "type", "must be string, received number"],
    ["an unknown field", { type: "a", iaasProviders, sise: "x" }, "sise", "is not known"],
    ["no Iaas", { type: "a", iaasProviders: [] }, "iaasProviders", "must name an Iaas"],
    ["an Iaas without type", { type: "a", iaasProviders: [{}] }, "iaasProviders[0].type", "is missing"],
    [
      "an unknown field of an Iaas",
      { type: "a", iaasProviders: [{ type: "b", x: 1 }] },
      "iaasProviders[0].x",
      "is not known",
    ],
    [
      "a port that is none",
      { type: "a", iaasProviders, ports: [{ port: 1 }, { port: -1 }] },
      "ports[1].port",
      "must be >=1",
    ],
    ["a payload that is none", { type: "a", iaasProviders, payload: "x" }, "payload", "must be a Payload"],
    ["parts where a payload belongs", { type: "a", iaasProviders, payload: [] }, "payload", "must be a Payload"],
    [
      "a host by itself",
      { type: "a", iaasProviders, partition: { host: "" } },
      "partition.host",
      "must have >=1 characters",
    ],
    [
      "a tag that is no text",
      { type: "a", iaasProviders, tags: { a: 1 } },
      "tags.a",
      "must be string, received number",
    ],
    ["an unknown form", { type: "a", iaasProviders, size: 2 }, "size", "has none of the allowed forms"],
    [
      "an unknown field in one of several forms",
      { type: "a", iaasProviders, size: { minCpus: 1, minMemoryMiB: 1, gpus: 1 } },
      "size.gpus",
      "is not known",
    ],
    ["no cartridge", undefined, "document", "is missing"],
    ["a list", [], "document", "must be object, received array"],
  ];
  it.each(refusals)("is refused for %s, with the path", (_, cartridge, field, rule) => {
    const define = () => defineCartridge(cartridge as Cartridge);
    expect(define).toThrow(InvalidInputError);
    expect(define).toThrow(expect.objectContaining({ code: "IAAS_INVALID_INPUT", field, rule }));
    expect(define).toThrow(`${field} ${rule}`);
  });
});
