import { type ErrorOrigin, InvalidInputError, type InputPosition } from "../iaas/errors.ts";
import { parseXml, type XmlElement } from "../transport/xml.ts";
import type { Document } from "./document.ts";

type Origin = ErrorOrigin & { readonly file?: string | undefined };

/** Which attributes and children an element may have; a list stands for elements that may come again. */
interface Shape {
  /** Besides its attributes; an element that has neither those nor children has a text anyway. */
  readonly hasText?: boolean;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly children?: Readonly<
    Record<string, { readonly as: string; readonly list?: boolean; readonly shape?: Shape }>
  >;
}

const property: Shape = { attributes: { name: "name", value: "value" } };
const properties = { property: { as: "property", list: true, shape: property } };
const mapping: Shape = { attributes: { port: "port", proxyPort: "proxyPort" } };
const iaasProvider: Shape = {
  attributes: { type: "type", name: "name" },
  children: {
    className: { as: "className" },
    provider: { as: "provider" },
    identity: { as: "identity" },
    credential: { as: "credential" },
    imageId: { as: "imageId", list: true, shape: { hasText: true, attributes: { tenant: "tenant" } } },
    maxInstanceLimit: { as: "maxInstanceLimit" },
    scaleUpOrder: { as: "scaleUpOrder" },
    scaleDownOrder: { as: "scaleDownOrder" },
    ...properties,
  },
};
/** Stratos' cartridge deployment descriptor, with the names that its JSON form has for the same. */
const cartridge: Shape = {
  attributes: { type: "type", host: "host", provider: "provider", version: "version", multiTenant: "multiTenant" },
  children: {
    displayName: { as: "displayName" },
    description: { as: "description" },
    deployment: {
      as: "deployment",
      shape: { attributes: { baseDir: "baseDir" }, children: { dir: { as: "dir", list: true } } },
    },
    portMapping: {
      as: "portMapping",
      shape: { children: { http: { as: "http", shape: mapping }, https: { as: "https", shape: mapping } } },
    },
    appTypes: {
      as: "appTypes",
      shape: {
        children: {
          appType: {
            as: "appType",
            list: true,
            shape: { attributes: { name: "name", appSpecificMapping: "appSpecificMapping" } },
          },
        },
      },
    },
    iaasProvider: { as: "iaasProvider", list: true, shape: iaasProvider },
    ...properties,
  },
};
const cartridges: Shape = { children: { cartridge: { as: "cartridges", list: true, shape: cartridge } } };

/**
 * Reads Stratos' XML form, with a `<cartridges>` or a `<cartridge>` root, into the shape of its JSON form.
 *
 * @throws InvalidInputError with the line of an element or attribute that is not known, or comes twice.
 */
export function readXmlDocument(text: string, at: Origin): Document {
  const root = parseXml(text, at);
  const lines = new Map<string, number>();
  const isKnown = root.name === "cartridges" || root.name === "cartridge";
  if (!isKnown)
    throw new InvalidInputError(root.name, "is not known: the root is cartridges or cartridge", {
      ...at,
      line: root.line,
    });
  const value =
    root.name === "cartridges"
      ? toValue(root, cartridges, [], lines, at)
      : { cartridges: [toValue(root, cartridge, ["cartridges", 0], lines, at)] };
  return { value, positionOf: (path) => nearest(path, lines, at) };
}

function toValue(
  element: XmlElement,
  shape: Shape,
  path: readonly PropertyKey[],
  lines: Map<string, number>,
  at: Origin,
): unknown {
  lines.set(path.join("/"), element.line);
  const { attributes = {}, children = {} } = shape;
  const value: Record<string, unknown> = {};
  const place = { ...at, line: element.line };
  for (const [name, text] of Object.entries(element.attributes)) {
    const as = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    if (as === undefined) throw new InvalidInputError(`${element.name}@${name}`, "is not known", place);
    value[as] = text;
  }
  for (const child of element.children) {
    const known = Object.hasOwn(children, child.name) ? children[child.name] : undefined;
    const field = `${element.name}/${child.name}`;
    if (known === undefined) throw new InvalidInputError(field, "is not known", { ...at, line: child.line });
    const before = value[known.as];
    const index = Array.isArray(before) ? before.length : 0;
    const inner = known.list === true ? [...path, known.as, index] : [...path, known.as];
    const read = toValue(child, known.shape ?? {}, inner, lines, at);
    if (known.list === true) value[known.as] = [...(Array.isArray(before) ? (before as unknown[]) : []), read];
    else if (before === undefined) value[known.as] = read;
    else throw new InvalidInputError(field, "comes twice", { ...at, line: child.line });
  }
  if (shape.attributes === undefined && shape.children === undefined) return element.text;
  if (shape.hasText === true) value["text"] = element.text;
  else if (element.text !== "") throw new InvalidInputError(`${element.name}/text()`, "is not known", place);
  return value;
}

function nearest(path: readonly PropertyKey[], lines: ReadonlyMap<string, number>, at: Origin): InputPosition {
  for (let length = path.length; length >= 0; length -= 1) {
    const line = lines.get(path.slice(0, length).join("/"));
    if (line !== undefined) return { file: at.file, line };
  }
  return { file: at.file };
}
