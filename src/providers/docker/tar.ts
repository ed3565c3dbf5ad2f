/** A file, or a link to one, on its way into a container. */
export interface TarEntry {
  /** Relative, with `/` between its parts. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
  readonly userId?: number;
  readonly groupId?: number;
  /** What the link leads to; `content` is empty then. */
  readonly linkTo?: string;
  readonly isFolder?: boolean;
}

const block = 512;
const types = { file: "0", link: "2", folder: "5", extended: "x" } as const;

/**
 * The entries as a POSIX tar archive, which an engine unpacks into a container.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export function tar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(blocksOf), Buffer.alloc(2 * block)]);
}

function blocksOf(entry: TarEntry): Buffer[] {
  const type = entry.linkTo !== undefined ? types.link : entry.isFolder === true ? types.folder : types.file;
  return [...extensionOf(entry), header(entry, type), padded(entry.content)];
}

/** What a header has no room for, or no way to write, goes before it as a list of records. */
function extensionOf({ path, linkTo = "" }: TarEntry): Buffer[] {
  const records = [record("path", path), record("linkpath", linkTo)].join("");
  if (records === "") return [];
  const content = Buffer.from(records);
  return [header({ path: "extended", content, mode: 0o644 }, types.extended), padded(content)];
}

/** `LENGTH name=value\n`, where the length counts itself; empty for what a header can hold. */
function record(name: string, value: string): string {
  if (Buffer.byteLength(value) <= 100 && /^[\x20-\x7e]*$/.test(value)) return "";
  const rest = ` ${name}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (String(length).length + Buffer.byteLength(rest) !== length) {
    length = String(length).length + Buffer.byteLength(rest);
  }
  return `${length}${rest}`;
}

function header(entry: TarEntry, type: string): Buffer {
  const { path, content, mode, userId = 0, groupId = 0, linkTo = "" } = entry;
  const bytes = Buffer.alloc(block);
  bytes.write(path, 0, 100);
  bytes.write(octal(mode, 8), 100);
  bytes.write(octal(userId, 8), 108);
  bytes.write(octal(groupId, 8), 116);
  bytes.write(octal(content.byteLength, 12), 124);
  bytes.write(octal(Math.floor(Date.now() / 1_000), 12), 136);
  bytes.write(" ".repeat(8), 148); // the checksum counts its own field as blanks
  bytes.write(type, 156);
  bytes.write(linkTo, 157, 100);
  bytes.write("ustar\u000000", 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return bytes;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\0`;
}

function padded(content: Uint8Array): Buffer {
  return Buffer.concat([content, Buffer.alloc((block - (content.byteLength % block)) % block)]);
}
