import { z } from "zod";

import { Payload } from "../payload/payload.ts";
import { payloadFormats, type PayloadFormatName } from "../payload/format.ts";
import { isCidr } from "../iaas/security-groups.ts";

/** Nothing of a definition is ever changed: layers are merged into new ones. */
export type Frozen<T> = T extends Payload ? T : T extends object ? { readonly [Name in keyof T]: Frozen<T[Name]> } : T;

const text = z.string().min(1);
const port = z.int().min(1).max(65_535);
const texts = z.record(text, z.string());

const portSchema = z.strictObject({
  name: text.optional(),
  port,
  protocol: z.enum(["tcp", "udp"]).optional(),
  /** The port under which a load balancer offers it. */
  proxyPort: port.optional(),
  sources: z.array(z.string().refine(isCidr, "must be CIDR blocks, as 10.0.0.0/8")).optional(),
});

const volumeSchema = z.strictObject({
  /** An existing volume; the others are of a new one. */
  volumeId: text.optional(),
  sizeGiB: z.int().min(1).optional(),
  snapshotId: text.optional(),
  device: text.optional(),
  deleteOnTermination: z.boolean().optional(),
  /** Where the guest mounts it. */
  mountPath: text.optional(),
});

const architecture = z.enum(["x86_64", "arm64", "i386"]);

/** What a launch is made of, at any of the levels that are merged. */
const layerFields = {
  /** The image for everybody. */
  image: text.optional(),
  /** Images of tenants that have their own, where images cannot be public. */
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
  /** Pairs for the payload. */
  environment: texts.optional(),
  payload: z.custom<Payload>((value) => value instanceof Payload, "must be a Payload").optional(),
  payloadFormat: z.enum(Object.keys(payloadFormats) as [PayloadFormatName, ...PayloadFormatName[]]).optional(),
  allowInlineSecrets: z.boolean().optional(),
  until: z.enum(["accepted", "running", "reachable"]).optional(),
  providerOptions: z.record(text, z.record(text, z.unknown())).optional(),
  /** Settings that this library does not know, kept for whoever does. */
  properties: texts.optional(),
};

/** What a launch is made of, at one level: defaults, cartridge, its IaaS, partition, call. */
export const layerSchema = z.strictObject(layerFields);
export const layerFieldNames = Object.keys(layerFields) as readonly (keyof typeof layerFields)[];
export type CartridgeLayer = Frozen<z.infer<typeof layerSchema>>;

/** What a cartridge needs on one Iaas: an existing one, by its type, or a new one that it defines. */
const iaasProviderSchema = z.strictObject({
  ...layerFields,
  /** The type of a configured Iaas, or the unique type of a new one. */
  type: text,
  name: text.optional(),
  /** For a new Iaas: the registered provider that makes it. */
  provider: text.optional(),
  /** For a new Iaas: what its constructor is given. */
  options: z.record(text, z.unknown()).optional(),
});
export type CartridgeIaasProvider = Frozen<z.infer<typeof iaasProviderSchema>>;

/** An application runtime, and what it needs on each Iaas where it can run. */
export const cartridgeSchema = z.strictObject({
  ...layerFields,
  type: text,
  /** Domain below which its instances get their host names. */
  host: text.optional(),
  /** Who made the runtime, as `apache`. Not an Iaas. */
  vendor: text.optional(),
  version: text.optional(),
  displayName: text.optional(),
  description: text.optional(),
  multiTenant: z.boolean().optional(),
  /** What is deployed into it, and where. */
  deployment: z.strictObject({ baseFolder: text.optional(), folders: z.array(text) }).optional(),
  iaasProviders: z.array(iaasProviderSchema).min(1, "must name an Iaas"),
  /** Parts of a Stratos definition that do not concern an Iaas, as they were. */
  extensions: z.record(text, z.unknown()).optional(),
});
export type Cartridge = Frozen<z.infer<typeof cartridgeSchema>>;
