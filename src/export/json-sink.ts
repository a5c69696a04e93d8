import type { LinePlace, LineSink } from '../events/event-sink.ts';
import type { Event } from '../events/events.ts';
import type { BufferedOutput } from './buffered-output.ts';
import { RateLimit } from './rate-limit.ts';

/** A shortened copy of `line[start .. end]`; valid until the next call. */
export type LineCutter = (line: Buffer, start: number, end: number) => Buffer;

export interface JsonSinkOptions {
  /** Which events are written; all by default. */
  readonly accepts?: ((event: Event) => boolean) | undefined;
  /** Takes fields out of each line. */
  readonly cut?: LineCutter | undefined;
  /** Events that may pass per minute; no limit by default. */
  readonly ratePerMinute?: number | undefined;
  /** Says once a minute how many events the limit kept back. */
  readonly lossLine?: ((droppedEvents: number) => Buffer) | undefined;
}

/** Writes events as JSON lines. */
export class JsonSink implements LineSink {
  readonly takes = 'lines';
  readonly output: BufferedOutput;
  readonly accepts: ((event: Event) => boolean) | undefined;
  /** Events kept back by the rate limit. */
  rateLimited = 0;
  readonly #cut: LineCutter | undefined;
  readonly #limit: RateLimit | undefined;
  readonly #lossLine: ((droppedEvents: number) => Buffer) | undefined;
  readonly #timer: NodeJS.Timeout | undefined;
  #toldOfLimit = 0;

  constructor(output: BufferedOutput, options: JsonSinkOptions = {}) {
    this.output = output;
    this.accepts = options.accepts;
    this.#cut = options.cut;
    this.#lossLine = options.lossLine;
    if (options.ratePerMinute === undefined) return;
    this.#limit = new RateLimit(options.ratePerMinute, performance.now());
    this.#timer = setInterval(() => this.#tellOfLimit(), reportIntervalMs).unref();
  }

  write(line: Buffer, start: number, end: number): void {
    if (this.#limit !== undefined && !this.#limit.allows(performance.now())) {
      this.rateLimited++;
    } else if (this.#cut === undefined) {
      this.output.append(line, start, end);
    } else {
      const cut = this.#cut(line, start, end);
      this.output.append(cut, 0, cut.length);
    }
  }

  /** Lines that are counted or cut have to be written. */
  lend(): LinePlace | undefined {
    return this.#limit === undefined && this.#cut === undefined ? this.output.lend() : undefined;
  }

  takeLine(place: LinePlace, end: number): void {
    this.output.takeLine(place, end);
  }

  isBehind(): boolean {
    return this.output.isBehind();
  }

  flush(): void {
    this.output.flush();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#tellOfLimit();
    this.output.close();
  }

  #tellOfLimit(): void {
    const dropped = this.rateLimited - this.#toldOfLimit;
    if (dropped === 0 || this.#lossLine === undefined) return;
    this.#toldOfLimit = this.rateLimited;
    this.output.appendNotice(this.#lossLine(dropped));
    this.output.flush();
  }
}

const reportIntervalMs = 60_000;
