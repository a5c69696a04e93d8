import { strict as assert } from 'node:assert';
import { BpfMap } from './bpf-map.ts';
import { PROT_READ, PROT_WRITE, pageSize } from './libc.ts';
import { MemoryMapping } from './memory-mapping.ts';
import { RingPoller } from './ring-poller.ts';

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
const DISCARD_BIT = 0x4000_0000;
const LENGTH_MASK = 0x3fff_ffff;
/** Part of the ring after which its space is given back to the kernel, also in the middle of a long batch. */
const PUBLISH_FRACTION = 16;

/**
 * Called for each record with the whole data area and where in it the record's bytes are. They are valid only during the
 * call: the kernel may write there afterwards.
 */
export type RecordVisitor = (data: Buffer, offset: number, length: number) => void;

export interface RingReadOptions {
  readonly visit: RecordVisitor;
  /** After each batch, with its number of records (never 0). */
  readonly afterBatch?: (records: number) => void;
  /** Most records of a batch; other work of the process gets its turn after each. */
  readonly batchLimit?: number;
  /** Errors thrown by `visit` and `afterBatch`; the default lets them end the process. */
  readonly onError?: (error: unknown) => void;
  /** Ends the reading and closes the ring. */
  readonly signal?: AbortSignal;
}

const DEFAULT_BATCH_LIMIT = 8192;

/** Reads a BPF ring buffer from its mapped memory, without a call into the kernel per event. One reader per ring. */
export class RingBuffer {
  readonly size: number;
  readonly #fd: number;
  readonly #consumerMapping: MemoryMapping;
  readonly #producerMapping: MemoryMapping;
  readonly #consumer: BigUint64Array;
  /** Low and high half of the producer position. */
  readonly #producer: Int32Array;
  readonly #headers: Int32Array;
  readonly #data: Buffer;
  /** Bytes consumed since the map was created: where the next record starts. */
  #position: number;
  #published: number;
  #poller: RingPoller | undefined;
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
    this.#producerMapping = new MemoryMapping(label, this.#fd, pageSize, pageSize + 2 * this.size, PROT_READ);
    const memory = this.#producerMapping.buffer;
    this.#consumer = new BigUint64Array(this.#consumerMapping.buffer, 0, 1);
    this.#producer = new Int32Array(memory, 0, 2);
    this.#headers = new Int32Array(memory, pageSize, (2 * this.size) / 4);
    this.#data = Buffer.from(memory, pageSize, 2 * this.size);
    this.#position = Number(Atomics.load(this.#consumer, 0));
    this.#published = this.#position;
  }

  /** Bytes produced but not consumed, headers included. */
  get pendingBytes(): number {
    return this.#closed ? 0 : this.#producerPosition() - this.#position;
  }

  /**
   * Calls `visit` for the records that are ready, at most `limit`, and returns how many it visited. Stops at a record the
   * kernel is still writing. When `visit` throws, its record counts as consumed.
   */
  consume(visit: RecordVisitor, limit = Number.POSITIVE_INFINITY): number {
    assert(!this.#closed, 'ring buffer is used after close');
    let count = 0;
    try {
      for (let producer = this.#producerPosition(); this.#position < producer && count < limit; ) {
        const visited = this.#consumeUntil(producer, visit, limit - count);
        count += visited;
        this.#publish();
        // The kernel wakes a reader only for a record at the published position: look again after publishing.
        producer = this.#atBusyRecord() ? this.#position : this.#producerPosition();
      }
    } finally {
      this.#publish();
    }
    return count;
  }

  /**
   * Reads until `close` (or an abort): waits for the kernel's notification while there is little to do, and looks every
   * 2 ms under load, which costs less than being notified of each record.
   */
  start(options: RingReadOptions): void {
    assert(!this.#closed, 'ring buffer is used after close');
    assert(!this.#poller, 'ring buffer is read by two readers');
    const limit = options.batchLimit ?? DEFAULT_BATCH_LIMIT;
    this.#poller = new RingPoller({
      fd: this.#fd,
      batchLimit: limit,
      onError: options.onError,
      drain: () => this.#drain(options, limit),
    });
    options.signal?.addEventListener('abort', () => this.close(), { once: true });
    if (options.signal?.aborted) {
      this.close();
    }
  }

  /** Stops reading and unmaps the memory; safe to call twice and from `afterBatch`, not from `visit`. Records left are lost. */
  close(): void {
    if (this.#closed) {
      return;
    }
    this.#closed = true;
    this.#poller?.close();
    this.#consumerMapping.close();
    this.#producerMapping.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #drain(options: RingReadOptions, limit: number): number {
    if (this.#closed) {
      return 0;
    }
    const records = this.consume(options.visit, limit);
    if (records > 0) {
      options.afterBatch?.(records);
    }
    return records;
  }

  /** Visits records up to the position `producer`, a busy record, or the limit; gives space back on the way. */
  #consumeUntil(producer: number, visit: RecordVisitor, limit: number): number {
    const mask = this.size - 1;
    const publishBytes = this.size / PUBLISH_FRACTION;
    let count = 0;
    while (this.#position < producer && count < limit) {
      const offset = this.#position & mask;
      const header = Atomics.load(this.#headers, offset >>> 2);
      if (header < 0) {
        return count;
      }
      const length = header & LENGTH_MASK;
      this.#position += (length + HEADER_BYTES + 7) & ~7;
      if ((header & DISCARD_BIT) === 0) {
        count++;
        visit(this.#data, offset + HEADER_BYTES, length);
      }
      if (this.#position - this.#published >= publishBytes) {
        this.#publish();
      }
    }
    return count;
  }

  #atBusyRecord(): boolean {
    return (
      this.#position < this.#producerPosition() &&
      Atomics.load(this.#headers, (this.#position & (this.size - 1)) >>> 2) < 0
    );
  }

  #publish(): void {
    if (this.#published !== this.#position && !this.#closed) {
      this.#published = this.#position;
      Atomics.store(this.#consumer, 0, BigInt(this.#position));
    }
  }

  /** Positions stay below 2^53: that is 9 PB of events. The high half is read twice, so that a carry between the reads shows. */
  #producerPosition(): number {
    for (;;) {
      const high = Atomics.load(this.#producer, 1);
      const low = Atomics.load(this.#producer, 0) >>> 0;
      if (high === Atomics.load(this.#producer, 1)) {
        return high * 0x1_0000_0000 + low;
      }
    }
  }
}

function sizeOf(map: BpfMap | number): number {
  return map instanceof BpfMap ? map.maxEntries : BpfMap.fromFd(map, { owned: false }).maxEntries;
}
