/** A growing little-endian buffer. */
export class ByteWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const position = this.#reserve(1);
    this.#view.setUint8(position, value);
    return this;
  }

  u16(value: number): this {
    const position = this.#reserve(2);
    this.#view.setUint16(position, value, true);
    return this;
  }

  u32(value: number): this {
    const position = this.#reserve(4);
    this.#view.setUint32(position, value, true);
    return this;
  }

  /** A 64-bit field with a value below 2^53. */
  u64(value: number): this {
    return this.u32(value % 0x1_0000_0000).u32(Math.floor(value / 0x1_0000_0000));
  }

  bytes(bytes: Uint8Array): this {
    const position = this.#reserve(bytes.length);
    this.#bytes.set(bytes, position);
    return this;
  }

  /** Zero bytes up to the next multiple of `alignment`. */
  align(alignment: number): this {
    const rest = this.#length % alignment;
    if (rest !== 0) this.#reserve(alignment - rest);
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): number {
    const position = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) this.#grow();
    return position;
  }

  #grow(): void {
    const bytes = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
