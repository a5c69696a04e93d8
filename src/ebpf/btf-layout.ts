import { btfHeaderBytes, btfKind, btfMagic, btfVersion, extraWords, typeHeaderWords } from './btf-format.ts';

/** Types as 32-bit words and strings: views of `bytes`, the words a copy if they are not aligned. Throws when the header is wrong. */
export function splitBtf(bytes: Uint8Array): { words: Uint32Array; strings: Buffer } {
  const { typesOffset, typesLength, stringsOffset, stringsLength } = readHeader(bytes);
  const inPlace = bytes.subarray(typesOffset, typesOffset + typesLength);
  const types = inPlace.byteOffset % 4 === 0 ? inPlace : new Uint8Array(inPlace);
  const strings = Buffer.from(bytes.buffer, bytes.byteOffset + stringsOffset, stringsLength);
  return { words: new Uint32Array(types.buffer, types.byteOffset, typesLength / 4), strings };
}

/** Index of the first word of each type, by id. Throws on a kind of unknown length and when the last type is cut. */
export function findTypeStarts(words: Uint32Array): Uint32Array {
  const starts = new Uint32Array(Math.floor(words.length / typeHeaderWords) + 1);
  let count = 0;
  for (let position = 0; position < words.length; ) {
    starts[++count] = position;
    const info = words[position + 1] ?? 0;
    const kind = (info >>> 24) & 0x1f;
    const extra = extraWords[kind];
    if (extra === undefined || kind === btfKind.void) throw new Error(`BTF type ${count} has unknown kind ${kind}`);
    position += typeHeaderWords + extra.fixed + extra.each * (info & 0xffff);
    if (position > words.length) throw new Error(`BTF is cut in type ${count}`);
  }
  return starts.subarray(0, count + 1);
}

function readHeader(bytes: Uint8Array) {
  if (bytes.length < btfHeaderBytes) throw new Error(`BTF of ${bytes.length} bytes has no header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint16(0, true);
  if (magic !== btfMagic) throw new Error(`BTF magic is 0x${magic.toString(16)}, not 0x${btfMagic.toString(16)}`);
  const version = view.getUint8(2);
  if (version !== btfVersion) throw new Error(`BTF version ${version} is not supported: only ${btfVersion} is`);
  const body = view.getUint32(4, true);
  const typesOffset = body + view.getUint32(8, true);
  const typesLength = view.getUint32(12, true);
  const stringsOffset = body + view.getUint32(16, true);
  const stringsLength = view.getUint32(20, true);
  if (typesOffset + typesLength > bytes.length || stringsOffset + stringsLength > bytes.length) {
    throw new Error(`BTF of ${bytes.length} bytes is cut: its header promises more`);
  }
  if (typesLength % 4 !== 0) throw new Error(`BTF types of ${typesLength} bytes are not a whole number of words`);
  return { typesOffset, typesLength, stringsOffset, stringsLength };
}
