import { PROT_READ, pageSize } from './libc.ts';
import { MemoryMapping } from './memory-mapping.ts';

/** Some 700 records of files. Moving on takes 26 µs, 40 ns for each of them. */
const WINDOW_BYTES = 256 * 1024;

/**
 * The part of a ring's data where its reader is, at one place in memory. The data is mapped twice in a row, so all of it would
 * count twice in the resident memory of the process.
 */
export class RingWindow {
  readonly #label: string;
  readonly #fd: number;
  readonly #dataOffset: number;
  readonly #dataBytes: number;
  #mapping: MemoryMapping;
  /** Where in the data the window begins. */
  #start = 0;
  #size: number;
  #bytes: Buffer;
  #words: Int32Array;

  /** `dataOffset` is where the `dataBytes` of data, both copies, are in the file. Throws a KernelError. */
  constructor(label: string, fd: number, dataOffset: number, dataBytes: number) {
    this.#label = label;
    this.#fd = fd;
    this.#dataOffset = dataOffset;
    this.#dataBytes = dataBytes;
    this.#size = Math.min(WINDOW_BYTES, dataBytes);
    this.#mapping = new MemoryMapping(label, fd, dataOffset, this.#size, PROT_READ);
    this.#bytes = Buffer.from(this.#mapping.buffer);
    this.#words = new Int32Array(this.#mapping.buffer);
  }

  /** What is mapped now: ask again after `seek`. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** The same as 32-bit words. */
  get words(): Int32Array {
    return this.#words;
  }

  /** Makes sure that `length` bytes at `offset` of the data are mapped; returns where they are in `bytes`. Throws a KernelError. */
  seek(offset: number, length: number): number {
    const place = offset - this.#start;
    return place >= 0 && place + length <= this.#size ? place : this.#moveTo(offset, length);
  }

  close(): void {
    this.#mapping.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #moveTo(offset: number, length: number): number {
    const page = offset - (offset % pageSize);
    if (offset + length - page > this.#size) this.#grow(offset + length - page);
    this.#start = Math.min(page, this.#dataBytes - this.#size);
    this.#mapping.moveTo(this.#dataOffset + this.#start);
    return offset - this.#start;
  }

  /** For a record that no window of this size holds. */
  #grow(bytes: number): void {
    const size = Math.min(2 ** Math.ceil(Math.log2(bytes)), this.#dataBytes);
    const mapping = new MemoryMapping(this.#label, this.#fd, this.#dataOffset, size, PROT_READ);
    this.#mapping.close();
    this.#mapping = mapping;
    this.#size = size;
    this.#bytes = Buffer.from(mapping.buffer);
    this.#words = new Int32Array(mapping.buffer);
  }
}
