/** Before each piece of output: where it was written to, three zeros, and its length. */
const headerBytes = 8;

/**
 * What a container has written, in the order in which it came.
 *
 * @param isTerminal Then the engine sends it as it is; else in pieces with a header each.
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export function textOf(answer: Buffer, isTerminal: boolean): Buffer {
  if (isTerminal) return answer;
  const pieces: Buffer[] = [];
  for (let start = 0; start + headerBytes <= answer.length;) {
    const begin = start + headerBytes;
    start = begin + answer.readUInt32BE(start + 4);
    pieces.push(answer.subarray(begin, start));
  }
  return Buffer.concat(pieces);
}
