import { closeSync, writeSync } from 'node:fs';

export interface OutputOptions {
  /** Bytes collected before they are written without waiting for `flush`. */
  readonly batchBytes?: number;
  /** Bytes kept while nothing can be written; lines that do not fit any more are dropped and counted. */
  readonly maxBytes?: number;
  /** How long `close` keeps trying when the reader does not keep up. */
  readonly closeTimeoutMs?: number;
  /** Told once when writing starts to fail and once when it works again. */
  readonly report?: (message: string) => void;
}

/** What happened to the output so far. */
export interface OutputCounters {
  readonly writtenBytes: number;
  /** Write calls that failed, for reasons other than a full pipe. */
  readonly failures: number;
  readonly droppedLines: number;
}

/**
 * Collects lines and writes them in large synchronous writes. What cannot be written (full disk, full pipe) is kept up
 * to a limit and tried again; a line is either written in full, in order, or dropped and counted. When the reader of a
 * pipe is gone, everything is dropped and counted.
 */
export class BufferedOutput {
  /** Errno name that ended the output for good (`EPIPE`), or undefined. */
  broken: string | undefined;
  readonly name: string;
  readonly #fd: number;
  readonly #ownsFd: boolean;
  readonly #batchBytes: number;
  readonly #maxBytes: number;
  readonly #closeTimeoutMs: number;
  readonly #report: (message: string) => void;
  #buffer: Buffer;
  /** Waiting bytes are `buffer[start .. end]`. */
  #start = 0;
  #end = 0;
  #writtenBytes = 0;
  #failures = 0;
  #droppedLines = 0;
  #droppedBefore = 0;
  #failing = false;
  #blocked = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  /** `name` is what messages call the output; `ownsFd` says whether `close` closes the descriptor. */
  constructor(fd: number, name: string, ownsFd: boolean, options: OutputOptions = {}) {
    this.#fd = fd;
    this.name = name;
    this.#ownsFd = ownsFd;
    this.#batchBytes = options.batchBytes ?? 128 * 1024;
    this.#maxBytes = options.maxBytes ?? 64 * 1024 * 1024;
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 2000;
    this.#report = options.report ?? (() => {});
    this.#buffer = Buffer.allocUnsafe(2 * this.#batchBytes);
  }

  counters(): OutputCounters {
    return { writtenBytes: this.#writtenBytes, failures: this.#failures, droppedLines: this.#droppedLines };
  }

  /** Takes one line, newline included. */
  append(line: Buffer, start: number, end: number): void {
    const size = end - start;
    if (this.#closed || this.broken !== undefined || !this.#reserve(size)) {
      this.#droppedLines++;
      return;
    }
    line.copy(this.#buffer, this.#end, start, end);
    this.#end += size;
    // While writing does not work, only `flush` and the timer try again: not every line.
    if (!this.#blocked && this.#end - this.#start >= this.#batchBytes) this.flush();
  }

  /** Writes all it can without waiting; tries again a little later when something remains. */
  flush(): void {
    this.#write();
    if (this.#start === this.#end || this.#closed || this.#retry !== undefined) return;
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.flush();
    }, retryMs);
    this.#retry.unref();
  }

  /** Writes the rest, waiting for a slow reader as long as `closeTimeoutMs`; what is left then is dropped and counted. */
  close(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    const deadline = Date.now() + this.#closeTimeoutMs;
    this.#write();
    while (this.#start < this.#end && Date.now() < deadline) {
      Atomics.wait(sleeper, 0, 0, closeRetryMs);
      this.#write();
    }
    this.#closed = true;
    this.#dropWaiting();
    if (this.#droppedLines > this.#droppedBefore) this.#report(`${this.name}: ${this.#droppedLines} events were lost`);
    if (this.#ownsFd) closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #write(): void {
    while (this.#start < this.#end) {
      const written = this.#writeOnce();
      if (written === 0) return;
      this.#start += written;
      this.#writtenBytes += written;
    }
    this.#start = 0;
    this.#end = 0;
    this.#shrink();
    this.#recover();
  }

  /** Bytes written; 0 when it does not work now. */
  #writeOnce(): number {
    try {
      return writeSync(this.#fd, this.#buffer, this.#start, this.#end - this.#start);
    } catch (error) {
      this.#blocked = true;
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      if (code !== 'EAGAIN') this.#fail(code);
      return 0;
    }
  }

  #fail(code: string): void {
    this.#failures++;
    if (code === 'EPIPE') {
      this.broken = code;
      this.#dropWaiting();
      this.#report(`${this.name}: the reader is gone; events are dropped`);
    } else if (!this.#failing) {
      this.#failing = true;
      this.#report(
        `${this.name}: cannot write (${code}); up to ${this.#maxBytes} bytes of events are kept for a retry`,
      );
    }
  }

  #recover(): void {
    this.#blocked = false;
    if (!this.#failing) return;
    this.#failing = false;
    const dropped = this.#droppedLines - this.#droppedBefore;
    this.#droppedBefore = this.#droppedLines;
    this.#report(`${this.name}: writing works again; ${dropped} events were lost`);
  }

  #dropWaiting(): void {
    for (let index = this.#start; index < this.#end; index++) {
      if (this.#buffer[index] === NEWLINE) this.#droppedLines++;
    }
    this.#start = 0;
    this.#end = 0;
  }

  /** Makes room behind the waiting bytes; false when the limit does not allow it. */
  #reserve(size: number): boolean {
    const waiting = this.#end - this.#start;
    const needed = waiting + size;
    if (needed > this.#maxBytes && waiting > 0) return false;
    if (this.#end + size <= this.#buffer.length) return true;
    const target = needed <= this.#buffer.length / 2 ? this.#buffer : Buffer.allocUnsafe(needed * 2);
    this.#buffer.copy(target, 0, this.#start, this.#end);
    this.#buffer = target;
    this.#start = 0;
    this.#end = waiting;
    return true;
  }

  #shrink(): void {
    if (this.#buffer.length > 4 * this.#batchBytes) this.#buffer = Buffer.allocUnsafe(2 * this.#batchBytes);
  }
}

const NEWLINE = 0x0a;
const retryMs = 50;
const closeRetryMs = 5;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
