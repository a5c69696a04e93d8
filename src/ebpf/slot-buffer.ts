/** Two words for each slot, as they lie in memory: eBPF code is little-endian, and so are the machines we run on. */
const wordsPerSlot = 2;

/** A growing list of encoded instruction slots. */
export class SlotBuffer {
  #words = new Int32Array(64 * wordsPerSlot);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** `offset` and `imm` have to fit. */
  append(opcode: number, dst: number, src: number, offset: number, imm: number): void {
    const at = this.#length * wordsPerSlot;
    if (at === this.#words.length) {
      const words = new Int32Array(2 * at);
      words.set(this.#words);
      this.#words = words;
    }
    this.#words[at] = opcode | (dst << 8) | (src << 12) | (offset << 16);
    this.#words[at + 1] = imm;
    this.#length++;
  }

  opcode(index: number): number {
    return this.#words[index * wordsPerSlot]! & 0xff;
  }

  /** Appends a slot of another buffer, with another offset. */
  appendFrom(other: SlotBuffer, index: number, offset: number | undefined): void {
    const first = other.#words[index * wordsPerSlot]!;
    const kept = offset === undefined ? first : (first & 0xffff) | (offset << 16);
    this.append(
      kept & 0xff,
      (kept >> 8) & 0x0f,
      (kept >> 12) & 0x0f,
      kept >> 16,
      other.#words[index * wordsPerSlot + 1]!,
    );
  }

  finish(): Uint8Array {
    const words = this.#words.slice(0, this.#length * wordsPerSlot);
    return new Uint8Array(words.buffer);
  }
}
