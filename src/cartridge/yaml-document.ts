import { LineCounter, parseDocument, isNode } from "yaml";

import { type ErrorOrigin, InvalidInputError } from "../iaas/errors.ts";
import type { Document } from "./document.ts";

/** Reads YAML, of which JSON is a part. @throws InvalidInputError with the line of what is not YAML. */
export function readYamlDocument(text: string, at: ErrorOrigin & { readonly file?: string | undefined }): Document {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new InvalidInputError("document", `cannot be read: ${error.message}`, { ...at, line, column: col });
  }
  return {
    value: document.toJS({ maxAliasCount: 100 }) as unknown,
    positionOf: (path) => {
      for (let length = path.length; length > 0; length -= 1) {
        const node = document.getIn(path.slice(0, length), true);
        if (!isNode(node) || node.range == null) continue;
        const { line, col } = lines.linePos(node.range[0]);
        return { file: at.file, line, column: col };
      }
      return { file: at.file, line: 1, column: 1 };
    },
  };
}
