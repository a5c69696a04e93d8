import type { LinePlace, LineSink } from '../events/event-sink.ts';
import type { Event } from '../events/events.ts';
import type { LineSchema } from '../schemas/line-schemas.ts';
import type { AggregationOptions } from './aggregation.ts';
import { type AggregationCounters, LineAggregator } from './line-aggregator.ts';
import type { LineOutput } from './line-output.ts';
import { RateLimit } from './rate-limit.ts';
import { SequenceNumbers } from './sequence-numbers.ts';

/** A shortened copy of `line[start .. end]`; valid until the next call. */
export type LineCutter = (line: Buffer, start: number, end: number) => Buffer;

export interface JsonSinkOptions {
  /** Which events are written; all by default. */
  readonly accepts?: ((event: Event) => boolean) | undefined;
  /** Joins equal events of a window before anything else is done with them; none by default. */
  readonly aggregation?: AggregationOptions | undefined;
  /** Takes fields out of each line. */
  readonly cut?: LineCutter | undefined;
  /** Numbers the events; those that the limit keeps back, or the output drops, leave a gap. */
  readonly sequenceNumbers?: boolean | undefined;
  /** Writes what is left in another schema; Tetragon's without it. */
  readonly schema?: LineSchema | undefined;
  /** Events that may pass per minute; no limit by default. */
  readonly ratePerMinute?: number | undefined;
  /** Says once a minute how many events the limit kept back. */
  readonly lossLine?: ((droppedEvents: number) => Buffer) | undefined;
}

/** Writes events as JSON lines. */
export class JsonSink<Output extends LineOutput = LineOutput> implements LineSink {
  readonly takes = 'lines';
  readonly output: Output;
  readonly accepts: ((event: Event) => boolean) | undefined;
  /** Events kept back by the rate limit; joined ones count as one. */
  rateLimited = 0;
  readonly #aggregator: LineAggregator | undefined;
  readonly #cut: LineCutter | undefined;
  readonly #numbers: SequenceNumbers | undefined;
  readonly #schema: LineSchema | undefined;
  readonly #limit: RateLimit | undefined;
  readonly #lossLine: ((droppedEvents: number) => Buffer) | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  #toldOfLimit = 0;

  constructor(output: Output, options: JsonSinkOptions = {}) {
    this.output = output;
    this.accepts = options.accepts;
    this.#aggregator =
      options.aggregation &&
      new LineAggregator(options.aggregation, (line, start, end) => this.#write(line, start, end));
    this.#cut = options.cut;
    this.#numbers = options.sequenceNumbers === true ? new SequenceNumbers() : undefined;
    this.#schema = options.schema;
    this.#lossLine = options.lossLine;
    if (options.ratePerMinute === undefined) return;
    this.#limit = new RateLimit(options.ratePerMinute, performance.now());
    this.#timer = setInterval(() => this.#tellOfLimit(), reportIntervalMs).unref();
  }

  write(line: Buffer, start: number, end: number): void {
    if (this.#aggregator === undefined) this.#write(line, start, end);
    else this.#aggregator.add(line, start, end);
  }

  /** Undefined when events are not joined. */
  aggregated(): AggregationCounters | undefined {
    return this.#aggregator?.counters();
  }

  #write(line: Buffer, start: number, end: number): void {
    const number = this.#numbers?.next();
    if (this.#limit !== undefined && !this.#limit.allows(performance.now())) {
      this.rateLimited++;
    } else if (this.#cut === undefined && number === undefined && this.#schema === undefined) {
      this.output.append(line, start, end);
    } else {
      const changed = this.#change(line.subarray(start, end), number);
      this.output.append(changed, 0, changed.length);
    }
  }

  #change(line: Buffer, number: number | undefined): Buffer {
    let changed = line;
    if (this.#cut !== undefined) changed = this.#cut(changed, 0, changed.length);
    if (number !== undefined) changed = this.#numbers!.addTo(changed, 0, changed.length, number);
    return this.#schema === undefined ? changed : lineInSchema(this.#schema, changed);
  }

  /** Lines that are joined, counted or changed have to be written. */
  lend(): LinePlace | undefined {
    const isChanged = this.#cut !== undefined || this.#numbers !== undefined || this.#schema !== undefined;
    const isPlain = this.#aggregator === undefined && !isChanged;
    return this.#limit === undefined && isPlain ? this.output.lend?.() : undefined;
  }

  takeLine(place: LinePlace, end: number): void {
    this.output.takeLine!(place, end);
  }

  isBehind(): boolean {
    return this.output.isBehind();
  }

  flush(): void {
    this.output.flush();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#aggregator?.flush();
    this.#tellOfLimit();
    this.output.close();
  }

  #tellOfLimit(): void {
    const dropped = this.rateLimited - this.#toldOfLimit;
    if (dropped === 0 || this.#lossLine === undefined) return;
    this.#toldOfLimit = this.rateLimited;
    this.output.appendNotice(this.#lossLine(dropped), dropped);
    this.output.flush();
  }
}

/** A line, newline included, as a line of another schema. */
export function lineInSchema(schema: LineSchema, line: Buffer): Buffer {
  return Buffer.concat([schema(line, 0, line.length), newline]);
}

const newline = Buffer.from('\n');
const reportIntervalMs = 60_000;
