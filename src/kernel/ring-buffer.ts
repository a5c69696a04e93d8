import { strict as assert } from 'node:assert';
import { BpfMap } from './bpf-map.ts';
import { PROT_READ, PROT_WRITE, pageSize } from './libc.ts';
import { MemoryMapping } from './memory-mapping.ts';
import { RingWindow } from './ring-window.ts';

/**
 * Memory of a BPF ring buffer of `size` bytes, a power of two (Linux 5.8, kernel/bpf/ringbuf.c):
 *
 *     offset        pages     access       holds
 *     0             1         read-write   consumer position, u64
 *     page          1         read         producer position, u64
 *     2 * page      size * 2  read         records; the data is mapped twice, so that a record never wraps
 *
 * A record is an 8-byte header and its bytes, padded to 8. The first word of the header is the length, bit 31 while the
 * kernel still writes it (busy), bit 30 when it was discarded.
 */
const HEADER_BYTES = 8;
const TIME_BYTES = 8;
const DISCARD_BIT = 0x4000_0000;
const LENGTH_MASK = 0x3fff_ffff;
/** Part of the ring after which its space is given back to the kernel, also in the middle of a long batch. */
const PUBLISH_FRACTION = 16;

/**
 * Called for each record with mapped data and where in it the record's bytes are. They are valid only during the call: the
 * kernel may write there afterwards, and other data may be mapped.
 */
export type RecordVisitor = (data: Buffer, offset: number, length: number) => void;

export interface ConsumeOptions {
  /** Most records to visit. */
  readonly limit?: number;
  /** Position, as `producer` gives it, where to stop. */
  readonly end?: number;
  /** Byte in each record at which its time stands, a u64; needed for `latest`. */
  readonly timeAt?: number;
  /** Stop before a record of a later time. */
  readonly latest?: number;
}

/** What stands at the position of a reader: its time, nothing, or a record that the kernel is still writing. */
export type RingHead = number | 'none' | 'busy';

/** Reads a BPF ring buffer from its mapped memory, without a call into the kernel per event. One reader per ring. */
export class RingBuffer {
  readonly size: number;
  readonly #fd: number;
  readonly #consumerMapping: MemoryMapping;
  readonly #producerMapping: MemoryMapping;
  readonly #consumer: BigUint64Array;
  /** Low and high half of the producer position. */
  readonly #producer: Int32Array;
  readonly #window: RingWindow;
  /** Bytes consumed since the map was created: where the next record starts. */
  #position: number;
  #published: number;
  #closed = false;

  /** Maps the ring; `size` is its `max_entries`, taken from the map when missing. The map must outlive the ring. */
  constructor(map: BpfMap | number, size?: number) {
    this.#fd = typeof map === 'number' ? map : map.fd;
    this.size = size ?? sizeOf(map);
    assert(
      this.size >= pageSize && (this.size & (this.size - 1)) === 0,
      `ring buffer size ${this.size} is no power of two`,
    );
    const label = `ring buffer of descriptor ${this.#fd}`;
    this.#consumerMapping = new MemoryMapping(label, this.#fd, 0, pageSize, PROT_READ | PROT_WRITE);
    this.#producerMapping = new MemoryMapping(label, this.#fd, pageSize, pageSize, PROT_READ);
    this.#window = new RingWindow(label, this.#fd, 2 * pageSize, 2 * this.size);
    this.#consumer = new BigUint64Array(this.#consumerMapping.buffer, 0, 1);
    this.#producer = new Int32Array(this.#producerMapping.buffer, 0, 2);
    this.#position = Number(Atomics.load(this.#consumer, 0));
    this.#published = this.#position;
  }

  /** Readable when there are records: for polling. */
  get fd(): number {
    return this.#fd;
  }

  /** Bytes produced but not consumed, headers included. */
  get pendingBytes(): number {
    return this.#closed ? 0 : this.producer() - this.#position;
  }

  /**
   * Bytes produced since the map was created. Positions stay below 2^53: that is 9 PB of events. The high half is read
   * twice, so that a carry between the reads shows.
   */
  producer(): number {
    assert(!this.#closed, 'ring buffer is used after close');
    for (;;) {
      const high = Atomics.load(this.#producer, 1);
      const low = Atomics.load(this.#producer, 0) >>> 0;
      if (high === Atomics.load(this.#producer, 1)) {
        return high * 0x1_0000_0000 + low;
      }
    }
  }

  /** Whether all records before the position `end` were consumed. */
  isAt(end: number): boolean {
    return this.#position >= end;
  }

  /** The record that `consume` would visit next; `timeAt` is the byte in it at which its time stands. */
  head(end: number, timeAt: number): RingHead {
    while (this.#position < end) {
      const header = this.#header();
      if (header < 0) {
        return 'busy';
      }
      if ((header & DISCARD_BIT) === 0) {
        return this.#time(timeAt);
      }
      this.#advance(header);
    }
    return 'none';
  }

  /**
   * Calls `visit` for the records that are ready and returns how many it visited. Stops at a record the kernel is still
   * writing. When `visit` throws, its record counts as consumed.
   */
  consume(visit: RecordVisitor, options: ConsumeOptions = {}): number {
    assert(!this.#closed, 'ring buffer is used after close');
    const { limit = Number.POSITIVE_INFINITY, end = Number.POSITIVE_INFINITY } = options;
    let count = 0;
    try {
      for (let producer = this.producer(); this.#position < Math.min(producer, end) && count < limit; ) {
        const visited = this.#consumeUntil(Math.min(producer, end), visit, limit - count, options);
        count += visited;
        this.#publish();
        // The kernel wakes a reader only for a record at the published position: look again after publishing.
        producer = visited === 0 ? this.#position : this.producer();
      }
    } finally {
      this.#publish();
    }
    return count;
  }

  /** Unmaps the memory; safe to call twice, not from `visit`. Records left are lost. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#consumerMapping.close();
    this.#producerMapping.close();
    this.#window.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  /** Visits records up to the position `end`, a busy record, or the limits; gives space back on the way. */
  #consumeUntil(end: number, visit: RecordVisitor, limit: number, { timeAt = 0, latest }: ConsumeOptions): number {
    const mask = this.size - 1;
    const publishBytes = this.size / PUBLISH_FRACTION;
    let count = 0;
    while (this.#position < end && count < limit) {
      const header = this.#header();
      const discarded = (header & DISCARD_BIT) !== 0;
      if (header < 0 || (latest !== undefined && !discarded && this.#time(timeAt) > latest)) {
        return count;
      }
      const offset = (this.#position & mask) + HEADER_BYTES;
      this.#advance(header);
      if (!discarded) {
        count++;
        const length = header & LENGTH_MASK;
        const place = this.#window.seek(offset, length);
        visit(this.#window.bytes, place, length);
      }
      if (this.#position - this.#published >= publishBytes) {
        this.#publish();
      }
    }
    return count;
  }

  /** Of the record at the position: negative while the kernel writes it. */
  #header(): number {
    const place = this.#window.seek(this.#position & (this.size - 1), HEADER_BYTES);
    return Atomics.load(this.#window.words, place >>> 2);
  }

  /** Near enough: above 2^53 ns (104 days) neighbours within some nanoseconds count as equal. */
  #time(timeAt: number): number {
    const offset = (this.#position & (this.size - 1)) + HEADER_BYTES + timeAt;
    const word = this.#window.seek(offset, TIME_BYTES) >>> 2;
    const { words } = this.#window;
    return words[word + 1]! * 0x1_0000_0000 + (words[word]! >>> 0);
  }

  #advance(header: number): void {
    this.#position += ((header & LENGTH_MASK) + HEADER_BYTES + 7) & ~7;
  }

  #publish(): void {
    if (this.#published !== this.#position && !this.#closed) {
      this.#published = this.#position;
      Atomics.store(this.#consumer, 0, BigInt(this.#position));
    }
  }
}

function sizeOf(map: BpfMap | number): number {
  return map instanceof BpfMap ? map.maxEntries : BpfMap.fromFd(map, { owned: false }).maxEntries;
}
