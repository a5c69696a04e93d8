/**
 * Writes JSON bytes into one buffer that is reused for every event and grows when needed. Text goes in as the kernel's
 * bytes, without becoming a JavaScript string on the way: what is not UTF-8 is replaced by U+FFFD, one for each run of
 * invalid bytes, as Tetragon does.
 */
export class JsonWriter {
  /** What was written is `buffer[start .. length]`; `start` is 0 except behind what others have in a buffer of theirs. */
  buffer: Buffer;
  start = 0;
  length = 0;
  /** The same bytes as `buffer`. */
  view: DataView;
  #own: Buffer;
  #ownView: DataView;

  constructor(capacity = 64 * 1024) {
    this.#own = Buffer.allocUnsafe(capacity);
    this.#ownView = viewOf(this.#own);
    this.buffer = this.#own;
    this.view = this.#ownView;
  }

  /** Forgets what was written; gives back the memory of an unusually large event. */
  reset(): void {
    if (this.#own.length > maxIdleCapacity) this.#setOwn(Buffer.allocUnsafe(maxIdleCapacity));
    this.buffer = this.#own;
    this.view = this.#ownView;
    this.start = 0;
    this.length = 0;
  }

  /**
   * Forgets what was written and goes on at `position` of a buffer that somebody lends, until the next `reset`. What does
   * not fit there goes to the writer's own buffer, with all that was written since: `buffer` tells.
   */
  borrow(buffer: Buffer, view: DataView, position: number): void {
    this.buffer = buffer;
    this.view = view;
    this.start = position;
    this.length = position;
  }

  /** A copy of what was written. */
  take(): Buffer {
    return Buffer.from(this.buffer.subarray(this.start, this.length));
  }

  /** Bytes that are JSON already. */
  raw(bytes: Buffer): void {
    const size = bytes.length;
    this.reserve(size);
    if (size < inlineCopyBytes) this.#copyInline(bytes, 0, size);
    else this.buffer.set(bytes, this.length);
    this.length += size;
  }

  rawRange(bytes: Buffer, start: number, end: number): void {
    this.reserve(end - start);
    if (end - start < inlineCopyBytes) this.#copyInline(bytes, start, end);
    else bytes.copy(this.buffer, this.length, start, end);
    this.length += end - start;
  }

  /** ASCII text that needs no escapes. Text that is always the same is faster as bytes, with `raw`. */
  ascii(text: string): void {
    this.reserve(text.length);
    const { buffer } = this;
    let out = this.length;
    for (let index = 0; index < text.length; index++) buffer[out++] = text.charCodeAt(index);
    this.length = out;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** A JSON string, quotes included, from bytes. */
  string(bytes: Buffer, start: number, end: number): void {
    this.byte(QUOTE);
    this.escaped(bytes, start, end);
    this.byte(QUOTE);
  }

  /** A JSON string from JavaScript text; for text that does not come from the kernel. */
  text(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.string(bytes, 0, bytes.length);
  }

  /** The inside of a JSON string. */
  escaped(bytes: Buffer, start: number, end: number): void {
    let index = start;
    while (index < end) {
      const limit = Math.min(end, index + escapeChunkBytes);
      this.reserve((limit - index) * maxBytesPerByte + maxBytesPerByte);
      index = this.#escapeChunk(bytes, index, limit, end);
    }
  }

  /** The same for bytes of which there is a view too: four at once, as far as they stand for themselves. */
  escapedWords(bytes: Buffer, view: DataView, start: number, end: number): void {
    this.reserve(end - start);
    const { view: target } = this;
    let index = start;
    let out = this.length;
    for (; index + 4 <= end; index += 4, out += 4) {
      const word = view.getInt32(index, true);
      if (!isPlainWord(word)) break;
      target.setInt32(out, word, true);
    }
    this.length = out;
    if (index < end) this.escaped(bytes, index, end);
  }

  /** `.123456789`, or 3 or 6 digits when the rest are zeros, or nothing; below 10^9. */
  fraction(nanoseconds: number): void {
    if (nanoseconds === 0) return;
    this.reserve(maxFractionBytes);
    const { view } = this;
    const millis = (nanoseconds / 1_000_000) | 0;
    const rest = nanoseconds - millis * 1_000_000;
    view.setUint8(this.length, DOT);
    view.setInt32(this.length + 1, threeDigits[millis]!, true);
    this.length += 4;
    if (rest === 0) return;
    const micros = (rest / 1000) | 0;
    const nanos = rest - micros * 1000;
    view.setInt32(this.length, threeDigits[micros]!, true);
    view.setInt32(this.length + 3, threeDigits[nanos]!, true);
    this.length += nanos === 0 ? 3 : 6;
  }

  /** An unsigned number below 2^32. */
  uint(value: number): void {
    this.reserve(10);
    this.length = writeUint(this.buffer, this.length, value);
  }

  /** A signed 32-bit number. */
  int(value: number): void {
    if (value < 0) {
      this.byte(MINUS);
      value = -value;
    }
    this.uint(value);
  }

  /** An unsigned 64-bit number in decimal, without quotes. */
  uint64(low: number, high: number): void {
    this.reserve(20);
    this.length = writeUint64(this.buffer, this.length, low, high);
  }

  /** A signed 64-bit number in decimal, without quotes. */
  int64(low: number, high: number): void {
    if (high >>> 31 === 1) {
      this.byte(MINUS);
      high = (~high + (low === 0 ? 1 : 0)) >>> 0;
      low = -low >>> 0;
    }
    this.uint64(low, high);
  }

  /** Standard base64 with padding, without quotes. */
  base64(bytes: Buffer, start: number, end: number): void {
    this.reserve(Math.ceil((end - start) / 3) * 4);
    const { buffer } = this;
    let out = this.length;
    let index = start;
    for (; index + 2 < end; index += 3) {
      const group = (bytes[index]! << 16) | (bytes[index + 1]! << 8) | bytes[index + 2]!;
      buffer[out++] = base64Digits[group >>> 18]!;
      buffer[out++] = base64Digits[(group >>> 12) & 63]!;
      buffer[out++] = base64Digits[(group >>> 6) & 63]!;
      buffer[out++] = base64Digits[group & 63]!;
    }
    if (index < end) {
      const second = index + 1 < end ? bytes[index + 1]! : 0;
      const group = (bytes[index]! << 16) | (second << 8);
      buffer[out++] = base64Digits[group >>> 18]!;
      buffer[out++] = base64Digits[(group >>> 12) & 63]!;
      buffer[out++] = index + 1 < end ? base64Digits[(group >>> 6) & 63]! : EQUALS;
      buffer[out++] = EQUALS;
    }
    this.length = out;
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    if (this.length + size > this.buffer.length) this.#grow(size);
  }

  /** What was written goes on in a buffer of our own, as it must when the one at hand was lent. */
  #grow(size: number): void {
    const { buffer, start } = this;
    const written = this.length - start;
    const ownRoom = buffer === this.#own ? 2 * this.#own.length : this.#own.length;
    if (written + size > this.#own.length || buffer === this.#own) {
      this.#setOwn(Buffer.allocUnsafe(Math.max(written + size, ownRoom)));
    }
    buffer.copy(this.#own, 0, start, this.length);
    this.buffer = this.#own;
    this.view = this.#ownView;
    this.start = 0;
    this.length = written;
  }

  #setOwn(buffer: Buffer): void {
    this.#own = buffer;
    this.#ownView = viewOf(buffer);
  }

  #copyInline(bytes: Buffer, start: number, end: number): void {
    const { buffer } = this;
    let out = this.length;
    for (let index = start; index < end; index++) buffer[out++] = bytes[index]!;
  }

  /** Escapes from `index` to `limit`, or a little further to end a sequence or a run; returns where it stopped. */
  #escapeChunk(bytes: Buffer, index: number, limit: number, end: number): number {
    const { buffer } = this;
    let out = this.length;
    while (index < limit) {
      const byte = bytes[index]!;
      if (plain[byte] === 1) {
        buffer[out++] = byte;
        index++;
      } else if (byte < 0x80) {
        out = writeEscape(buffer, out, byte);
        index++;
      } else {
        const size = utf8Size(bytes, index, end);
        if (size === 0) {
          buffer[out++] = 0xef;
          buffer[out++] = 0xbf;
          buffer[out++] = 0xbd;
          do index++;
          while (index < end && bytes[index]! >= 0x80 && utf8Size(bytes, index, end) === 0);
        } else {
          for (let copied = 0; copied < size; copied++) buffer[out++] = bytes[index++]!;
        }
      }
    }
    this.length = out;
    return index;
  }
}

/** Decimal digits of a number below 2^32 at `out`; returns the position behind them. */
export function writeUint(buffer: Buffer, out: number, value: number): number {
  if (value < 10) {
    buffer[out] = ZERO + value;
    return out + 1;
  }
  let digits = 2;
  for (let bound = 100; digits < 10 && value >= bound; bound *= 10) digits++;
  writePadded(buffer, out, value, digits);
  return out + digits;
}

/** Decimal digits of an unsigned 64-bit number at `out`; returns the position behind them. */
export function writeUint64(buffer: Buffer, out: number, low: number, high: number): number {
  if (high === 0) return writeUint(buffer, out, low);
  if (high < 0x200000) return writeSafeInteger(buffer, out, high * 0x1_0000_0000 + low);
  // Beyond 2^53: long division by 10^9 over 16-bit limbs, which keeps every product exact.
  const first = divideByBillion(high >>> 16, high & 0xffff, low >>> 16, low & 0xffff);
  const top = writeSafeInteger(buffer, out, first.quotient);
  writePadded(buffer, top, first.remainder, 9);
  return top + 9;
}

function writeSafeInteger(buffer: Buffer, out: number, value: number): number {
  if (value < 0x1_0000_0000) return writeUint(buffer, out, value);
  const top = Math.floor(value / 1e9);
  const end = writeSafeInteger(buffer, out, top);
  writePadded(buffer, end, value - top * 1e9, 9);
  return end + 9;
}

/** The quotient is below 2^64 / 10^9, so it fits a double. */
function divideByBillion(limb3: number, limb2: number, limb1: number, limb0: number): Division {
  let quotient = 0;
  let remainder = 0;
  for (const limb of [limb3, limb2, limb1, limb0]) {
    const dividend = remainder * 65536 + limb;
    const digit = Math.floor(dividend / 1e9);
    quotient = quotient * 65536 + digit;
    remainder = dividend - digit * 1e9;
  }
  return { quotient, remainder };
}

interface Division {
  quotient: number;
  remainder: number;
}

/** `value` is below 2^32, so a tenth of it fits 32 signed bits. */
function writePadded(buffer: Buffer, out: number, value: number, digits: number): void {
  for (let position = out + digits - 1; position >= out; position--) {
    const quotient = (value / 10) | 0;
    buffer[position] = ZERO + (value - quotient * 10);
    value = quotient;
  }
}

/** Whether all four bytes stand for themselves in a JSON string: none below 0x20 or above 0x7f, no quote, no backslash. */
function isPlainWord(word: number): boolean {
  const quotes = word ^ 0x22222222;
  const backslashes = word ^ 0x5c5c5c5c;
  const special =
    word |
    ((word - 0x20202020) & ~word) |
    ((quotes - 0x01010101) & ~quotes) |
    ((backslashes - 0x01010101) & ~backslashes);
  return (special & 0x80808080) === 0;
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}

function writeEscape(buffer: Buffer, out: number, byte: number): number {
  buffer[out] = BACKSLASH;
  const letter = shortEscapes[byte];
  if (letter !== undefined) {
    buffer[out + 1] = letter;
    return out + 2;
  }
  buffer[out + 1] = 0x75; // u
  buffer[out + 2] = ZERO;
  buffer[out + 3] = ZERO;
  buffer[out + 4] = hexDigits[byte >>> 4]!;
  buffer[out + 5] = hexDigits[byte & 15]!;
  return out + 6;
}

/** Bytes of the UTF-8 sequence at `index`, or 0 when it is not one (overlong forms and surrogates included). */
export function utf8Size(bytes: Buffer, index: number, end: number): number {
  const first = bytes[index]!;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (index + size > end) return 0;
  const second = bytes[index + 1]!;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let offset = 2; offset < size; offset++) {
    if ((bytes[index + offset]! & 0xc0) !== 0x80) return 0;
  }
  return size;
}

const QUOTE = 0x22;
const DOT = 0x2e;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const EQUALS = 0x3d;
const ZERO = 0x30;

/** Below this a loop is faster than the call into the runtime's copy. */
const inlineCopyBytes = 16;
/** `\u0000` is the longest that one byte becomes. */
const maxBytesPerByte = 6;
const escapeChunkBytes = 16 * 1024;
const maxIdleCapacity = 1024 * 1024;

/** A dot and nine digits; the last word that is written has a byte more than the digits that count. */
const maxFractionBytes = 11;
/** `000` to `999` as the first three bytes of a little-endian word. */
const threeDigits = Int32Array.from({ length: 1000 }, (_, value) =>
  Buffer.from(`${String(value).padStart(3, '0')}\0`).readInt32LE(0),
);

const hexDigits = Buffer.from('0123456789abcdef');
const base64Digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

/** 1 for the bytes that stand for themselves in a JSON string. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

const shortEscapes: readonly (number | undefined)[] = Object.assign([] as (number | undefined)[], {
  8: 0x62,
  9: 0x74,
  10: 0x6e,
  12: 0x66,
  13: 0x72,
  [QUOTE]: QUOTE,
  [BACKSLASH]: BACKSLASH,
});
