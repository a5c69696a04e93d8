import type { LinePlace } from '../events/event-sink.ts';
import type { LineOutput, OutputCounters } from './line-output.ts';
import { LineQueue } from './line-queue.ts';
import type { OutputDevice } from './output-device.ts';

export interface OutputOptions {
  /** Bytes collected before they are written without waiting for `flush`. */
  readonly batchBytes?: number;
  /** Bytes kept while nothing can be written; lines that do not fit any more are dropped and counted. */
  readonly maxBytes?: number;
  /** How long `close` keeps trying when the reader does not keep up. */
  readonly closeTimeoutMs?: number;
  /** Told once when writing starts to fail and once when it works again, and of every gap with its number of lines. */
  readonly report?: (message: string, lostLines?: number) => void;
  /** A line, newline included, that tells the reader how many events are missing at its place. */
  readonly lossLine?: (droppedLines: number) => Buffer;
}

/**
 * Why lines were dropped: no room while nothing could be written; the reader gone for good; the output closed before
 * they could be written; written into a file that somebody deleted.
 */
export type OutputDropReason = 'buffer_full' | 'reader_gone' | 'closed' | 'file_deleted';

/**
 * Collects lines and writes them in large pieces, without ever waiting. What cannot be written now (full disk, full
 * pipe) is kept up to a limit and tried again. A line is either written in full, in order, or dropped and counted; once
 * half of the limit is free again, a line in the output itself says how many are missing at that place.
 */
export class BufferedOutput implements LineOutput {
  /** Errno name that ended the output for good (`EPIPE`), or undefined. */
  broken: string | undefined;
  /** Resolves when `close` has been called and everything was written or given up. */
  readonly finished: Promise<void>;
  readonly #device: OutputDevice;
  readonly #queue: LineQueue;
  readonly #batchBytes: number;
  readonly #closeTimeoutMs: number;
  readonly #report: (message: string, lostLines?: number) => void;
  readonly #lossLine: ((droppedLines: number) => Buffer) | undefined;
  readonly #finish = Promise.withResolvers<void>();
  readonly #dropped: Record<OutputDropReason, number> = { buffer_full: 0, reader_gone: 0, closed: 0, file_deleted: 0 };
  #state: 'idle' | 'writing' | 'pacing' | 'retrying' | 'finished' = 'idle';
  #timer: NodeJS.Timeout | undefined;
  #closeDeadline: number | undefined;
  #lastWriteStart = 0;
  /** Refuses lines until there is room again, so that the gap is one and not thousands. */
  #dropping = false;
  /** Dropped lines the reader has not been told of. */
  #untold = 0;
  #failing = false;
  #writtenBytes = 0;
  #writtenLines = 0;
  #lastWriteMs = 0;
  /** Lines about missing events that wait, and the last ones of those that are written. */
  #waitingNotices: Notice[] = [];
  #writtenNotices: Notice[] = [];
  #notices = 0;
  #failures = 0;

  constructor(device: OutputDevice, options: OutputOptions = {}) {
    this.#device = device;
    this.#batchBytes = options.batchBytes ?? defaultBatchBytes;
    this.#queue = new LineQueue(this.#batchBytes, options.maxBytes ?? defaultBufferBytes);
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 2000;
    this.#report = options.report ?? (() => {});
    this.#lossLine = options.lossLine;
    this.finished = this.#finish.promise;
    device.onReplaced = () => this.#queue.rewindTornLine();
    device.onLost = (lines) => this.#loseWritten(lines);
  }

  get name(): string {
    return this.#device.name;
  }

  counters(): OutputCounters<OutputDropReason> {
    return {
      writtenBytes: this.#writtenBytes,
      writtenLines: this.#writtenLines,
      notices: this.#notices,
      failures: this.#failures,
      retries: 0,
      droppedLines: { ...this.#dropped },
      waitingBytes: this.#queue.bytes,
      lastWriteMs: this.#lastWriteMs,
      maxBytes: this.#queue.maxBytes,
    };
  }

  /** Takes one line, newline included. */
  append(line: Buffer, start: number, end: number): void {
    if (this.broken !== undefined) this.#drop('reader_gone', 1);
    else if (this.#closeDeadline !== undefined) this.#drop('closed', 1);
    else if (this.#dropping && !this.#hasRoom()) this.#drop('buffer_full', 1);
    else this.#accept(line, start, end);
  }

  /** A place for the next line, to be made there and taken by `takeLine`; undefined when it has to be appended. */
  lend(): LinePlace | undefined {
    const isOpen = this.broken === undefined && this.#closeDeadline === undefined && !this.#dropping;
    return isOpen ? this.#queue.lend() : undefined;
  }

  /** Takes the line that was made at the place that `lend` gave. */
  takeLine(place: LinePlace, end: number): void {
    this.#queue.takeLine(place, end);
    this.#writeWhenReady();
  }

  /** Takes a line that says how many events are missing. */
  appendNotice(line: Buffer, missing: number): void {
    if (this.broken !== undefined || this.#state === 'finished') return;
    this.#queue.appendAlways(line, 0, line.length);
    this.#waitingNotices.push({ lineNumber: this.#writtenLines + this.#queue.lines, missing });
  }

  /** Writes all it can without waiting; the rest is written by itself as soon as that works. */
  flush(): void {
    if (this.#state === 'idle') this.#write();
  }

  /** Whether more waits than usual although writing goes on: it does not keep up, but would with a little time. */
  isBehind(): boolean {
    const isWriting = this.#state === 'writing' || this.#state === 'pacing';
    return (
      isWriting &&
      this.#queue.bytes > Math.min(this.#queue.maxBytes / 4, behindBytes) &&
      performance.now() - this.#lastWriteStart < slowWriteMs
    );
  }

  /** For a file that somebody has moved away: what follows goes to a new one of the same name. */
  reopen(): void {
    this.#device.reopen?.();
  }

  /** Writes the rest as long as that takes, at most `closeTimeoutMs`, and then closes; `finished` tells when. */
  close(): void {
    if (this.#closeDeadline !== undefined) return;
    this.#tellLoss();
    this.#closeDeadline = performance.now() + this.#closeTimeoutMs;
    this.#giveUpLater();
    if (this.#state !== 'writing') this.#write();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** A write that hangs must not keep the program from its end. */
  #giveUpLater(): void {
    const timer = setTimeout(() => {
      const lost = this.#queue.lines - this.#waitingNotices.length;
      this.#report(`${this.name}: a write hangs; ${lost} events are lost`, lost);
      this.#finish.resolve();
    }, this.#closeTimeoutMs + hangTimeoutMs);
    void this.finished.then(() => clearTimeout(timer));
  }

  #accept(line: Buffer, start: number, end: number): void {
    if (this.#dropping) this.#tellLoss();
    if (!this.#queue.append(line, start, end)) {
      this.#dropping = true;
      this.#drop('buffer_full', 1);
      this.#report(`${this.name}: the buffer of ${this.#queue.maxBytes} bytes is full; events are dropped`);
      return;
    }
    this.#writeWhenReady();
  }

  #writeWhenReady(): void {
    if (this.#queue.bytes < this.#batchBytes) return;
    if (this.#state === 'idle' || this.#state === 'pacing') this.#write();
  }

  #hasRoom(): boolean {
    return this.#queue.bytes <= this.#queue.maxBytes / 2;
  }

  #drop(reason: OutputDropReason, lines: number): void {
    this.#dropped[reason] += lines;
    this.#untold += lines;
  }

  /** Puts the line that says what is missing behind all that came before the gap. */
  #tellLoss(): void {
    this.#dropping = false;
    if (this.#untold === 0 || this.broken !== undefined) return;
    const missing = this.#untold;
    const line = this.#lossLine?.(missing);
    this.#reportLoss();
    if (line !== undefined) this.appendNotice(line, missing);
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#state = 'idle';
    while (!this.#queue.isEmpty) {
      let written: number | Promise<number>;
      try {
        written = this.#device.write(this.#queue.next());
      } catch (error) {
        this.#fail(error);
        return;
      }
      if (typeof written !== 'number') {
        this.#writeLater(written);
        return;
      }
      if (!this.#took(written)) return;
    }
    if (this.#closeDeadline !== undefined) this.#end();
  }

  #resume(): void {
    if (this.#state === 'retrying') this.#write();
  }

  #isTooLate(): boolean {
    return this.#closeDeadline !== undefined && performance.now() >= this.#closeDeadline;
  }

  #writeLater(written: Promise<number>): void {
    this.#state = 'writing';
    this.#lastWriteStart = performance.now();
    written.then(
      (count) => {
        this.#state = 'idle';
        if (this.#took(count)) this.#pace();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Accounts for a write; false when it has to be tried again later. */
  #took(count: number): boolean {
    if (count === 0) {
      this.#retry(fullPipeRetryMs);
      if (this.#state === 'retrying') this.#device.whenWritable?.(() => this.#resume());
      return false;
    }
    this.#writtenBytes += count;
    this.#lastWriteMs = Date.now();
    this.#writtenLines += this.#queue.take(count);
    if (this.#waitingNotices.length > 0) this.#noteWrittenNotices();
    this.#recover();
    if (this.#dropping && this.#hasRoom()) this.#tellLoss();
    return true;
  }

  #noteWrittenNotices(): void {
    const written = this.#waitingNotices.filter(({ lineNumber }) => lineNumber <= this.#writtenLines);
    this.#waitingNotices.splice(0, written.length);
    this.#notices += written.length;
    this.#writtenNotices = [...this.#writtenNotices, ...written].slice(-mostRememberedNotices);
  }

  /** The last lines that were written are gone: what one of them told of is still to be told. */
  #loseWritten(lines: number): void {
    const first = this.#writtenLines - lines + 1;
    const notices = this.#writtenNotices.filter(({ lineNumber }) => lineNumber >= first);
    this.#writtenNotices = [];
    this.#drop('file_deleted', lines - notices.length);
    for (const { missing } of notices) this.#untold += missing;
    this.#tellLoss();
  }

  /** Drops all that waits. */
  #dropWaiting(reason: OutputDropReason): void {
    this.#drop(reason, this.#queue.clear() - this.#waitingNotices.length);
    this.#waitingNotices = [];
  }

  /** A write in the thread pool costs more than the bytes: small ones are collected for some milliseconds. */
  #pace(): void {
    const due = this.#lastWriteStart + paceMs - performance.now();
    if (this.#isTooLate() && this.#queue.bytes > 0) this.#end();
    else if (due <= 0 || this.#queue.bytes >= this.#batchBytes || this.#closeDeadline !== undefined) this.#write();
    else this.#wait('pacing', Math.min(due, paceMs));
  }

  #fail(error: unknown): void {
    this.#state = 'idle';
    this.#failures++;
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    if (code === 'EPIPE' && !this.#device.survivesReaders) {
      this.#break(code);
      return;
    }
    if (!this.#failing) {
      this.#failing = true;
      const limit = this.#queue.maxBytes;
      this.#report(`${this.name}: cannot write (${code}); up to ${limit} bytes of events are kept for a retry`);
    }
    this.#retry(failureRetryMs);
  }

  #break(code: string): void {
    this.broken = code;
    this.#dropWaiting('reader_gone');
    this.#report(`${this.name}: the reader is gone; events are dropped`);
    if (this.#closeDeadline !== undefined) this.#end();
  }

  #recover(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#report(`${this.name}: writing works again`);
  }

  #retry(delayMs: number): void {
    if (this.#closeDeadline === undefined) this.#wait('retrying', delayMs);
    else if (this.#isTooLate()) this.#end();
    else this.#wait('retrying', closingRetryMs);
  }

  #wait(state: 'pacing' | 'retrying', delayMs: number): void {
    this.#state = state;
    this.#timer = setTimeout(() => this.#write(), delayMs);
    /* Only the last lines keep the program alive. */
    if (this.#closeDeadline === undefined) this.#timer.unref();
  }

  #end(): void {
    this.#state = 'finished';
    const { tornBytes } = this.#queue;
    this.#dropWaiting('closed');
    if (this.#untold > 0) this.#reportLoss();
    const closed = (): void => this.#finish.resolve();
    Promise.resolve(this.#device.close(tornBytes)).then(closed, closed);
  }

  #reportLoss(): void {
    this.#report(`${this.name}: ${this.#untold} events were lost`, this.#untold);
    this.#untold = 0;
  }
}

/** A line that says how many events are missing. */
interface Notice {
  /** 1 for the first line of the output. */
  readonly lineNumber: number;
  readonly missing: number;
}

/** Of a time in which a file may be deleted without notice. */
const mostRememberedNotices = 100;
export const defaultBatchBytes = 64 * 1024;
export const defaultBufferBytes = 64 * 1024 * 1024;
/** Chunks in memory that was used before are cheap, new ones cost more than what is written into them: so few may wait. */
const behindBytes = 128 * 1024;
const paceMs = 5;
/** A write that takes longer than this is not going on but stuck. */
const slowWriteMs = 1000;
const fullPipeRetryMs = 20;
const failureRetryMs = 1000;
const closingRetryMs = 20;
const hangTimeoutMs = 1000;
