import type { AggregationOptions } from '../export/aggregation.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { readField } from './wire-fields.ts';

/**
 * Joins equal events of a window into one with a count. Equal are encoded messages that differ in their time at most:
 * the same thread, policy, hook, arguments and return value. The joined event has the time of the first.
 */
export class EventAggregator {
  readonly #options: AggregationOptions;
  readonly #emit: (bytes: Buffer, length: number) => void;
  /** By the bytes of the event itself, without node and time; in the order in which they came. */
  readonly #events = new Map<string, { readonly message: Buffer; count: number }>();
  /** Of messages and keys. */
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AggregationOptions, emit: (bytes: Buffer, length: number) => void) {
    this.#options = options;
    this.#emit = emit;
  }

  /** Takes a message, `bytes[0 .. length]`. */
  add(bytes: Buffer, length: number): void {
    const key = bytes.toString('latin1', 0, readField(bytes, 0).end);
    const known = this.#events.get(key);
    if (known !== undefined) {
      known.count++;
      return;
    }
    const size = length + key.length;
    if (this.#events.size >= this.#options.maxEvents || this.#bytes + size > maxBytes) this.flush();
    this.#bytes += size;
    this.#events.set(key, { message: Buffer.from(bytes.subarray(0, length)), count: 1 });
    this.#timer ??= setTimeout(() => this.flush(), this.#options.windowMs).unref();
  }

  /** Forgets what was collected: nobody wants it any more. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#events.clear();
    this.#bytes = 0;
  }

  /** Ends the window. */
  flush(): void {
    const events = [...this.#events.values()];
    this.discard();
    const writer = new ProtobufWriter();
    for (const { message, count } of events) {
      writer.reset();
      writer.raw(message);
      const start = writer.open(aggregationInfoField);
      writer.uint(1, count);
      writer.close(start);
      this.#emit(writer.buffer, writer.length);
    }
  }
}

/** Memory for one client: who is watched decides how long the arguments of a program are. More ends the window. */
const maxBytes = 32 * 1024 * 1024;
/** `GetEventsResponse.aggregation_info` */
const aggregationInfoField = 1002;
