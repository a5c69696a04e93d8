import { ByteWriter } from './byte-writer.ts';

/** NUL-terminated strings one after another, each once, as ELF and BTF keep them; offset 0 is the empty string. */
export class StringTable {
  readonly #writer = new ByteWriter().u8(0);
  readonly #offsets = new Map<string, number>([['', 0]]);
  readonly #encoder = new TextEncoder();

  /** The offset of the string, added if it is new. Throws on a NUL character, which would cut it. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    if (text.includes('\0')) throw new Error(`string ${JSON.stringify(text)} contains NUL`);
    const offset = this.#writer.length;
    this.#writer.bytes(this.#encoder.encode(text)).u8(0);
    this.#offsets.set(text, offset);
    return offset;
  }

  finish(): Uint8Array {
    return this.#writer.finish();
  }
}
