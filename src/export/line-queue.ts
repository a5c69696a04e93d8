import type { LinePlace } from '../events/event-sink.ts';

/** Bytes to write: `bytes[start .. end]`, in which `lines` lines end. */
export interface PendingPart {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly lines: number;
}

/**
 * Lines that wait to be written, in chunks that never move: a chunk may be written while lines are added behind. A line
 * never spans two chunks. The size is bounded; what does not fit is refused.
 */
export class LineQueue {
  /** Bytes that wait. */
  bytes = 0;
  readonly maxBytes: number;
  readonly #chunkBytes: number;
  readonly #chunks: Chunk[] = [];
  /** Of them. */
  #last: Chunk | undefined;
  /** Used-up chunks: at a steady rate nothing is allocated, and no new memory is touched. */
  readonly #spares: Chunk[] = [];

  constructor(chunkBytes: number, maxBytes: number) {
    this.#chunkBytes = chunkBytes;
    this.maxBytes = maxBytes;
  }

  /** Adds one line, newline included; false when it does not fit. One line always fits into an empty queue. */
  append(line: Buffer, start: number, end: number): boolean {
    if (this.bytes + end - start > this.maxBytes && this.bytes > 0) return false;
    this.appendAlways(line, start, end);
    return true;
  }

  /** The same without the limit, for the few lines that say what was refused. */
  appendAlways(line: Buffer, start: number, end: number): void {
    const size = end - start;
    let chunk = this.#last;
    if (chunk === undefined || chunk.end + size > chunk.bytes.length) {
      chunk = this.#newChunk(size);
      this.#push(chunk);
    }
    /* Through a view: half the cost of copying a range. */
    chunk.bytes.set(line.subarray(start, end), chunk.end);
    chunk.end += size;
    chunk.lines++;
    this.bytes += size;
  }

  /**
   * The place behind the last line, for one that is made there: at least `lentBytes`. Undefined when there may be no room
   * for so much, or chunks are too small to keep that free.
   */
  lend(): LinePlace | undefined {
    if (this.bytes + lentBytes > this.maxBytes || this.#chunkBytes < smallestLentChunk) return undefined;
    const last = this.#last;
    if (last !== undefined && last.end + lentBytes <= last.bytes.length) return last;
    if (this.#spares.length === 0) this.#spares.push(newChunk(this.#chunkBytes));
    return this.#spares.at(-1);
  }

  /** Adds the line that was made at the place that `lend` gave. */
  takeLine(place: LinePlace, end: number): void {
    let chunk = this.#last;
    if (chunk !== place) {
      chunk = this.#spares.pop();
      if (chunk !== place || chunk === undefined) throw new Error('a line was made at a place that was not lent');
      this.#push(chunk);
    }
    this.bytes += end - chunk.end;
    chunk.end = end;
    chunk.lines++;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** What is to be written next, as it is now: lines that are added meanwhile are not in it. */
  next(): PendingPart[] {
    return this.#chunks.slice(0, mostParts).map((chunk) => ({ ...chunk }));
  }

  /** The line that is to be written next, newline included, where it stands: valid until it is taken. */
  frontLine(): Buffer | undefined {
    const chunk = this.#chunks[0];
    return chunk?.bytes.subarray(chunk.start, chunk.bytes.indexOf(NEWLINE, chunk.start) + 1);
  }

  /** Bytes of the line at the front that are written already: 0 unless a write ended inside a line. */
  get tornBytes(): number {
    const chunk = this.#chunks[0];
    return chunk === undefined ? 0 : chunk.start - lineStart(chunk);
  }

  /** `count` bytes from the front are written; returns how many lines end in them. */
  take(count: number): number {
    let lines = 0;
    for (let rest = count; rest > 0; ) {
      const chunk = this.#chunks[0]!;
      const size = Math.min(rest, chunk.end - chunk.start);
      lines += this.#takeFrom(chunk, size);
      rest -= size;
    }
    return lines;
  }

  #takeFrom(chunk: Chunk, size: number): number {
    const { start } = chunk;
    chunk.start += size;
    this.bytes -= size;
    if (chunk.start < chunk.end) {
      const lines = countLines(chunk.bytes, start, chunk.start);
      chunk.lines -= lines;
      return lines;
    }
    this.#chunks.shift();
    if (chunk === this.#last) this.#last = undefined;
    const { lines } = chunk;
    if (chunk.bytes.length === this.#chunkBytes && this.#spares.length < mostSpares) this.#spares.push(emptied(chunk));
    return lines;
  }

  /** The line at the front is written in part, to a place that is gone: begins with it anew. */
  rewindTornLine(): void {
    const torn = this.tornBytes;
    if (torn === 0) return;
    this.#chunks[0]!.start -= torn;
    this.bytes += torn;
  }

  /** Lines that wait, one written in part included. */
  get lines(): number {
    let lines = 0;
    for (const chunk of this.#chunks) lines += chunk.lines;
    return lines;
  }

  /** Forgets everything; returns how many lines that were. */
  clear(): number {
    const { lines } = this;
    this.#chunks.length = 0;
    this.#last = undefined;
    this.bytes = 0;
    return lines;
  }

  #push(chunk: Chunk): void {
    this.#chunks.push(chunk);
    this.#last = chunk;
  }

  #newChunk(size: number): Chunk {
    if (size > this.#chunkBytes) return newChunk(size);
    return this.#spares.pop() ?? newChunk(this.#chunkBytes);
  }
}

function newChunk(size: number): Chunk {
  const bytes = Buffer.allocUnsafeSlow(size);
  return { bytes, view: new DataView(bytes.buffer), start: 0, end: 0, lines: 0 };
}

function emptied(chunk: Chunk): Chunk {
  chunk.start = 0;
  chunk.end = 0;
  chunk.lines = 0;
  return chunk;
}

/** What waits while a file is written, and a batch of the ring. */
const mostSpares = 32;
/** Longer lines are made elsewhere and copied. */
const lentBytes = 8 * 1024;
/** So that what stays free at the end of chunks is little. */
const smallestLentChunk = 8 * lentBytes;

/** As many as one call to the system takes is 1,024. */
const mostParts = 256;

/** The bytes of parts, not copied. */
export function viewsOf(parts: readonly PendingPart[]): Buffer[] {
  return parts.map(({ bytes, start, end }) => bytes.subarray(start, end));
}

interface Chunk {
  readonly bytes: Buffer;
  readonly view: DataView;
  start: number;
  end: number;
  /** Lines that end in `bytes[start .. end]`. */
  lines: number;
}

function lineStart({ bytes, start }: Chunk): number {
  return start === 0 ? 0 : bytes.lastIndexOf(NEWLINE, start - 1) + 1;
}

/** Lines that end in `bytes[start .. end]`. */
export function countLines(bytes: Buffer, start: number, end: number): number {
  let lines = 0;
  for (
    let index = bytes.indexOf(NEWLINE, start);
    index !== -1 && index < end;
    index = bytes.indexOf(NEWLINE, index + 1)
  ) {
    lines++;
  }
  return lines;
}

const NEWLINE = 0x0a;
