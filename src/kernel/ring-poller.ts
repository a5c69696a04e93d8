import { type PollHandle, pollReadable } from './libc.ts';

export interface RingPollerOptions {
  readonly fd: number;
  /** Reads what is there, at most `batchLimit` records, and returns how many. */
  readonly drain: () => number;
  readonly batchLimit: number;
  readonly onError: ((error: unknown) => void) | undefined;
}

/** Being notified costs a wake-up for each record that finds the ring empty; from this many at once a timer is cheaper. */
const BUSY_RECORDS = 16;
const BUSY_INTERVAL_MS = 2;

/**
 * Calls `drain` when the ring has records: by poll while there are few, every 2 ms while there are many, at once while the
 * batch limit is reached. The poll is level-triggered, so changing over loses nothing.
 */
export class RingPoller {
  readonly #options: RingPollerOptions;
  /** The handle stops when it is collected: the reference keeps it. */
  readonly #handle: PollHandle;
  #polling = false;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(options: RingPollerOptions) {
    this.#options = options;
    this.#handle = pollReadable(options.fd, () => this.#run());
    this.#polling = true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#handle.close();
  }

  #run(): void {
    if (this.#closed) {
      return;
    }
    const records = this.#drain();
    if (!this.#closed) {
      this.#wait(records);
    }
  }

  #drain(): number {
    try {
      return this.#options.drain();
    } catch (error) {
      (this.#options.onError ?? throwLater)(error);
      return this.#options.batchLimit;
    }
  }

  #wait(records: number): void {
    if (records >= this.#options.batchLimit) {
      this.#poll(false);
      this.#immediate = setImmediate(() => this.#run());
    } else if (records >= BUSY_RECORDS || (records === 0 && this.#polling)) {
      // No record though the poll fired: the kernel is still writing the next one.
      this.#poll(false);
      this.#timer = setTimeout(() => this.#run(), BUSY_INTERVAL_MS);
    } else {
      this.#poll(true);
    }
  }

  #poll(on: boolean): void {
    if (on && !this.#polling) {
      this.#handle.start({ readable: true }, () => this.#run());
    } else if (!on && this.#polling) {
      this.#handle.stop();
    }
    this.#polling = on;
  }
}

/** Out of the native callback, where an exception has nowhere to go. */
function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
