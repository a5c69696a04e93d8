import { utf8Size } from '../events/json/json-writer.ts';

/**
 * Writes protobuf messages into one buffer that is reused for every event and grows when needed. Fields come in the
 * order they are written; lengths take as few bytes as they need. Text goes in as the kernel's bytes: what is not UTF-8
 * is replaced by U+FFFD, one for each run of invalid bytes, as in our JSON.
 */
export class ProtobufWriter {
  buffer: Buffer;
  /** Bytes written since the last `reset`. */
  length = 0;

  constructor(capacity = 64 * 1024) {
    this.buffer = Buffer.allocUnsafe(capacity);
  }

  /** Forgets what was written; gives back the memory of an unusually large event. */
  reset(): void {
    this.length = 0;
    if (this.buffer.length > maxIdleCapacity) this.buffer = Buffer.allocUnsafe(maxIdleCapacity);
  }

  /** A copy of what was written. */
  take(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length));
  }

  /** One byte, as it is. */
  byte(value: number): void {
    this.#reserve(1);
    this.buffer[this.length++] = value;
  }

  /** Bytes as they are: encoded fields, or a part of a text. */
  raw(bytes: Buffer): void {
    this.#reserve(bytes.length);
    bytes.copy(this.buffer, this.length);
    this.length += bytes.length;
  }

  /** An unsigned number below 2^53 (or a bool, or an enum), left out when it is 0. */
  uint(field: number, value: number): void {
    if (value !== 0) this.presentUint(field, value);
  }

  /** The same, written even when it is 0: members of a oneof. */
  presentUint(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.#varint(value);
  }

  /** A signed 32-bit number, written even when it is 0. */
  presentInt(field: number, value: number): void {
    if (value < 0) this.presentUint64(field, value >>> 0, 0xffff_ffff);
    else this.presentUint(field, value);
  }

  /** 64 bits, left out when all are 0. */
  uint64(field: number, low: number, high: number): void {
    if (low !== 0 || high !== 0) this.presentUint64(field, low, high);
  }

  /** 64 bits, signed or not, written even when all are 0. */
  presentUint64(field: number, low: number, high: number): void {
    this.#tag(field, VARINT);
    this.#reserve(10);
    low >>>= 0;
    high >>>= 0;
    while (high !== 0) {
      this.buffer[this.length++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#varint(low);
  }

  /** `google.protobuf.UInt32Value`: present, also when the number is 0. */
  wrappedUint(field: number, value: number): void {
    const start = this.open(field);
    this.uint(1, value);
    this.close(start);
  }

  /** `google.protobuf.Timestamp`; `seconds` may be negative. */
  timestamp(field: number, seconds: number, nanoseconds: number): void {
    const start = this.open(field);
    if (seconds >= 0) this.uint(1, seconds);
    else this.presentUint64(1, Number(BigInt(seconds) & 0xffff_ffffn), Number(BigInt(seconds) >> 32n) >>> 0);
    this.uint(2, nanoseconds);
    this.close(start);
  }

  /** Repeated numbers, packed; left out when there are none. */
  packed(field: number, values: readonly number[]): void {
    if (values.length === 0) return;
    const start = this.open(field);
    for (const value of values) this.#varint(value);
    this.close(start);
  }

  /** A string of JavaScript, left out when it is empty. */
  string(field: number, text: string): void {
    if (text !== '') this.presentString(field, text);
  }

  /** The same, written even when it is empty: elements of a list. */
  presentString(field: number, text: string): void {
    const start = this.open(field);
    this.#reserve(text.length * 3);
    this.length += this.buffer.write(text, this.length, 'utf8');
    this.close(start);
  }

  /** Bytes as they are, left out when there are none. */
  bytes(field: number, bytes: Buffer, start: number, end: number): void {
    if (end === start) return;
    const opened = this.open(field);
    this.raw(bytes.subarray(start, end));
    this.close(opened);
  }

  /** Text of the kernel, left out when it is empty. */
  text(field: number, bytes: Buffer, start: number, end: number): void {
    if (end > start) this.presentText(field, bytes, start, end);
  }

  /** Text of the kernel, written even when it is empty. */
  presentText(field: number, bytes: Buffer, start: number, end: number): void {
    const opened = this.open(field);
    this.append(bytes, start, end);
    this.close(opened);
  }

  /** Text of the kernel behind what was written last: to put a string together between `open` and `close`. */
  append(bytes: Buffer, start: number, end: number): void {
    this.#reserve((end - start) * replacementBytes);
    const { buffer } = this;
    let out = this.length;
    let index = start;
    while (index < end) {
      const byte = bytes[index]!;
      if (byte < 0x80) {
        buffer[out++] = byte;
        index++;
        continue;
      }
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
    this.length = out;
  }

  /** ASCII behind what was written last. */
  appendAscii(text: string): void {
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index++) this.buffer[this.length++] = text.charCodeAt(index);
  }

  /** Begins a message or string of a length that is not known yet; to be handed to `close`. */
  open(field: number): number {
    this.#tag(field, DELIMITED);
    this.#reserve(1);
    return ++this.length;
  }

  /** Ends what `open` began: writes the length, for which one byte was kept free. */
  close(start: number): void {
    const size = this.length - start;
    if (size < 0x80) {
      this.buffer[start - 1] = size;
      return;
    }
    const more = varintSize(size) - 1;
    this.#reserve(more);
    this.buffer.copyWithin(start + more, start, this.length);
    const end = this.length + more;
    this.length = start - 1;
    this.#varint(size);
    this.length = end;
  }

  /** A message of which the encoded fields are `bytes[0 .. middle]` and `bytes[middle ..]` with `tid` between them. */
  splitMessage(field: number, bytes: Buffer, middle: number, tidField: number, tid: number): void {
    const tidSize = varintSize(tid);
    this.#tag(field, DELIMITED);
    const wrapperSize = tid === 0 ? 0 : 1 + tidSize;
    this.#reserve(bytes.length + 32);
    this.#varint(bytes.length + tagSize(tidField) + 1 + wrapperSize);
    bytes.copy(this.buffer, this.length, 0, middle);
    this.length += middle;
    this.wrappedUint(tidField, tid);
    bytes.copy(this.buffer, this.length, middle);
    this.length += bytes.length - middle;
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    this.#reserve(8);
    while (value >= 0x1_0000_0000) {
      this.buffer[this.length++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    value >>>= 0;
    while (value >= 0x80) {
      this.buffer[this.length++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.buffer[this.length++] = value;
  }

  #reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

/** Bytes of an unsigned number below 2^32 as a varint. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

function tagSize(field: number): number {
  return varintSize(field * 8);
}

const VARINT = 0;
const DELIMITED = 2;
/** A byte that is no UTF-8 becomes U+FFFD, three bytes. */
const replacementBytes = 3;
const maxIdleCapacity = 1024 * 1024;
