import { XMLParser, XMLValidator } from "fast-xml-parser";

import { type ErrorOrigin, InvalidInputError, type InputPosition } from "../iaas/errors.ts";

/** An element as it stands in the document; nothing is guessed of its texts. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** Its own text, without blanks around it. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

type Node = Readonly<Record<string | symbol, unknown>>;

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  attributesGroupName: false,
  parseTagValue: false,
  parseAttributeValue: false,
  processEntities: false, // decoded below: the five and character references, nothing a document declares
  ignoreDeclaration: true,
  captureMetaData: true,
});
const metaData = XMLParser.getMetaDataSymbol() as symbol;
const longestBytes = 8 * 1024 * 1024;
const deepest = 100;

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/**
 * Read a document whole.
 *
 * @throws InvalidInputError with file, line and column for what is not well-formed: cut off, with a DOCTYPE or a
 * processing instruction, with entities of its own, too long or too deep.
 */
export function parseXml(text: string, at: ErrorOrigin & { readonly file?: string | undefined }): XmlElement {
  const refuse = (rule: string, position: InputPosition = {}): never => {
    throw new InvalidInputError("document", rule, { ...at, ...position });
  };
  if (Buffer.byteLength(text) > longestBytes) refuse(`is longer than ${longestBytes} bytes`);
  const forbidden = /<!(?!--|\[CDATA\[)|<\?(?!xml[\s?])/i.exec(text);
  if (forbidden !== null)
    refuse("must not have a DOCTYPE or processing instruction", positionOf(text, forbidden.index));
  if (deepestOf(text) > deepest) refuse(`is nested more than ${deepest} deep`);
  const valid = XMLValidator.validate(text);
  if (valid !== true) refuse(`is no XML: ${valid.err.msg}`, { line: valid.err.line, column: valid.err.col });
  const root = (parser.parse(text) as Node[]).find((node) => nameOf(node) !== undefined);
  if (root === undefined) return refuse("is empty");
  return toElement(root, text, (rule, index) => refuse(rule, positionOf(text, index)));
}

function toElement(node: Node, text: string, refuse: (rule: string, index: number) => never): XmlElement {
  const name = nameOf(node) ?? "";
  const { startIndex = 0 } = (node[metaData] ?? {}) as { readonly startIndex?: number };
  const decode = (value: string): string =>
    decoded(value, (entity) => refuse(`has the unknown entity ${entity}`, startIndex));
  const inner = node[name] as readonly Node[];
  const texts = inner.filter((child) => "#text" in child).map((child) => String(child["#text"]));
  const attributes = Object.entries((node[":@"] ?? {}) as Record<string, string>);
  return {
    name,
    attributes: Object.fromEntries(attributes.map(([key, value]) => [key, decode(value)])),
    children: inner.filter((child) => nameOf(child) !== undefined).map((child) => toElement(child, text, refuse)),
    text: texts.map(decode).join("").trim(),
    line: positionOf(text, startIndex).line,
  };
}

function nameOf(node: Node): string | undefined {
  return Object.keys(node).find((key) => key !== ":@" && key !== "#text");
}

function decoded(text: string, refuse: (entity: string) => never): string {
  return text.replaceAll(/&([^;\s]{0,32});?/g, (entity, name: string) => {
    const known = Object.hasOwn(entities, name) ? entities[name] : undefined;
    if (known !== undefined && entity.endsWith(";")) return known;
    const [, hex, decimal] = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name) ?? [];
    const code = hex === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : refuse(entity);
  });
}

/** Counted before the parser runs: it calls itself once for each level. */
function deepestOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (const [tag] of text.matchAll(/<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<[^<>]*>/g)) {
    if (tag.startsWith("<!") || tag.startsWith("<?") || tag.endsWith("/>")) continue;
    depth += tag.startsWith("</") ? -1 : 1;
    most = Math.max(most, depth);
  }
  return most;
}

function positionOf(text: string, index: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, index).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}
