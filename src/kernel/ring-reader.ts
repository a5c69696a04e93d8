import { strict as assert } from 'node:assert';
import type { RecordVisitor, RingBuffer } from './ring-buffer.ts';
import { RingPoller } from './ring-poller.ts';

export interface RingReadOptions {
  readonly visit: RecordVisitor;
  /** After each batch, with its number of records (never 0). */
  readonly afterBatch?: (records: number) => void;
  /** Asked before each batch; while it says no, records stay in the rings. */
  readonly ready?: () => boolean;
  /** Most records of a batch; other work of the process gets its turn after each. */
  readonly batchLimit?: number;
  /** Errors thrown by `visit` and `afterBatch`; the default lets them end the process. */
  readonly onError?: (error: unknown) => void;
  /** Ends the reading and closes the rings. */
  readonly signal?: AbortSignal;
}

const DEFAULT_BATCH_LIMIT = 8192;
/** The minor rings are written rarely: the second attempt finds them unchanged. */
const CUT_ATTEMPTS = 8;

/**
 * Reads several rings as one, in the order of the time that each record has: a main ring, and minor ones that are mostly
 * empty. The only reader of its rings, which it closes.
 */
export class RingReader {
  readonly #main: RingBuffer;
  readonly #minor: readonly RingBuffer[];
  readonly #rings: readonly RingBuffer[];
  readonly #timeAt: number;
  #poller: RingPoller | undefined;
  #closed = false;

  /** `timeAt` is the byte in every record at which its time stands, a u64. */
  constructor(main: RingBuffer, minor: readonly RingBuffer[] = [], timeAt = 0) {
    this.#main = main;
    this.#minor = minor;
    this.#rings = [main, ...minor];
    this.#timeAt = timeAt;
  }

  /** Bytes that wait in each ring, the main one first. */
  get pendingBytes(): number[] {
    return this.#rings.map((ring) => ring.pendingBytes);
  }

  /** Whether everything that the kernel wrote was consumed. */
  get isEmpty(): boolean {
    return this.#rings.every((ring) => ring.pendingBytes === 0);
  }

  /**
   * Calls `visit` for the records that are ready, at most `limit`, and returns how many it visited. Stops at a record the
   * kernel is still writing, which may be earlier than those of the other rings.
   */
  consume(visit: RecordVisitor, limit = Number.POSITIVE_INFINITY): number {
    assert(!this.#closed, 'rings are read after close');
    let count = 0;
    while (count < limit) {
      const visited = this.#consumeCut(visit, limit - count);
      if (visited === 0) break;
      count += visited;
    }
    return count;
  }

  /**
   * Reads until `close` (or an abort): waits for the kernel's notification while records are rare, and looks every 2 ms
   * while they are not, which costs less than being notified of each.
   */
  start(options: RingReadOptions): void {
    assert(!this.#closed, 'rings are read after close');
    assert(!this.#poller, 'rings are read by two readers');
    const limit = options.batchLimit ?? DEFAULT_BATCH_LIMIT;
    this.#poller = new RingPoller({
      fds: this.#rings.map((ring) => ring.fd),
      batchLimit: limit,
      onError: options.onError,
      drain: () => this.#drain(options, limit),
    });
    options.signal?.addEventListener('abort', () => this.close(), { once: true });
    if (options.signal?.aborted) {
      this.close();
    }
  }

  /** Stops reading and closes the rings; safe to call twice and from `afterBatch`, not from `visit`. Records left are lost. */
  close(): void {
    this.#closed = true;
    this.#poller?.close();
    for (const ring of this.#rings) ring.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #drain(options: RingReadOptions, limit: number): number {
    if (this.#closed) {
      return 0;
    }
    if (options.ready?.() === false) {
      return 0;
    }
    const records = this.consume(options.visit, limit);
    if (records > 0) {
      options.afterBatch?.(records);
    }
    return records;
  }

  #consumeCut(visit: RecordVisitor, limit: number): number {
    const ends = this.#cut();
    if (this.#minor.every((ring, index) => ring.isAt(ends[index + 1]!))) {
      return this.#main.consume(visit, { limit, end: ends[0]! });
    }
    return this.#merge(ends, visit, limit);
  }

  /**
   * Positions in all rings such that what came before a record below them is below them too. A record in the main ring may
   * follow from one in a minor ring that was written after that was looked at: then look again.
   */
  #cut(): number[] {
    for (let attempt = 1; ; attempt++) {
      const minor = this.#minor.map((ring) => ring.producer());
      const main = this.#main.producer();
      const unchanged = this.#minor.every((ring, index) => ring.producer() === minor[index]);
      if (unchanged || attempt === CUT_ATTEMPTS) return [main, ...minor];
    }
  }

  /** Takes from the ring with the earliest record until another has an earlier one, again and again. */
  #merge(ends: readonly number[], visit: RecordVisitor, limit: number): number {
    const timeAt = this.#timeAt;
    let count = 0;
    while (count < limit) {
      const heads = this.#rings.map((ring, index) => ring.head(ends[index]!, timeAt));
      if (heads.includes('busy')) break;
      const times = heads.map((head) => (typeof head === 'number' ? head : Number.POSITIVE_INFINITY));
      const first = times.indexOf(Math.min(...times));
      if (times[first] === Number.POSITIVE_INFINITY) break;
      const latest = Math.min(...times.filter((_, index) => index !== first));
      count += this.#rings[first]!.consume(visit, { limit: limit - count, end: ends[first]!, timeAt, latest });
    }
    return count;
  }
}
