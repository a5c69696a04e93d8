import { LineQueue } from '../export/line-queue.ts';
import { missingEvents } from '../export/loss-line.ts';
import type { LineSchema } from '../schemas/line-schemas.ts';
import { LineMessage } from './line-message.ts';

export interface MessageQueueOptions {
  readonly maxBytes: number;
  /** What is dropped when that is reached. */
  readonly onFull: 'dropNewest' | 'dropOldest';
  /** The schema that messages have; Tetragon's without it. */
  readonly schema?: LineSchema | undefined;
  /** A line, newline included, that tells the receiver how many events are missing at its place. */
  readonly lossLine: (droppedLines: number) => Buffer;
}

/**
 * Lines that wait for a receiver, in order, with a bound in bytes; those that were taken out and not released yet count
 * too. At the place of each gap a line says how many are missing: for the newest behind all that waits, when half of the
 * room is free again; for the oldest, and for what was lost after it was taken out, at the front of the next batch.
 */
export class MessageQueue {
  /** Lines that wait. */
  lines = 0;
  /** Events dropped because there was no room. */
  dropped = 0;
  readonly #options: MessageQueueOptions;
  readonly #queue: LineQueue;
  #takenBytes = 0;
  /** Refuses lines until there is room again, so that the gap is one and not thousands. */
  #dropping = false;
  #untoldBehind = 0;
  #untoldInFront = 0;
  /** Of `lines`, those that are about missing events. */
  #notices = 0;

  constructor(options: MessageQueueOptions) {
    this.#options = options;
    this.#queue = new LineQueue(Math.min(chunkBytes, options.maxBytes), options.maxBytes);
  }

  /** Bytes that wait or are under way. */
  get bytes(): number {
    return this.#queue.bytes + this.#takenBytes;
  }

  /** Whether the next batch has to tell of a gap in front of it. */
  get hasGapInFront(): boolean {
    return this.#untoldInFront > 0;
  }

  get waitingBytes(): number {
    return this.#queue.bytes;
  }

  /** Takes one line, newline included, or drops one. */
  append(line: Buffer, start: number, end: number): void {
    const size = end - start;
    this.#tellRecovery();
    if (!this.#hasRoom(size) && this.#options.onFull === 'dropOldest') this.#dropOldest(size);
    if (this.#dropping || !this.#hasRoom(size)) this.#dropNewest();
    else this.#add(line, start, end);
  }

  /** Takes a line that is about the events and not one of them; it always fits. */
  appendNotice(line: Buffer): void {
    this.#notices++;
    this.#add(line, 0, line.length);
  }

  /** Events that were taken out are lost: the next batch tells of them. */
  addGapInFront(lostEvents: number): void {
    this.#untoldInFront += lostEvents;
  }

  /** Says at the end of the queue what is missing there, if anything. */
  tellGap(): void {
    this.#dropping = false;
    const lost = this.#untoldBehind;
    if (lost === 0) return;
    this.#untoldBehind = 0;
    this.appendNotice(this.#options.lossLine(lost));
  }

  /**
   * Takes out what tells of a gap in front and lines from the front, at least one when there is any; they count for the
   * bound until `release`.
   */
  takeBatch(maxEvents: number, maxBytes: number): LineMessage[] {
    const batch: LineMessage[] = [];
    let bytes = 0;
    if (this.#untoldInFront > 0) bytes += this.#tellGapInFront(batch);
    while (this.lines > 0 && batch.length < maxEvents) {
      if (batch.length > 0 && bytes + this.#queue.frontLine()!.length > maxBytes) break;
      const line = this.#takeLine();
      const message = this.#messageOf(line);
      if (message.isNotice) this.#notices--;
      bytes += line.length;
      batch.push(message);
    }
    this.#takenBytes += bytes;
    return batch;
  }

  /** Messages that were taken out are delivered, or lost. */
  release(messages: readonly LineMessage[]): void {
    for (const { size } of messages) this.#takenBytes -= size;
    this.#tellRecovery();
  }

  /** Forgets everything; returns how many events that were. */
  clear(): number {
    const events = this.lines - this.#notices;
    this.#queue.clear();
    this.lines = 0;
    this.#notices = 0;
    return events;
  }

  /** One line always fits when nothing waits. */
  #hasRoom(size: number): boolean {
    return this.bytes === 0 || this.bytes + size <= this.#options.maxBytes;
  }

  #add(line: Buffer, start: number, end: number): void {
    this.#queue.appendAlways(line, start, end);
    this.lines++;
  }

  #dropNewest(): void {
    this.#dropping = true;
    this.dropped++;
    this.#untoldBehind++;
  }

  #dropOldest(size: number): void {
    while (!this.#hasRoom(size) && this.lines > 0) {
      const missing = missingEvents(this.#takeLine());
      if (missing === undefined) this.dropped++;
      else this.#notices--;
      this.#untoldInFront += missing ?? 1;
    }
  }

  #tellRecovery(): void {
    if (this.#dropping && this.bytes <= this.#options.maxBytes / 2) this.tellGap();
  }

  #tellGapInFront(batch: LineMessage[]): number {
    const lost = this.#untoldInFront;
    this.#untoldInFront = 0;
    const line = this.#options.lossLine(lost);
    batch.push(this.#messageOf(line));
    return line.length;
  }

  /** A copy of the first line, which is in the queue no more. */
  #takeLine(): Buffer {
    const line = Buffer.from(this.#queue.frontLine()!);
    this.#queue.take(line.length);
    this.lines--;
    return line;
  }

  #messageOf(line: Buffer): LineMessage {
    const bare = line.subarray(0, line.length - 1);
    const { schema } = this.#options;
    return new LineMessage(bare, schema === undefined ? bare : schema(line, 0, line.length));
  }
}

const chunkBytes = 128 * 1024;
