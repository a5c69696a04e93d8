import type { Process } from './process.ts';

interface EndedProcess {
  readonly process: Process;
  readonly seconds: number;
}

/** Processes in the order of their end: a queue, whose used-up part is cut off now and then. */
export class EndedProcesses {
  #queue: EndedProcess[] = [];
  /** The first that counts. */
  #start = 0;

  /** `seconds` since boot is when it ended. */
  add(process: Process, seconds: number): void {
    this.#queue.push({ process, seconds });
  }

  /** Takes the process that ended first; undefined when there is none that ended before `seconds`. */
  take(seconds = Number.POSITIVE_INFINITY): Process | undefined {
    const first = this.#queue[this.#start];
    if (first === undefined || first.seconds >= seconds) return undefined;
    this.#start++;
    if (this.#start >= cutAfter && this.#start * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#start);
      this.#start = 0;
    }
    return first.process;
  }
}

/** Used-up entries are cut off in steps of at least this many. */
const cutAfter = 1024;
