import type { JsonWriter } from './json-writer.ts';
import type { EncodedProcess } from './process.ts';

/** What the beginning of a line of a hook is made of: all that stands before its first argument. */
export interface LineStart {
  readonly process: EncodedProcess;
  readonly parent: EncodedProcess | undefined;
  readonly tid: number;
  /** Says which constants stand around the processes, compared by identity. */
  readonly selector: object;
  /** Spreads selectors over the places of the table. */
  readonly selectorIndex: number;
}

interface Entry extends LineStart {
  /** Made when the same start comes for the second time. */
  bytes: Buffer | undefined;
}

/**
 * Beginnings of lines that came lately: a thread that makes a call which a policy reports mostly makes it again. Copying
 * one piece costs a quarter of putting it together. The table has a fixed number of places, and a newer start takes that
 * of an older one.
 */
export class LineStarts {
  readonly #entries: (Entry | undefined)[] = new Array(places).fill(undefined);

  /** The bytes of a start; undefined when they have to be put together, which `remember` is then told of. */
  find(
    process: EncodedProcess,
    parent: EncodedProcess | undefined,
    tid: number,
    selector: object,
    selectorIndex: number,
  ): Buffer | undefined {
    const entry = this.#entries[placeOf(tid, selectorIndex)];
    const isIt =
      entry !== undefined &&
      entry.process === process &&
      entry.parent === parent &&
      entry.tid === tid &&
      entry.selector === selector;
    return isIt ? entry.bytes : undefined;
  }

  /** Takes note of a start that was written at `writer.buffer[from .. writer.length]`. */
  remember(start: LineStart, writer: JsonWriter, from: number): void {
    const place = placeOf(start.tid, start.selectorIndex);
    const entry = this.#entries[place];
    if (entry === undefined || !isSame(entry, start)) this.#entries[place] = { ...start, bytes: undefined };
    else if (writer.length - from <= longestStart)
      entry.bytes = Buffer.from(writer.buffer.subarray(from, writer.length));
  }
}

function isSame(left: LineStart, right: LineStart): boolean {
  return (
    left.process === right.process &&
    left.parent === right.parent &&
    left.tid === right.tid &&
    left.selector === right.selector
  );
}

/** Some 1,500 bytes each. */
const places = 256;
const longestStart = 8 * 1024;

function placeOf(tid: number, selectorIndex: number): number {
  return (tid + selectorIndex * 37) & (places - 1);
}
