import { z } from "zod";

import type { ErrorOrigin } from "../iaas/errors.ts";
import { Secret } from "../iaas/secret.ts";
import { checked, pathText } from "./define.ts";
import type { CartridgeWarning, Document } from "./document.ts";
import { mergeLayers } from "./merge.ts";
import type { Cartridge, CartridgeIaasProvider, CartridgeLayer } from "./model.ts";
import { cartridgeSchema } from "./schema.ts";
import { meaningOf, needsText, payloadProperty } from "./stratos-properties.ts";

const text = z.string();
/** Stratos' samples leave a text empty where others leave it out. */
const optionalText = text.transform((value) => (value === "" ? undefined : value)).optional();
/** They also quote numbers and truth values as often as not. */
const number = z.union([z.int(), z.string().regex(/^\d+$/, "must be a whole number").transform(Number)]);
const port = number.pipe(z.int().min(0).max(65_535));
const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);
const properties = z.array(z.strictObject({ name: text.min(1), value: text })).default([]);

const networkInterface = z.strictObject({
  name: optionalText,
  networkUuid: optionalText,
  fixedIp: optionalText,
  portUuid: optionalText,
  floatingNetworks: z.array(z.unknown()).optional(),
});

const volume = z.strictObject({
  id: optionalText,
  size: number.pipe(z.int().min(1)).optional(),
  device: optionalText,
  removeOnTermination: flag.optional(),
  mappingPath: optionalText,
  snapshotId: optionalText,
  volumeId: optionalText,
});

/** XML may name an image for each tenant; JSON has one text. */
const imageId = z.union([
  text.transform((id) => [{ text: id, tenant: undefined }]),
  z.array(z.strictObject({ text, tenant: text.min(1).optional() })).superRefine((images, context) => {
    const tenants = images.map(({ tenant }) => tenant);
    const second = tenants.findIndex((tenant, index) => tenants.indexOf(tenant) !== index);
    if (second !== -1) context.addIssue({ code: "custom", path: [second], message: "comes twice" });
  }),
]);

const iaasProvider = z.strictObject({
  type: text.min(1),
  name: optionalText,
  className: optionalText,
  provider: optionalText,
  identity: optionalText,
  credential: optionalText,
  imageId: imageId.optional(),
  maxInstanceLimit: number.optional(),
  scaleUpOrder: number.optional(),
  scaleDownOrder: number.optional(),
  property: properties,
  networkInterfaces: z.array(networkInterface).optional(),
});

const portMapping = z.strictObject({
  name: optionalText,
  protocol: text.min(1),
  port: port.pipe(z.int().min(1)),
  proxyPort: port.optional(),
  kubernetesPortType: optionalText,
});
const xmlMapping = portMapping.pick({ port: true, proxyPort: true });

const cartridge = z.strictObject({
  type: text.min(1),
  host: optionalText,
  provider: optionalText,
  version: optionalText,
  displayName: optionalText,
  description: optionalText,
  multiTenant: flag.optional(),
  deployment: z.strictObject({ baseDir: optionalText, dir: z.array(text.min(1)).default([]) }).optional(),
  portMapping: z
    .union([z.array(portMapping), z.strictObject({ http: xmlMapping.optional(), https: xmlMapping.optional() })])
    .optional(),
  persistence: z
    .strictObject({
      isRequired: flag.optional(),
      volume: z.array(volume).optional(),
      volumes: z.array(volume).optional(),
    })
    .optional(),
  iaasProvider: z.array(iaasProvider).min(1, "must name an Iaas"),
  property: properties,
  category: text.optional(),
  appTypes: z.unknown().optional(),
  metadataKeys: z.array(text).optional(),
  exportingProperties: z.array(text).optional(),
  loadBalancer: z.unknown().optional(),
  loadBalancingIPType: text.optional(),
  defaultAutoscalingPolicy: text.optional(),
  defaultDeploymentPolicy: text.optional(),
  serviceGroup: text.optional(),
});
const cartridges = z.strictObject({ cartridges: z.array(cartridge).min(1, "must have a cartridge") });
type StratosCartridge = z.output<typeof cartridge>;
type StratosProvider = z.output<typeof iaasProvider>;

/** A cartridge whose payload is still named by a file. */
export interface StratosReading {
  readonly cartridge: Cartridge;
  /** Files of pairs: of the cartridge (`null`) and of its providers, by their place in it. */
  readonly payloadFiles: ReadonlyMap<number | null, PayloadFileName>;
}

interface PayloadFileName {
  readonly name: string;
  /** Where it is named. */
  readonly path: readonly PropertyKey[];
}

/**
 * Translate Stratos' definitions.
 *
 * @returns Warnings for what is passed over: properties that are not known, empty, or come twice, of which the last
 * counts, and settings of network interfaces that have no meaning here.
 */
export function fromStratos(
  document: Document,
  at: ErrorOrigin,
): { readonly readings: readonly StratosReading[]; readonly warnings: readonly CartridgeWarning[] } {
  const { cartridges: found } = checked(cartridges, document.value, at, document.positionOf);
  const warnings: CartridgeWarning[] = [];
  const readings = found.map((one, index): StratosReading => {
    const path = ["cartridges", index];
    const { cartridge: translated, payloadFiles } = translate(one, path, document, warnings);
    return { cartridge: checked(cartridgeSchema, translated, at, () => document.positionOf(path)), payloadFiles };
  });
  return { readings, warnings };
}

function translate(
  found: StratosCartridge,
  path: readonly PropertyKey[],
  document: Document,
  warnings: CartridgeWarning[],
): StratosReading {
  const payloadFiles = new Map<number | null, PayloadFileName>();
  const own = layerOf(found.property, [...path, "property"], document, warnings);
  if (own.payloadFile !== undefined) payloadFiles.set(null, own.payloadFile);
  const iaasProviders = found.iaasProvider.map((provider, index): CartridgeIaasProvider => {
    const inner = [...path, "iaasProvider", index];
    const { layer, payloadFile } = layerOf(provider.property, [...inner, "property"], document, warnings);
    if (payloadFile !== undefined) payloadFiles.set(index, payloadFile);
    const networks = networksOf(provider, [...inner, "networkInterfaces"], document, warnings);
    const merged = mergeLayers([imagesOf(provider), networks, layer]);
    return { ...merged, ...definitionOf(provider, merged) };
  });
  const { category, appTypes, metadataKeys, exportingProperties, loadBalancer, loadBalancingIPType } = found;
  const { defaultAutoscalingPolicy, defaultDeploymentPolicy, serviceGroup, deployment } = found;
  const others = { category, appTypes, metadataKeys, exportingProperties, loadBalancer, loadBalancingIPType };
  const extensions = present({ ...others, defaultAutoscalingPolicy, defaultDeploymentPolicy, serviceGroup });
  const cartridge: Cartridge = {
    ...own.layer,
    ...present({
      type: found.type,
      host: found.host,
      vendor: found.provider,
      version: found.version,
      displayName: found.displayName,
      description: found.description,
      multiTenant: found.multiTenant,
      deployment:
        deployment === undefined
          ? undefined
          : { ...present({ baseFolder: deployment.baseDir }), folders: deployment.dir },
      ports: portsOf(found),
      volumes: volumesOf(found),
      extensions: Object.keys(extensions).length === 0 ? undefined : extensions,
    }),
    type: found.type,
    iaasProviders,
  };
  return { cartridge, payloadFiles };
}

function layerOf(
  found: StratosCartridge["property"],
  path: readonly PropertyKey[],
  document: Document,
  warnings: CartridgeWarning[],
): { readonly layer: CartridgeLayer; readonly payloadFile: PayloadFileName | undefined } {
  const seen = new Set<string>();
  const last = new Map<string, string>();
  let payloadFile: PayloadFileName | undefined;
  for (const [index, { name, value }] of found.entries()) {
    const warn = (message: string): void => {
      warnings.push(warningAt([...path, index], `the property ${name} ${message}`, document));
    };
    if (value.trim() === "" && needsText(name)) {
      warn("is empty: it is passed over");
      continue;
    }
    if (seen.has(name)) warn("comes twice: the last one counts");
    else if (name !== payloadProperty && meaningOf(name, value) === null) warn("is not known");
    seen.add(name);
    if (name === payloadProperty) payloadFile = { name: value, path: [...path, index] };
    else last.set(name, value);
  }
  // A partition's zone was more exact than the older name for the same.
  const ordered = [...last].toSorted(([a], [b]) => Number(b === olderZone) - Number(a === olderZone));
  const layers = ordered.map(([name, value]) => meaningOf(name, value) ?? { properties: { [name]: value } });
  const securityGroups = layers.flatMap((layer) => layer.securityGroups ?? []); // names and ids go together
  return { layer: mergeLayers([...layers, securityGroups.length === 0 ? {} : { securityGroups }]), payloadFile };
}

const olderZone = "availabilityZone";

function warningAt(path: readonly PropertyKey[], message: string, document: Document): CartridgeWarning {
  const { file, line } = document.positionOf(path);
  return { field: pathText(path), message, file, line };
}

/** Stratos writes `region/id`; images of providers without regions may have a slash of their own. */
const withoutRegions = new Set(["local", "docker", "kubernetes", "mock"]);

function imagesOf({ type, provider = type, imageId = [] }: StratosProvider): CartridgeLayer {
  const common = imageId.find(({ tenant }) => tenant === undefined)?.text;
  const ofTenants = imageId
    .filter(({ tenant }) => tenant !== undefined)
    .map(({ tenant, text: id }) => [tenant, splitImage(id, provider).image]);
  return {
    ...(common === undefined || common === "" ? {} : splitImage(common, provider)),
    ...(ofTenants.length === 0 ? {} : { tenantImages: Object.fromEntries(ofTenants) as Record<string, string> }),
  };
}

function splitImage(id: string, provider: string): { readonly image: string; readonly partition?: { region: string } } {
  const [, region, image] = /^([^/]+)\/([^/]+)$/.exec(id) ?? [];
  if (region === undefined || image === undefined || withoutRegions.has(provider)) return { image: id };
  return { image, partition: { region } };
}

function networksOf(
  { networkInterfaces = [] }: StratosProvider,
  path: readonly PropertyKey[],
  document: Document,
  warnings: CartridgeWarning[],
): CartridgeLayer {
  for (const [index, { networkUuid, portUuid, floatingNetworks = [] }] of networkInterfaces.entries()) {
    const passedOver = networkUuid === undefined ? "a network interface without networkUuid" : null;
    const port = portUuid === undefined ? null : "portUuid";
    const floating = floatingNetworks.length === 0 ? null : "floatingNetworks";
    for (const what of [passedOver, port, floating].filter((one) => one !== null)) {
      warnings.push(warningAt([...path, index], `${what} is passed over`, document));
    }
  }
  const networks = networkInterfaces.flatMap(({ networkUuid, fixedIp }) =>
    networkUuid === undefined ? [] : [{ id: networkUuid, ...present({ fixedIp }) }],
  );
  return networks.length === 0 ? {} : { networks };
}

/** What makes a new Iaas, where the type is none that is configured. A class name is never loaded as code. */
function definitionOf(provider: StratosProvider, layer: CartridgeLayer): CartridgeIaasProvider {
  const { type, name, identity, credential, provider: by, className } = provider;
  const endpoint = layer.properties?.["jclouds.endpoint"];
  const secret = credential === undefined ? undefined : new Secret(credential);
  const options = present({ identity, credential: secret, endpoint, region: layer.partition?.region });
  const isNew = identity !== undefined || credential !== undefined;
  return present({
    type,
    name,
    provider: by ?? className,
    options: isNew ? options : undefined,
  }) as CartridgeIaasProvider;
}

function portsOf({ portMapping: found }: StratosCartridge): Cartridge["ports"] {
  if (found === undefined) return undefined;
  const mappings = Array.isArray(found)
    ? found
    : (["http", "https"] as const).flatMap((protocol) => {
        const mapping = found[protocol];
        return mapping === undefined ? [] : [{ protocol, name: protocol, ...mapping }];
      });
  return mappings.map(({ name, protocol, port, proxyPort }) => ({
    name: name ?? `${protocol}-${port}`,
    port,
    protocol: protocol.toLowerCase() === "udp" ? ("udp" as const) : ("tcp" as const),
    ...(proxyPort === undefined || proxyPort === 0 ? {} : { proxyPort }),
  }));
}

function volumesOf({ persistence }: StratosCartridge): Cartridge["volumes"] {
  if (persistence === undefined || persistence.isRequired === false) return undefined;
  const volumes = persistence.volumes ?? persistence.volume ?? [];
  if (volumes.length === 0) return undefined;
  return volumes.map(({ size, device, removeOnTermination, mappingPath, snapshotId, volumeId }) =>
    present({
      volumeId,
      sizeGiB: size,
      snapshotId,
      device,
      deleteOnTermination: removeOnTermination ?? false,
      mountPath: mappingPath,
    }),
  );
}

function present<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}
