/**
 * Hands out pieces of larger buffers, for small byte strings that are kept: a buffer of its own costs ten times the
 * copy. A slab is freed when nothing refers to it any more, so it is kept small: one long-lived piece holds the rest.
 */
export class ByteArena {
  #slab = Buffer.allocUnsafeSlow(slabBytes);
  #position = 0;

  /** Copies `source[start .. end]`; the copy is at the returned place. */
  copy(source: Buffer, start: number, end: number): ArenaPiece {
    const size = end - start;
    if (size > largestPiece) return { bytes: ownCopy(source.subarray(start, end)), start: 0, end: size };
    if (this.#position + size > slabBytes) {
      this.#slab = Buffer.allocUnsafeSlow(slabBytes);
      this.#position = 0;
    }
    const place = this.#position;
    source.copy(this.#slab, place, start, end);
    this.#position += size;
    return { bytes: this.#slab, start: place, end: this.#position };
  }
}

/** A copy that holds no memory but its own: one from Node's pool holds 64 KiB. */
export function ownCopy(bytes: Uint8Array): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

/** `bytes[start .. end]` */
export interface ArenaPiece {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

const slabBytes = 16 * 1024;
const largestPiece = 4 * 1024;
