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
}

export interface TypedSink extends SinkLifetime {
  readonly takes: 'events';
  write(event: Event): void;
}

interface SinkLifetime {
  /** Hands on what is buffered. Called after every batch of the ring. */
  flush(): void;
  /** Flushes for the last time and lets go of what the sink holds. */
  close(): void;
}
