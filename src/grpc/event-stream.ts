import { frameHeaderBytes, writeFrameHeader } from './framing.ts';

export interface EventStreamOptions {
  /** Hands bytes to the client; `done` is told when they are on their way. */
  readonly send: (frames: Buffer, done: () => void) => void;
  /** Bytes that may wait for the client; what does not fit is dropped and counted. */
  readonly maxBytes: number;
}

/**
 * What one client of the event stream has not taken yet. While bytes are on their way others are collected, up to a
 * limit: a client that reads slowly, or never, costs that much memory and nothing else.
 */
export class EventStream {
  /** Events that this client did not get. */
  dropped = 0;
  /** Of those, how many it has not been told of. */
  unreported = 0;
  readonly #options: EventStreamOptions;
  #waiting: Buffer = empty;
  #length = 0;
  /** The buffer that is on its way, to be used again afterwards. */
  #spare: Buffer = empty;
  #sending = false;
  #closed = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Takes a message, `bytes[0 .. length]`, or counts it as dropped. */
  append(bytes: Buffer, length: number): void {
    const needed = this.#length + frameHeaderBytes + length;
    if (this.#closed || !this.#reserve(needed)) {
      this.drop();
      return;
    }
    writeFrameHeader(this.#waiting, this.#length, length);
    bytes.copy(this.#waiting, this.#length + frameHeaderBytes, 0, length);
    this.#length = needed;
    if (this.#length >= batchBytes) this.flush();
  }

  /** Counts an event as dropped. */
  drop(): void {
    this.dropped++;
    this.unreported++;
  }

  /** True when the client keeps up again: at most half of what may wait does. */
  get hasRecovered(): boolean {
    return this.#length <= this.#options.maxBytes / 2;
  }

  /** Sends what waits, unless something is on its way. */
  flush(): void {
    if (this.#sending || this.#length === 0 || this.#closed) return;
    const sent = this.#waiting;
    const frames = sent.subarray(0, this.#length);
    this.#waiting = this.#spare;
    this.#spare = empty;
    this.#length = 0;
    this.#sending = true;
    this.#options.send(frames, () => {
      this.#sending = false;
      this.#spare = sent.length > idleBytes ? empty : sent;
      this.flush();
    });
  }

  /** Sends what waits, whatever is on its way: for the end of the agent. */
  end(): void {
    if (this.#length > 0 && !this.#closed) this.#options.send(this.#waiting.subarray(0, this.#length), () => {});
    this.close();
  }

  close(): void {
    this.#closed = true;
    this.#waiting = empty;
    this.#spare = empty;
    this.#length = 0;
  }

  #reserve(needed: number): boolean {
    if (needed <= this.#waiting.length) return true;
    if (needed > this.#options.maxBytes) return false;
    const size = Math.min(Math.max(needed, this.#waiting.length * 2, firstBytes), this.#options.maxBytes);
    const larger = Buffer.allocUnsafeSlow(size);
    this.#waiting.copy(larger, 0, 0, this.#length);
    this.#waiting = larger;
    return true;
  }
}

const empty = Buffer.alloc(0);
const firstBytes = 16 * 1024;
/** Collected before it is sent without waiting for `flush`. */
const batchBytes = 64 * 1024;
/** Larger buffers are given back after use. */
const idleBytes = 256 * 1024;
