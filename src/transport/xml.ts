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
/** Ends the reading; the index tells the place in the text. */
type Refuse = (rule: string, index?: number) => never;
type PlaceOf = (index: number) => { readonly line: number; readonly column: number };

const textName = "#text";
const cdataName = "#cdata";
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: "",
  attributesGroupName: false,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false, // a comment in a text would take the blanks beside it along
  processEntities: false, // decoded below: the five and character references, nothing a document declares
  textNodeName: textName,
  cdataPropName: cdataName, // apart from other texts: nothing in it is decoded
  ignoreDeclaration: true,
  captureMetaData: true,
});
const metaData = XMLParser.getMetaDataSymbol() as symbol;
/** What is written by hand has a few kB. */
const longestBytes = 1024 * 1024;
const deepest = 100;
const longestReason = 200;

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

/**
 * Read a document whole.
 *
 * @throws InvalidInputError with file, line and column for what is not well-formed: cut off, with a DOCTYPE or a
 * processing instruction, with entities of its own, too long or too deep.
 */
export function parseXml(source: string, at: ErrorOrigin & { readonly file?: string | undefined }): XmlElement {
  const document = source.replace(/^\uFEFF/, "");
  const refuse = (rule: string, position: InputPosition = {}): never => {
    throw new InvalidInputError("document", rule, { ...at, ...position });
  };
  if (Buffer.byteLength(document) > longestBytes) refuse(`is longer than ${longestBytes} bytes`);
  const placeOf = placesIn(document);
  const refuseAt: Refuse = (rule, index) => refuse(rule, index === undefined ? {} : placeOf(index));
  checkMarkup(document, refuseAt);
  const valid = XMLValidator.validate(document);
  if (valid !== true) {
    const { msg, line, col } = valid.err;
    refuse(`is no XML: ${msg.slice(0, longestReason)}`, { line, column: col });
  }
  const root = nodesOf(document, refuseAt).find((node) => nameOf(node) !== undefined);
  return root === undefined ? refuse("is empty") : toElement(root, placeOf, refuseAt);
}

function nodesOf(document: string, refuse: Refuse): readonly Node[] {
  try {
    return parser.parse(document) as Node[];
  } catch (error) {
    // It has its own opinion on some names, as `constructor`.
    return refuse(`cannot be read: ${String(error).slice(0, longestReason)}`);
  }
}

function toElement(node: Node, placeOf: PlaceOf, refuse: Refuse): XmlElement {
  const name = nameOf(node) ?? "";
  const { startIndex = 0 } = (node[metaData] ?? {}) as { readonly startIndex?: number };
  const decode = (value: string): string =>
    decoded(value, (entity) => refuse(`has the unknown entity ${entity}`, startIndex));
  const inner = node[name] as readonly Node[];
  const attributes = Object.entries((node[":@"] ?? {}) as Record<string, string>);
  return {
    name,
    attributes: Object.fromEntries(attributes.map(([key, value]) => [key, decode(value)])),
    children: inner.filter((child) => nameOf(child) !== undefined).map((child) => toElement(child, placeOf, refuse)),
    text: inner
      .map((child) => textOf(child, decode))
      .join("")
      .trim(),
    line: placeOf(startIndex).line,
  };
}

function textOf(node: Node, decode: (value: string) => string): string {
  if (textName in node) return decode(String(node[textName]));
  return cdataName in node ? (node[cdataName] as readonly Node[]).map((part) => String(part[textName])).join("") : "";
}

function nameOf(node: Node): string | undefined {
  return Object.keys(node).find((key) => key !== ":@" && key !== textName && key !== cdataName);
}

function decoded(value: string, refuse: (entity: string) => never): string {
  return value.replaceAll(/&([^;\s]{0,32});?/g, (entity, name: string) => {
    const known = Object.hasOwn(entities, name) ? entities[name] : undefined;
    if (known !== undefined && entity.endsWith(";")) return known;
    const [, hex, decimal] = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name) ?? [];
    const code = hex === undefined ? Number(decimal ?? Number.NaN) : Number.parseInt(hex, 16);
    return isCharacter(code) && entity.endsWith(";") ? String.fromCodePoint(code) : refuse(entity);
  });
}

/** @see https://www.w3.org/TR/xml/#charsets */
function isCharacter(code: number): boolean {
  const isSurrogate = code >= 0xd8_00 && code <= 0xdf_ff;
  return [0x9, 0xa, 0xd].includes(code) || (code >= 0x20 && code <= 0x10_ff_ff && !isSurrogate);
}

const enclosed = [
  ["<!--", "-->"],
  ["<![CDATA[", "]]>"],
] as const;
const tag = /<(?:\/[^\s<>!?/"'=&]+\s*|[^\s<>!?/"'=&][^<>"']*(?:"[^"<]*"[^<>"']*|'[^'<]*'[^<>"']*)*)>/y;

/**
 * What the validator lets pass or tells no place of: what does not end, a second root, what is too deep, and what this
 * library does not take. Looks at each character once.
 */
function checkMarkup(document: string, refuse: Refuse): void {
  const open: number[] = [];
  let hasRoot = false;
  for (let index = 0; index < document.length;) {
    const next = document.indexOf("<", index);
    const start = next === -1 ? document.length : next;
    const isOutside = open.length === 0;
    if (isOutside && document.slice(index, start).trim() !== "") refuse("has text outside of its root", index);
    if (next === -1) break;
    index = endOfMarkup(document, start, refuse);
    if (document[start + 1] === "!" || document[start + 1] === "?") continue;
    if (document[start + 1] === "/") {
      open.pop();
      continue;
    }
    if (isOutside && hasRoot) refuse("has more than one root", start);
    hasRoot = true;
    if (document[index - 2] === "/") continue;
    open.push(start);
    if (open.length > deepest) refuse(`is nested more than ${deepest} deep`, start);
  }
  const last = open.at(-1);
  if (last !== undefined) refuse("is cut off: an element does not end", last);
}

function endOfMarkup(document: string, start: number, refuse: Refuse): number {
  const ofDeclaration = start === 0 && /^<\?xml\s/.test(document) ? ([["<?xml", "?>"]] as const) : [];
  for (const [begin, end] of [...enclosed, ...ofDeclaration]) {
    if (!document.startsWith(begin, start)) continue;
    const index = document.indexOf(end, start + begin.length);
    return index === -1 ? refuse(`is cut off: ${begin} without ${end}`, start) : index + end.length;
  }
  if (/[!?]/.test(document[start + 1] ?? "")) refuse("must not have a DOCTYPE or processing instruction", start);
  tag.lastIndex = start;
  return tag.test(document) ? tag.lastIndex : refuse("has a tag that does not end", start);
}

/** Tells line and column of an index; made once for a document, so that each answer is quick. */
function placesIn(document: string): PlaceOf {
  const starts = [0];
  for (let end = document.indexOf("\n"); end !== -1; end = document.indexOf("\n", end + 1)) starts.push(end + 1);
  return (index) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((starts[middle] ?? 0) <= index) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: index - (starts[low] ?? 0) + 1 };
  };
}
