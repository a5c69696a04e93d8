import { existsSync, readFileSync } from 'node:fs';
import type { RowResult } from './row.ts';

const pollMs = 1000;

/** Follows the file that a guest writes results to, while it grows. */
export class RowWatch {
  readonly #file: string;
  readonly #rowTimeoutMs: number;
  readonly #progress: (line: string) => void;
  readonly #controller = new AbortController();
  readonly #timer = setInterval(() => this.#read(), pollMs);
  readonly #results: RowResult[] = [];
  #lines = 0;
  #unfinished: string | undefined;
  #since = performance.now();

  /** `progress` is told each result in one line. */
  constructor(file: string, rowTimeoutMs: number, progress: (line: string) => void) {
    this.#file = file;
    this.#rowTimeoutMs = rowTimeoutMs;
    this.#progress = progress;
  }

  /** Aborted when a row took too long. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops following. Returns the results, and the row that was started and has none. */
  end(): { results: readonly RowResult[]; unfinished: string | undefined } {
    clearInterval(this.#timer);
    this.#read();
    return { results: this.#results, unfinished: this.#unfinished };
  }

  #read(): void {
    const lines = existsSync(this.#file) ? readFileSync(this.#file, 'utf8').split('\n').slice(0, -1) : [];
    for (const line of lines.slice(this.#lines)) this.#take(JSON.parse(line));
    this.#lines = lines.length;
    if (performance.now() - this.#since > this.#rowTimeoutMs) this.#controller.abort();
  }

  #take(line: RowResult | { id: string; status: 'started' }): void {
    if (line.status === 'started') {
      this.#unfinished = line.id;
    } else {
      this.#unfinished = undefined;
      this.#results.push(line);
      const seconds = ((performance.now() - this.#since) / 1000).toFixed(0);
      this.#progress(`${line.id}: ${outcome(line)} (${seconds} s)`);
    }
    this.#since = performance.now();
  }
}

function outcome(result: RowResult): string {
  if (result.status !== 'measured') return `${result.status}: ${result.reason}`;
  return String(Number(result.value.toPrecision(6)));
}
