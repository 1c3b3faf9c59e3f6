const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** The lines of a byte stream without their ends, whatever their bytes; a last line without an end counts too. */
export async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let parts: Uint8Array[] = [];
  for await (const chunk of input) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, end));
      yield withoutReturn(Buffer.concat(parts));
      parts = [];
      from = end + 1;
    }
    if (from < chunk.length) parts.push(chunk.subarray(from));
  }
  if (parts.length > 0) yield withoutReturn(Buffer.concat(parts));
}

/** Windows ends lines with two characters. */
function withoutReturn(line: Buffer): Uint8Array {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}
