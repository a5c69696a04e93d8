import { JsonWriter } from '../events/json/json-writer.ts';
import { type FieldTree, findChild } from './field-tree.ts';

/** What happens to the fields of a tree: they alone stay, or all but them. */
export type CutMode = 'include' | 'exclude';

/**
 * Copies the JSON object at `bytes[start]` without the fields that a tree takes away, byte by byte: no value is parsed.
 * Lists are looked through, so that a field names the same member of each element. Objects stay, also when nothing is
 * left in them. The bytes must be JSON without white space, as our encoder writes it.
 */
export class JsonCutter {
  /** The copy is `writer.buffer[0 .. writer.length]`; the caller resets it and may write around the copy. */
  readonly writer = new JsonWriter();

  /** Returns the position behind the object. */
  object(bytes: Buffer, start: number, tree: FieldTree, mode: CutMode): number {
    const { writer } = this;
    writer.byte(OPEN_BRACE);
    let position = start + 1;
    let first = true;
    while (bytes[position] !== CLOSE_BRACE) {
      const key = bytes[position] === COMMA ? position + 1 : position;
      const keyEnd = skipString(bytes, key);
      const child = findChild(tree, bytes, key + 1, keyEnd - 1);
      const isWhole = child !== undefined && child.children.length === 0;
      if (child === undefined ? mode === 'include' : isWhole && mode === 'exclude') {
        position = skipValue(bytes, keyEnd + 1);
        continue;
      }
      if (!first) writer.byte(COMMA);
      first = false;
      const value = keyEnd + 1;
      if (child === undefined || isWhole) {
        position = skipValue(bytes, value);
        writer.rawRange(bytes, key, position);
      } else {
        writer.rawRange(bytes, key, value);
        position = this.#value(bytes, value, child, mode);
      }
    }
    writer.byte(CLOSE_BRACE);
    return position + 1;
  }

  #value(bytes: Buffer, start: number, tree: FieldTree, mode: CutMode): number {
    if (bytes[start] === OPEN_BRACE) return this.object(bytes, start, tree, mode);
    if (bytes[start] === OPEN_BRACKET) return this.#list(bytes, start, tree, mode);
    const end = skipValue(bytes, start);
    this.writer.rawRange(bytes, start, end);
    return end;
  }

  #list(bytes: Buffer, start: number, tree: FieldTree, mode: CutMode): number {
    this.writer.byte(OPEN_BRACKET);
    let position = start + 1;
    while (bytes[position] !== CLOSE_BRACKET) {
      if (bytes[position] === COMMA) {
        this.writer.byte(COMMA);
        position++;
      }
      position = this.#value(bytes, position, tree, mode);
    }
    this.writer.byte(CLOSE_BRACKET);
    return position + 1;
  }
}

/** Behind the string whose opening quote is at `start`. */
export function skipString(bytes: Buffer, start: number): number {
  let position = start + 1;
  for (; bytes[position] !== QUOTE; position++) {
    if (bytes[position] === BACKSLASH) position++;
  }
  return position + 1;
}

/** Behind the value at `start`. */
function skipValue(bytes: Buffer, start: number): number {
  let depth = 0;
  let position = start;
  for (;;) {
    switch (bytes[position]) {
      case QUOTE:
        position = skipString(bytes, position);
        if (depth === 0) return position;
        continue;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        /* A bare number ends where its object does. */
        if (depth === 0) return position;
        if (--depth === 0) return position + 1;
        break;
      case COMMA:
        if (depth === 0) return position;
        break;
      default:
        if (position >= bytes.length) throw new RangeError('The JSON text ends inside a value');
    }
    position++;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
