import { type Document as YamlDocument, isMap, isNode, isScalar, Lexer, LineCounter, parseDocument, visit } from "yaml";

import { type ErrorOrigin, InvalidInputError, type InputPosition } from "../iaas/errors.ts";
import type { Document } from "./document.ts";

type Origin = ErrorOrigin & { readonly file?: string | undefined };

/** What is written by hand has a few kB. */
const longestBytes = 1024 * 1024;
const deepest = 100;

/**
 * Reads YAML, of which JSON is a part.
 *
 * @throws InvalidInputError with the line of what is not YAML, has a key twice, is too deep or grows by its aliases.
 */
export function readYamlDocument(text: string, at: Origin): Document {
  const refuse = (rule: string, position: InputPosition = {}): never => {
    throw new InvalidInputError("document", rule, { ...at, ...position });
  };
  if (Buffer.byteLength(text) > longestBytes) refuse(`is longer than ${longestBytes} bytes`);
  const tooDeep = tooDeepAt(text);
  if (tooDeep !== null)
    refuse(`is nested more than ${deepest} deep`, { line: text.slice(0, tooDeep).split("\n").length });
  const lines = new LineCounter();
  // Its own check for keys that come twice takes a time that grows with the square of their number.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const placeOf = (offset: number): InputPosition => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const [error] = document.errors;
  if (error !== undefined) refuse(`cannot be read: ${error.message}`, placeOf(error.pos[0]));
  checkKeys(document, (key, offset) => refuse(`has the key ${key} twice`, placeOf(offset)));
  return {
    value: valueOf(document, refuse),
    positionOf: (path) => {
      for (let length = path.length; length > 0; length -= 1) {
        const offset = offsetOf(document, path.slice(0, length));
        if (offset !== null) return { file: at.file, ...placeOf(offset) };
      }
      return { file: at.file, line: 1, column: 1 };
    },
  };
}

function valueOf(document: YamlDocument, refuse: (rule: string) => never): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    return refuse(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Where a field begins: at its name. `null` where there is none. */
function offsetOf(document: YamlDocument, path: readonly PropertyKey[]): number | null {
  const name = path.at(-1);
  const around = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = isMap(around)
    ? around.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(name))?.key
    : document.getIn(path, true);
  return isNode(key) ? (key.range?.[0] ?? null) : null;
}

function checkKeys(document: YamlDocument, refuse: (key: string, offset: number) => never): void {
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) refuse(name, key.range?.[0] ?? 0);
        seen.add(name);
      }
    },
  });
}

/**
 * The index from which on the text is nested too deep; `null` where it is not.
 *
 * Looked at before it is parsed: the parser calls itself once for each level, and a stack that is full may end the
 * whole process.
 */
function tooDeepAt(text: string): number | null {
  // Each level outside of brackets takes a column, or two levels two.
  const indented = new RegExp(`^[-?:\\t ]{${2 * deepest}}`, "m").exec(text);
  if (indented !== null) return indented.index;
  let depth = 0;
  let index = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") depth += 1; // what is in a text is a part of a longer token
    if (token === "]" || token === "}") depth = Math.max(0, depth - 1);
    if (depth > deepest) return index;
    const isMark = ["\u0002", "\u0018", "\u001F"].includes(token); // of a document, an end and a text, in no source
    if (!isMark) index += token.length;
  }
  return null;
}
