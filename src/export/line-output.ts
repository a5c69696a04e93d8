import type { LinePlace } from '../events/event-sink.ts';

/** Where a sink puts its lines: it takes each at once, and writes or delivers them by itself. */
export interface LineOutput {
  /** What messages and metrics call it. */
  readonly name: string;
  /** Errno name that ended the output for good, or undefined. */
  readonly broken: string | undefined;
  /** Resolves when `close` has been called and everything was written or given up. */
  readonly finished: Promise<void>;
  /** Takes one line, newline included; never waits. */
  append(line: Buffer, start: number, end: number): void;
  /** Lends a place for the next line, as a sink does. */
  lend?(): LinePlace | undefined;
  takeLine?(place: LinePlace, end: number): void;
  /** Takes a line that says how many events are missing. */
  appendNotice(line: Buffer, missing: number): void;
  /** Says that nothing more comes for the moment. */
  flush(): void;
  /** Whether events should rather wait in the ring for a little. */
  isBehind(): boolean;
  /** Opens what it writes to again, if somebody can have moved it away. */
  reopen(): void;
  close(): void;
  counters(): OutputCounters;
}

/** What happened to an output so far, and what waits in it. */
export interface OutputCounters<DropReason extends string = string> {
  readonly writtenBytes: number;
  readonly writtenLines: number;
  /** Of those lines, the ones that are about missing events. */
  readonly notices: number;
  /** Writes that failed, for reasons other than a full pipe. */
  readonly failures: number;
  /** Deliveries that were tried again. */
  readonly retries: number;
  /** Events that were dropped, by reason. */
  readonly droppedLines: Readonly<Record<DropReason, number>>;
  readonly waitingBytes: number;
  /** When the last line was written, in milliseconds since 1970; 0 before that. */
  readonly lastWriteMs: number;
  readonly maxBytes: number;
}
