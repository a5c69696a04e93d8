import type { HookRecord } from '../decode.ts';
import type { EncodedProcess } from '../processes/process.ts';
import { dateTimeBytes } from '../wall-clock.ts';
import { DatedPiece } from './dated-piece.ts';
import type { JsonWriter } from './json-writer.ts';

/** What decides the beginning of a line: all that stands before the value of its first argument. */
export interface CallKey {
  readonly process: EncodedProcess;
  readonly parent: EncodedProcess | undefined;
  readonly tid: number;
  /** Says which constants stand around the processes, compared by identity. */
  readonly selector: object;
  /** Spreads selectors over the places of the table. */
  readonly selectorIndex: number;
}

/**
 * Calls that came lately: a thread that makes a call which a policy reports mostly makes it again, often with the same
 * values. Copying one piece costs a fraction of putting it together. The table has a fixed number of places, and a newer
 * call takes that of an older one.
 */
export class RecentCalls {
  readonly #calls: (RecentCall | undefined)[] = new Array(places).fill(undefined);

  /** What is known of a call; undefined when it did not come lately, and is to be `add`ed. */
  find(
    process: EncodedProcess,
    parent: EncodedProcess | undefined,
    tid: number,
    selector: object,
    selectorIndex: number,
  ): RecentCall | undefined {
    const call = this.#calls[placeOf(tid, selectorIndex)];
    if (call === undefined) return undefined;
    const { key } = call;
    const isIt = key.process === process && key.parent === parent && key.tid === tid && key.selector === selector;
    return isIt ? call : undefined;
  }

  /** A longer beginning would not be kept, and must not hold its processes either. */
  add(key: CallKey): void {
    if (key.process.whole.length + (key.parent?.whole.length ?? 0) > longestKept) return;
    this.#calls[placeOf(key.tid, key.selectorIndex)] = new RecentCall(key);
  }
}

/** A call that came before: the beginning of its line, and all of the line when it comes with the same values. */
export class RecentCall {
  readonly key: CallKey;
  /** The beginning of the line, once it was kept. */
  start: Buffer | undefined;
  /** The line up to the second of its time, with the values of `repeats`, once it was kept. */
  line: DatedPiece | undefined;
  /** The values of an earlier record, as they are there. */
  #values = new Int32Array(0);
  /** Records with other values since these were taken. */
  #others = othersPerTry - 1;

  constructor(key: CallKey) {
    this.key = key;
  }

  /** Whether a record has the values of `line`, or those that it will be kept with. */
  repeats({ view, valuesStart, valuesEnd }: HookRecord): boolean {
    const values = this.#values;
    if (valuesEnd - valuesStart !== values.length * 4) return this.#isOther(view, valuesStart, valuesEnd);
    for (let index = 0, offset = valuesStart; index < values.length; index++, offset += 4) {
      if (view.getInt32(offset, true) !== values[index]) return this.#isOther(view, valuesStart, valuesEnd);
    }
    return true;
  }

  /** Keeps the beginning of a line at `writer.buffer[writer.start .. writer.length]`. */
  keepStart(writer: JsonWriter): void {
    if (writer.length - writer.start <= longestKept) this.start = writer.take();
  }

  /** Keeps a line that was written there up to the second of its time. */
  keepLine(writer: JsonWriter): void {
    const { buffer, start, length } = writer;
    if (length - start <= longestKept) this.line = new DatedPiece(buffer.subarray(start, length - dateTimeBytes));
  }

  /** Takes the values now and then, so that a thread whose values differ every time pays little for it. */
  #isOther(view: DataView, start: number, end: number): false {
    const size = end - start;
    if (++this.#others < othersPerTry || size > longestValues || size % 4 !== 0) return false;
    this.#others = 0;
    this.line = undefined;
    this.#values = new Int32Array(size / 4);
    for (let index = 0; index < this.#values.length; index++) {
      this.#values[index] = view.getInt32(start + index * 4, true);
    }
    return false;
  }
}

/** Some 3,500 bytes each. */
const places = 256;
const longestKept = 8 * 1024;
const longestValues = 512;
const othersPerTry = 16;

function placeOf(tid: number, selectorIndex: number): number {
  return (tid + selectorIndex * 37) & (places - 1);
}
