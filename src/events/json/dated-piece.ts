import { dateTimeBytes, type WallClock } from '../wall-clock.ts';
import type { JsonWriter } from './json-writer.ts';

/** Bytes of JSON that end with a date and time to the second: written with those of the present second. */
export class DatedPiece {
  readonly #bytes: Buffer;
  #second = Number.NaN;

  /** `bytes` without the date. */
  constructor(bytes: Buffer) {
    this.#bytes = Buffer.concat([bytes, Buffer.alloc(dateTimeBytes)]);
  }

  /** Writes the piece with the second that the clock was moved to last. */
  write(writer: JsonWriter, clock: WallClock): void {
    if (this.#second !== clock.second) {
      this.#bytes.set(clock.dateTime, this.#bytes.length - dateTimeBytes);
      this.#second = clock.second;
    }
    writer.raw(this.#bytes);
  }
}
