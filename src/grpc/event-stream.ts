import { frameHeaderBytes, writeFrameHeader } from './framing.ts';
import { ProtobufWriter } from './protobuf-writer.ts';

export interface EventStreamOptions {
  /** Hands bytes to the client; `done` is told when they are on their way. */
  readonly send: (frames: Buffer, done: () => void) => void;
  /** Bytes that may wait for the client; what does not fit is dropped and counted. */
  readonly maxBytes: number;
  /** Numbers the events, dropped ones too, in `GetEventsResponse.sequence`. */
  readonly sequenceNumbers?: boolean;
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
  #sentAt = 0;
  #closed = false;
  /** Events so far. */
  #events = 0;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Takes the message of an event, `bytes[0 .. length]`, or counts it as dropped. */
  append(bytes: Buffer, length: number): void {
    const number = this.#options.sequenceNumbers === true ? sequenceField(this.#events + 1) : empty;
    if (this.#add(bytes, length, number)) this.#events++;
    else this.drop();
  }

  /** Takes a message about missing events; it has no number, and always fits. */
  appendNotice(bytes: Buffer, length: number): void {
    this.#add(bytes, length, empty, this.#options.maxBytes + noticeBytes);
  }

  /** Counts an event as dropped. */
  drop(): void {
    this.#events++;
    this.dropped++;
    this.unreported++;
  }

  /** True when the client keeps up again: at most half of what may wait does. */
  get hasRecovered(): boolean {
    return this.#length <= this.#options.maxBytes / 2;
  }

  /** Whether much waits although the client takes what it gets: it would keep up with a little time. */
  get isBehind(): boolean {
    return this.#sending && this.#length > this.#options.maxBytes / 4 && performance.now() - this.#sentAt < stuckMs;
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
    this.#sentAt = performance.now();
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

  /** False when there is no room. `more`: further fields of the message. */
  #add(bytes: Buffer, length: number, more: Buffer, maxBytes = this.#options.maxBytes): boolean {
    const size = length + more.length;
    const needed = this.#length + frameHeaderBytes + size;
    if (this.#closed || !this.#reserve(needed, maxBytes)) return false;
    const start = this.#length + frameHeaderBytes;
    writeFrameHeader(this.#waiting, this.#length, size);
    bytes.copy(this.#waiting, start, 0, length);
    if (more.length > 0) more.copy(this.#waiting, start + length);
    this.#length = needed;
    if (this.#length >= batchBytes) this.flush();
    return true;
  }

  #reserve(needed: number, maxBytes: number): boolean {
    if (needed <= this.#waiting.length) return true;
    if (needed > maxBytes) return false;
    const size = Math.min(Math.max(needed, this.#waiting.length * 2, firstBytes), maxBytes);
    const larger = Buffer.allocUnsafeSlow(size);
    this.#waiting.copy(larger, 0, 0, this.#length);
    this.#waiting = larger;
    return true;
  }
}

/** Valid until the next call. */
function sequenceField(number: number): Buffer {
  numberWriter.reset();
  numberWriter.uint(sequenceFieldNumber, number);
  return numberWriter.buffer.subarray(0, numberWriter.length);
}

const numberWriter = new ProtobufWriter(32);
/** `GetEventsResponse.sequence` */
const sequenceFieldNumber = 10_000;
const empty = Buffer.alloc(0);
/** More than a message about missing events has. */
const noticeBytes = 1024;
const firstBytes = 16 * 1024;
/** Collected before it is sent without waiting for `flush`. */
const batchBytes = 64 * 1024;
/** A client that takes nothing for so long is not slow but stuck. */
const stuckMs = 500;
/** Larger buffers are given back after use. */
const idleBytes = 256 * 1024;
