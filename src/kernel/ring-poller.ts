import { type PollHandle, pollReadable } from './libc.ts';

export interface RingPollerOptions {
  readonly fds: readonly number[];
  /** Reads what is there, at most `batchLimit` records, and returns how many. */
  readonly drain: () => number;
  readonly batchLimit: number;
  readonly onError: ((error: unknown) => void) | undefined;
}

/**
 * Being notified costs the kernel and us a wake-up for each record that finds its ring empty. When records come more often
 * than this, looking at that interval is cheaper.
 */
const BUSY_INTERVAL_MS = 2;

/**
 * Calls `drain` when a ring has records: by poll while they are rare, every 2 ms while they are not, at once while the batch
 * limit is reached. The poll is level-triggered, so changing over loses nothing.
 */
export class RingPoller {
  readonly #options: RingPollerOptions;
  /** A handle stops when it is collected: the reference keeps it. */
  readonly #handles: readonly PollHandle[];
  #polling = false;
  #lastRunMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(options: RingPollerOptions) {
    this.#options = options;
    this.#handles = options.fds.map((fd) => pollReadable(fd, () => this.#run()));
    this.#polling = true;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    for (const handle of this.#handles) handle.close();
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
    } else if (this.#isBusy(records)) {
      this.#poll(false);
      this.#timer = setTimeout(() => this.#run(), BUSY_INTERVAL_MS);
    } else {
      this.#poll(true);
    }
  }

  #isBusy(records: number): boolean {
    const now = performance.now();
    const interval = now - this.#lastRunMs;
    this.#lastRunMs = now;
    // No record though the poll fired: the kernel is still writing the next one.
    if (records === 0) {
      return this.#polling;
    }
    return !this.#polling || interval < BUSY_INTERVAL_MS;
  }

  #poll(on: boolean): void {
    if (on !== this.#polling) {
      for (const handle of this.#handles) {
        if (on) handle.start({ readable: true }, () => this.#run());
        else handle.stop();
      }
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
