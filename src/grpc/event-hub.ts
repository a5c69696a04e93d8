import { ByteArena } from '../events/byte-arena.ts';
import type { TypedSink } from '../events/event-sink.ts';
import type { Event } from '../events/events.ts';
import type { ProcessEncoderOptions } from '../events/json/process-encoder.ts';
import type { AggregationOptions } from '../export/aggregation.ts';
import { EventAggregator } from './event-aggregator.ts';
import { EventMessageEncoder } from './event-message.ts';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import { ProcessMessageEncoder } from './process-message.ts';

/** Changes the bytes of a message for one client: `bytes[0 .. length]` is replaced by what is returned. */
export type MessageTransform = (event: Event, bytes: Buffer, length: number) => Buffer;

export interface SubscriberOptions extends EventStreamOptions {
  /** Which events the client wants; all by default. */
  readonly accepts?: ((event: Event) => boolean) | undefined;
  /** Field filters; none by default. */
  readonly transform?: MessageTransform | undefined;
  /** Joins equal calls; none by default. */
  readonly aggregation?: AggregationOptions | undefined;
}

export interface Subscriber {
  readonly stream: EventStream;
  close(): void;
}

/** Counts of all clients that ever were. */
export interface EventHubCounters {
  readonly clients: number;
  /** Events that a client did not get because it did not keep up; one for each client. */
  readonly dropped: number;
}

/** The sink of all clients of the event stream: an event is encoded once for those that want it. */
export class EventHub implements TypedSink {
  readonly takes = 'events';
  readonly #subscribers = new Set<Client>();
  #encoder: EventMessageEncoder | undefined;
  #encoding: (() => ProcessEncoderOptions) | undefined;
  #droppedBefore = 0;
  /** Time of the last event. */
  #ktimeLow = 0;
  #ktimeHigh = 0;

  /** To be called before the first client comes. */
  setEncoding(encoding: () => ProcessEncoderOptions): void {
    this.#encoding = encoding;
  }

  subscribe(options: SubscriberOptions): Subscriber {
    this.#encoder ??= this.#newEncoder();
    const stream = new EventStream(options);
    const aggregator =
      options.aggregation &&
      new EventAggregator(options.aggregation, (bytes, length) => {
        stream.append(bytes, length);
        stream.flush();
      });
    const client: Client = { stream, options, aggregator };
    this.#subscribers.add(client);
    return { stream: client.stream, close: () => this.#unsubscribe(client) };
  }

  write(event: Event): void {
    if (this.#subscribers.size === 0) return;
    this.#ktimeLow = event.ktimeLow;
    this.#ktimeHigh = event.ktimeHigh;
    let encoded = false;
    const encoder = this.#encoder!;
    for (const { stream, options, aggregator } of this.#subscribers) {
      if (options.accepts?.(event) === false) continue;
      if (stream.unreported > 0) {
        encoded = false;
        if (!this.#reportLoss(stream)) {
          stream.drop();
          continue;
        }
      }
      if (!encoded) encoder.encode(event);
      encoded = true;
      const { buffer, length } = encoder.writer;
      const message = options.transform?.(event, buffer, length) ?? buffer;
      const size = message === buffer ? length : message.length;
      if (aggregator !== undefined && event.kind === 'hook') aggregator.add(message, size);
      else stream.append(message, size);
    }
  }

  /** Events may wait in the ring for clients that take what they get; those that read nothing delay nobody. */
  isBehind(): boolean {
    for (const { stream } of this.#subscribers) {
      if (stream.isBehind) return true;
    }
    return false;
  }

  flush(): void {
    for (const { stream } of this.#subscribers) {
      if (stream.unreported > 0) this.#reportLoss(stream);
      stream.flush();
    }
  }

  close(): void {
    for (const { stream, aggregator } of this.#subscribers) {
      aggregator?.flush();
      if (stream.unreported > 0) this.#tellLoss(stream);
      stream.end();
    }
  }

  counters(): EventHubCounters {
    let dropped = this.#droppedBefore;
    for (const { stream } of this.#subscribers) dropped += stream.dropped;
    return { clients: this.#subscribers.size, dropped };
  }

  /** Tells a client that keeps up again what it missed, in front of the next event; false when it does not yet. */
  #reportLoss(stream: EventStream): boolean {
    if (!stream.hasRecovered) return false;
    this.#tellLoss(stream);
    return true;
  }

  #tellLoss(stream: EventStream): void {
    const encoder = this.#encoder!;
    const { unreported: dropped } = stream;
    encoder.encode({ kind: 'rateLimit', dropped, ktimeLow: this.#ktimeLow, ktimeHigh: this.#ktimeHigh });
    stream.unreported = 0;
    stream.appendNotice(encoder.writer.buffer, encoder.writer.length);
  }

  #unsubscribe(client: Client): void {
    if (!this.#subscribers.delete(client)) return;
    this.#droppedBefore += client.stream.dropped;
    client.stream.close();
    client.aggregator?.discard();
  }

  #newEncoder(): EventMessageEncoder {
    const encoding = this.#encoding!();
    const processes = new ProcessMessageEncoder(encoding, new ByteArena());
    return new EventMessageEncoder(processes, encoding.clock, encoding.nodeName, encoding);
  }
}

interface Client {
  readonly stream: EventStream;
  readonly options: SubscriberOptions;
  readonly aggregator: EventAggregator | undefined;
}
