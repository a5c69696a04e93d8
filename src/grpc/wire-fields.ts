import { ProtobufWriter } from './protobuf-writer.ts';

/** Fields by number: the whole of one, or what the tree below it names. */
export type FieldTree = Map<number, 'whole' | FieldTree>;

/**
 * Copies the fields of an encoded message that `tree` names, or, with `exclude`, those that it does not name. Every
 * element of a repeated field is treated alike.
 */
export function cutFields(message: Buffer, tree: FieldTree, exclude: boolean): Buffer {
  const writer = new ProtobufWriter(message.length + 64);
  for (let offset = 0; offset < message.length; ) {
    const field = readField(message, offset);
    const branch = tree.get(field.number);
    if (branch === undefined || branch === 'whole') {
      if ((branch === 'whole') !== exclude) writer.raw(message.subarray(offset, field.end));
    } else {
      const start = writer.open(field.number);
      writer.raw(cutFields(message.subarray(field.start, field.end), branch, exclude));
      writer.close(start);
    }
    offset = field.end;
  }
  return writer.take();
}

/** A field of an encoded message: tag at `offset`, content `start .. end`. */
export interface WireField {
  readonly number: number;
  readonly start: number;
  readonly end: number;
}

/** Reads the field whose tag stands at `offset`. For messages of our own encoder: damage is not looked for. */
export function readField(message: Buffer, offset: number): WireField {
  const tag = readVarint(message, offset);
  const number = Math.floor(tag.value / 8);
  switch (tag.value % 8) {
    case 0: {
      const { end } = readVarint(message, tag.end);
      return { number, start: tag.end, end };
    }
    case 1:
      return { number, start: tag.end, end: tag.end + 8 };
    case 5:
      return { number, start: tag.end, end: tag.end + 4 };
    default: {
      const length = readVarint(message, tag.end);
      return { number, start: length.end, end: length.end + length.value };
    }
  }
}

function readVarint(message: Buffer, offset: number): { value: number; end: number } {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = message[offset++]!;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, end: offset };
    factor *= 0x80;
  }
}
