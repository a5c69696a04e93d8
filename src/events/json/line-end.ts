import type { WallClock } from '../wall-clock.ts';
import { DatedPiece } from './dated-piece.ts';
import type { JsonWriter } from './json-writer.ts';

/**
 * What stands behind the value of the last argument in the lines of one selector: the end of that argument, then what is
 * always the same, and the time up to the second. The ends of arguments are few, and mostly that of the line before: then all is one piece.
 */
export class LineEnd {
  readonly #rest: Buffer;
  readonly #plain: DatedPiece;
  #joined: DatedPiece | undefined;
  /** The end of the argument that is in `joined`. */
  #joinedEnd: Buffer | undefined;
  /** The end of the argument in the last line that was not joined. */
  #lastEnd: Buffer | undefined;

  /** `rest` is what stands between the last argument and the time. */
  constructor(rest: Buffer) {
    this.#rest = rest;
    this.#plain = new DatedPiece(rest);
  }

  /** Writes the end of a line, given that of its last argument, which is compared by identity. */
  write(writer: JsonWriter, argumentEnd: Buffer, clock: WallClock): void {
    if (argumentEnd === this.#joinedEnd) this.#joined!.write(writer, clock);
    else this.#writeParts(writer, argumentEnd, clock);
  }

  #writeParts(writer: JsonWriter, argumentEnd: Buffer, clock: WallClock): void {
    writer.raw(argumentEnd);
    this.#plain.write(writer, clock);
    if (argumentEnd === this.#lastEnd) {
      this.#joined = new DatedPiece(Buffer.concat([argumentEnd, this.#rest]));
      this.#joinedEnd = argumentEnd;
    }
    this.#lastEnd = argumentEnd;
  }
}
