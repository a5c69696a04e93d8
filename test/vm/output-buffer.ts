/** Keeps the last bytes of a stream, up to a limit. */
export class OutputBuffer {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A listener that keeps each chunk and hands it on. */
  receiver(next: ((chunk: Buffer) => void) | undefined): (chunk: Buffer) => void {
    return (chunk) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      while (this.#length - this.#chunks[0]!.length >= this.#limit) this.#length -= this.#chunks.shift()!.length;
      next?.(chunk);
    };
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}
