import { z } from "zod";

import type { ErrorOrigin } from "../iaas/errors.ts";
import { checked, pathText } from "./define.ts";
import type { CartridgeWarning, Document } from "./document.ts";
import { mergeLayers } from "./merge.ts";
import type { Cartridge, CartridgeIaasProvider, CartridgeLayer } from "./model.ts";
import { meaningOf, payloadProperty } from "./stratos-properties.ts";

const text = z.string();
/** Stratos' samples quote numbers and truth values as often as not. */
const number = z.union([z.int(), z.string().regex(/^\d+$/, "must be a whole number").transform(Number)]);
const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((word) => word === "true")]);
const properties = z.array(z.strictObject({ name: text.min(1), value: text, text: text.optional() })).default([]);

const networkInterface = z.strictObject({
  name: text.optional(),
  networkUuid: text.optional(),
  fixedIp: text.optional(),
  portUuid: text.optional(),
  floatingNetworks: z.array(z.unknown()).optional(),
});

const volume = z.strictObject({
  id: text.optional(),
  size: number.optional(),
  device: text.optional(),
  removeOnTermination: flag.optional(),
  mappingPath: text.optional(),
  snapshotId: text.optional(),
  volumeId: text.optional(),
});

/** XML may name an image for each tenant; JSON has one text. */
const imageId = z.union([
  text.transform((id) => [{ text: id, tenant: undefined }]),
  z.array(z.strictObject({ text: text.default(""), tenant: text.optional() })),
]);

const iaasProvider = z.strictObject({
  type: text.min(1),
  name: text.optional(),
  className: text.optional(),
  provider: text.optional(),
  identity: text.optional(),
  credential: text.optional(),
  imageId: imageId.optional(),
  maxInstanceLimit: number.optional(),
  scaleUpOrder: number.optional(),
  scaleDownOrder: number.optional(),
  property: properties,
  networkInterfaces: z.array(networkInterface).optional(),
});

const portMapping = z.strictObject({
  name: text.optional(),
  protocol: text,
  port: number,
  proxyPort: number.optional(),
  kubernetesPortType: text.optional(),
});
const xmlMapping = z.strictObject({ port: number, proxyPort: number.optional() });

const cartridge = z.strictObject({
  type: text.min(1),
  host: text.optional(),
  provider: text.optional(),
  version: text.optional(),
  displayName: text.optional(),
  description: text.optional(),
  multiTenant: flag.optional(),
  deployment: z.strictObject({ baseDir: text.optional(), dir: z.array(text).default([]) }).optional(),
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
  readonly payloadFiles: ReadonlyMap<number | null, string>;
}

/**
 * Translate Stratos' definitions.
 *
 * @returns Warnings for properties that are not known, and for those that come twice, of which the last counts.
 */
export function fromStratos(
  document: Document,
  at: ErrorOrigin,
): { readonly readings: readonly StratosReading[]; readonly warnings: readonly CartridgeWarning[] } {
  const { cartridges: found } = checked(cartridges, document.value, at, document.positionOf);
  const warnings: CartridgeWarning[] = [];
  const readings = found.map((one, index) => translate(one, ["cartridges", index], document, warnings));
  return { readings, warnings };
}

function translate(
  found: StratosCartridge,
  path: readonly PropertyKey[],
  document: Document,
  warnings: CartridgeWarning[],
): StratosReading {
  const payloadFiles = new Map<number | null, string>();
  const own = layerOf(found.property, [...path, "property"], document, warnings);
  if (own.payloadFile !== undefined) payloadFiles.set(null, own.payloadFile);
  const iaasProviders = found.iaasProvider.map((provider, index): CartridgeIaasProvider => {
    const inner = [...path, "iaasProvider", index];
    const { layer, payloadFile } = layerOf(provider.property, [...inner, "property"], document, warnings);
    if (payloadFile !== undefined) payloadFiles.set(index, payloadFile);
    return { ...mergeLayers([imagesOf(provider), networksOf(provider), layer]), ...definitionOf(provider, layer) };
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
): { readonly layer: CartridgeLayer; readonly payloadFile: string | undefined } {
  const warn = (index: number, message: string): void => {
    const { file, line } = document.positionOf([...path, index]);
    warnings.push({ field: pathText([...path, index]), message, file, line });
  };
  const last = new Map<string, string>();
  for (const [index, { name, value }] of found.entries()) {
    if (last.has(name)) warn(index, `the property ${name} comes twice: the last one counts`);
    else if (name !== payloadProperty && meaningOf(name, value) === null)
      warn(index, `the property ${name} is not known`);
    last.set(name, value);
  }
  const payloadFile = last.get(payloadProperty);
  last.delete(payloadProperty);
  // A partition's zone was more exact than the older name for the same.
  const ordered = [...last].toSorted(([a]) => (a === "availabilityZone" ? -1 : 0));
  const layers = ordered.map(([name, value]) => meaningOf(name, value) ?? { properties: { [name]: value } });
  return { layer: mergeLayers(layers), payloadFile };
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

function networksOf({ networkInterfaces = [] }: StratosProvider): CartridgeLayer {
  const networks = networkInterfaces.flatMap(({ networkUuid, fixedIp }) =>
    networkUuid === undefined ? [] : [{ id: networkUuid, ...(fixedIp === undefined ? {} : { fixedIp }) }],
  );
  return networks.length === 0 ? {} : { networks };
}

/** What makes a new Iaas, where the type is none that is configured. A class name is never loaded as code. */
function definitionOf(provider: StratosProvider, layer: CartridgeLayer): CartridgeIaasProvider {
  const { type, name, identity, credential, provider: by, className } = provider;
  const endpoint = layer.properties?.["jclouds.endpoint"];
  const options = present({ identity, credential, endpoint, region: layer.partition?.region });
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
      snapshotId: snapshotId === "" ? undefined : snapshotId,
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
