import type { Event } from './events.ts';

/**
 * Where events go. A line sink gets the JSON of each event, made once for all of them; an event sink gets the event
 * itself. Both must take what they need during the call: neither the bytes nor the event are valid after it.
 */
export type EventSink = LineSink | TypedSink;

export interface LineSink extends SinkLifetime {
  readonly takes: 'lines';
  /** `line[start .. end]` is one line, newline included. */
  write(line: Buffer, start: number, end: number): void;
  /**
   * Lends a place for the next line, so that it is made where it is sent from; undefined when the line has to be written.
   * It is either taken by `takeLine` or left as it is, before anything else is done with the sink.
   */
  lend?(): LinePlace | undefined;
  /** The line at `place` ends at `end`. */
  takeLine?(place: LinePlace, end: number): void;
}

/** `bytes[end ..]` is free. */
export interface LinePlace {
  readonly bytes: Buffer;
  /** The same as `bytes`. */
  readonly view: DataView;
  readonly end: number;
}

export interface TypedSink extends SinkLifetime {
  readonly takes: 'events';
  write(event: Event): void;
}

interface SinkLifetime {
  /** Which events the sink is given; all of them when it is missing. */
  readonly accepts?: ((event: Event) => boolean) | undefined;
  /** Whether it is writing, but has much more to write than usual: events may wait in the ring while that has room. */
  isBehind?(): boolean;
  /** Hands on what is buffered. Called after every batch of the ring. */
  flush(): void;
  /** Takes no more events; what is buffered may still be written for a while after the call. */
  close(): void;
}
