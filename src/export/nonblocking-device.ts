import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { type PollHandle, pollWritable } from '../kernel/libc.ts';
import { sendWithoutWaiting } from '../kernel/socket-send.ts';
import type { PendingPart } from './line-queue.ts';
import type { OutputDevice } from './output-device.ts';

/** A pipe, a terminal or a socket that was handed to us, such as standard output: a full one takes 0 bytes. */
export class NonBlockingDevice implements OutputDevice {
  readonly name: string;
  readonly survivesReaders = false;
  readonly #fd: number;
  /** Stops when it is collected: the reference keeps it. */
  #poll: PollHandle | undefined;
  readonly #write: (bytes: Buffer, start: number, end: number) => number;
  readonly #close: () => void;

  /** `fd` stays as it is, blocking and open: it may be shared with programs that rely on that. */
  constructor(fd: number, name: string) {
    this.name = name;
    if (fstatSync(fd).isSocket()) {
      this.#fd = fd;
      this.#write = (bytes, start, end) => sendWithoutWaiting(fd, bytes, start, end);
      this.#close = () => {};
      return;
    }
    const own = openAgain(fd);
    this.#fd = own;
    this.#write = (bytes, start, end) => writeSync(own, bytes, start, end - start);
    this.#close = own === fd ? () => {} : () => closeSync(own);
  }

  write(parts: readonly PendingPart[]): number {
    const { bytes, start, end } = parts[0]!;
    try {
      return this.#write(bytes, start, end);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }

  whenWritable(resume: () => void): void {
    const once = (): void => {
      this.#poll?.stop();
      resume();
    };
    if (this.#poll === undefined) this.#poll = pollWritable(this.#fd, once);
    else {
      this.#poll.stop();
      this.#poll.start({ writable: true }, once);
    }
  }

  close(): void {
    this.#poll?.close();
    this.#close();
  }
}

/** A description of our own for the same pipe or terminal. A pipe whose reader has gone cannot be opened any more. */
function openAgain(fd: number): number {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return fd;
    throw error;
  }
}
