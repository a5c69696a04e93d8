import type { PendingPart } from './line-queue.ts';

/** Where an output's bytes go: a file, a pipe, a terminal. One write at a time. */
export interface OutputDevice {
  /** What messages call it. */
  readonly name: string;
  /**
   * Writes parts in order, or the beginning of them. Returns how many bytes were written, 0 when it cannot take any now.
   * Never waits: what may wait returns a promise. Throws or rejects with the system's error; `EPIPE` means that the
   * reader is gone. There is at least one part.
   */
  write(parts: readonly PendingPart[]): number | Promise<number>;
  /** Calls `resume` once when it takes bytes again, if it can tell; forgets an earlier call. */
  whenWritable?(resume: () => void): void;
  /** Whether it can be used again after `EPIPE`, by a reader that comes later. */
  readonly survivesReaders: boolean;
  /** Set by the output: called when the place written to was replaced, so that a line begun there must begin anew. */
  onReplaced?: () => void;
  /** Set by the output: called with the number of written lines that were lost with the place they were in. */
  onLost?: (lines: number) => void;
  /** Opens the same name again before the next write, after somebody moved the file away. */
  reopen?(): void;
  /** Ends it. `tornBytes`: bytes at the end that are part of a line that will not be completed. */
  close(tornBytes: number): void | Promise<void>;
}
