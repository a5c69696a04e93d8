import type { EventSink, LineSink, TypedSink } from './event-sink.ts';
import type { Event } from './events.ts';
import type { EventEncoder } from './json/event-encoder.ts';

/** Gives each event to the sinks that want it; its line is made once, and only when one of them wants that. */
export class EventDelivery {
  /** Events since the start, those that no sink wants too. */
  events = 0;
  readonly #encoder: EventEncoder;
  readonly #lines: readonly LineSink[];
  readonly #typed: readonly TypedSink[];

  constructor(sinks: readonly EventSink[], encoder: EventEncoder) {
    this.#encoder = encoder;
    this.#lines = sinks.filter((sink) => sink.takes === 'lines');
    this.#typed = sinks.filter((sink) => sink.takes === 'events');
  }

  deliver(event: Event): void {
    this.events++;
    if (this.#typed.length > 0) this.#deliverTyped(event);
    if (this.#lines.length === 1) this.#deliverLine(event, this.#lines[0]!);
    else if (this.#lines.length > 1) this.#deliverLines(event);
  }

  /** Hands on what is buffered. */
  flush(): void {
    for (const sink of this.#lines) sink.flush();
    for (const sink of this.#typed) sink.flush();
  }

  /** Whether a sink would rather have events later. */
  isBehind(): boolean {
    return this.#lines.some((sink) => sink.isBehind?.()) || this.#typed.some((sink) => sink.isBehind?.());
  }

  close(): void {
    for (const sink of this.#lines) sink.close();
    for (const sink of this.#typed) sink.close();
  }

  #deliverTyped(event: Event): void {
    for (const sink of this.#typed) {
      if (sink.accepts === undefined || sink.accepts(event)) sink.write(event);
    }
  }

  /** Makes the line where its sink sends it from, if it can be. */
  #deliverLine(event: Event, sink: LineSink): void {
    if (sink.accepts !== undefined && !sink.accepts(event)) return;
    const encoder = this.#encoder;
    const place = sink.lend?.();
    if (place === undefined) {
      encoder.encode(event);
    } else {
      const end = encoder.encodeInto(event, place.bytes, place.view, place.end);
      if (end !== undefined) {
        sink.takeLine?.(place, end);
        return;
      }
    }
    sink.write(encoder.writer.buffer, 0, encoder.writer.length);
  }

  #deliverLines(event: Event): void {
    const { writer } = this.#encoder;
    let encoded = false;
    for (const sink of this.#lines) {
      if (sink.accepts !== undefined && !sink.accepts(event)) continue;
      if (!encoded) this.#encoder.encode(event);
      encoded = true;
      sink.write(writer.buffer, 0, writer.length);
    }
  }
}
