import { z } from "zod";

import { Payload } from "../payload/payload.ts";
import { payloadFormats, type PayloadFormatName } from "../payload/format.ts";
import { isCidr } from "../iaas/security-groups.ts";
import type { Cartridge, CartridgeIaasProvider, CartridgeLayer } from "./model.ts";

const text = z.string().min(1);
const port = z.int().min(1).max(65_535);
const texts = z.record(text, z.string());

const portSchema = z.strictObject({
  name: text.optional(),
  port,
  protocol: z.enum(["tcp", "udp"]).optional(),
  proxyPort: port.optional(),
  sources: z.array(z.string().refine(isCidr, "must be CIDR blocks, as 10.0.0.0/8")).optional(),
});

const volumeSchema = z.strictObject({
  volumeId: text.optional(),
  sizeGiB: z.int().min(1).optional(),
  snapshotId: text.optional(),
  device: text.optional(),
  deleteOnTermination: z.boolean().optional(),
  mountPath: text.optional(),
});

const architecture = z.enum(["x86_64", "arm64", "i386"]);

const layerFields = {
  image: text.optional(),
  tenantImages: z.record(text, text).optional(),
  size: z
    .union([
      text,
      z.strictObject({
        minCpus: z.number().positive(),
        minMemoryMiB: z.number().positive(),
        architecture: architecture.optional(),
      }),
    ])
    .optional(),
  partition: z
    .strictObject({
      region: text.optional(),
      zone: z.union([text, z.array(text).min(1)]).optional(),
      host: text.optional(),
    })
    .optional(),
  keyPair: text.optional(),
  securityGroups: z.array(text).optional(),
  ports: z.array(portSchema).optional(),
  networks: z.array(z.strictObject({ id: text, fixedIp: text.optional() })).optional(),
  volumes: z.array(volumeSchema).optional(),
  floatingIp: z.union([z.literal(true), text]).optional(),
  tags: texts.optional(),
  environment: texts.optional(),
  payload: z.custom<Payload>((value) => value instanceof Payload, "must be a Payload").optional(),
  payloadFormat: z.enum(Object.keys(payloadFormats) as [PayloadFormatName, ...PayloadFormatName[]]).optional(),
  allowInlineSecrets: z.boolean().optional(),
  until: z.enum(["accepted", "running", "reachable"]).optional(),
  providerOptions: z.record(text, z.record(text, z.unknown())).optional(),
  properties: texts.optional(),
};

/** The rules of a {@link CartridgeLayer}. */
export const layerSchema = z.strictObject(layerFields) satisfies z.ZodType<CartridgeLayer>;
export const layerFieldNames = Object.keys(layerFields) as readonly (keyof typeof layerFields)[];

const iaasProviderSchema = z.strictObject({
  ...layerFields,
  type: text,
  name: text.optional(),
  provider: text.optional(),
  options: z.record(text, z.unknown()).optional(),
}) satisfies z.ZodType<CartridgeIaasProvider>;

/** The rules of a {@link Cartridge}. */
export const cartridgeSchema = z.strictObject({
  ...layerFields,
  type: text,
  host: text.optional(),
  vendor: text.optional(),
  version: text.optional(),
  displayName: text.optional(),
  description: text.optional(),
  multiTenant: z.boolean().optional(),
  deployment: z.strictObject({ baseFolder: text.optional(), folders: z.array(text) }).optional(),
  iaasProviders: z.array(iaasProviderSchema).min(1, "must name an Iaas"),
  extensions: z.record(text, z.unknown()).optional(),
}) satisfies z.ZodType<Cartridge>;
