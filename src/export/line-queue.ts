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
  /** One used-up chunk is kept: at a steady rate nothing is allocated. */
  #spare: Chunk | undefined;

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
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.end + size > chunk.bytes.length) {
      chunk = this.#newChunk(size);
      this.#chunks.push(chunk);
    }
    /* Through a view: half the cost of copying a range. */
    chunk.bytes.set(line.subarray(start, end), chunk.end);
    chunk.end += size;
    chunk.lines++;
    this.bytes += size;
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** What is to be written next, as it is now: lines that are added meanwhile are not in it. */
  next(): PendingPart[] {
    return this.#chunks.slice(0, mostParts).map((chunk) => ({ ...chunk }));
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
    if (chunk.bytes.length === this.#chunkBytes) this.#spare = chunk;
    return chunk.lines;
  }

  /** The line at the front is written in part, to a place that is gone: begins with it anew. */
  rewindTornLine(): void {
    const torn = this.tornBytes;
    if (torn === 0) return;
    this.#chunks[0]!.start -= torn;
    this.bytes += torn;
  }

  /** Forgets everything; returns how many lines that were, one written in part included. */
  clear(): number {
    let lines = 0;
    for (const chunk of this.#chunks) lines += chunk.lines;
    this.#chunks.length = 0;
    this.bytes = 0;
    return lines;
  }

  #newChunk(size: number): Chunk {
    const spare = this.#spare;
    if (size > this.#chunkBytes || spare === undefined) {
      return { bytes: Buffer.allocUnsafeSlow(Math.max(size, this.#chunkBytes)), start: 0, end: 0, lines: 0 };
    }
    this.#spare = undefined;
    spare.start = 0;
    spare.end = 0;
    spare.lines = 0;
    return spare;
  }
}

/** As many as one call to the system takes is 1,024. */
const mostParts = 256;

/** The bytes of parts, not copied. */
export function viewsOf(parts: readonly PendingPart[]): Buffer[] {
  return parts.map(({ bytes, start, end }) => bytes.subarray(start, end));
}

interface Chunk {
  readonly bytes: Buffer;
  start: number;
  end: number;
  /** Lines that end in `bytes[start .. end]`. */
  lines: number;
}

function lineStart({ bytes, start }: Chunk): number {
  return start === 0 ? 0 : bytes.lastIndexOf(NEWLINE, start - 1) + 1;
}

function countLines(bytes: Buffer, start: number, end: number): number {
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
