/** Numbers events, so that whoever reads them sees every gap: `"sequence":"1"` for the first, at the end of its line. */
export class SequenceNumbers {
  #last = 0;
  #buffer = Buffer.allocUnsafeSlow(4096);

  /** The number of the next event, whether it will be written or not. */
  next(): number {
    return ++this.#last;
  }

  /** `line[start .. end]`, one event as a line of JSON, with its number; valid until the next call. */
  addTo(line: Buffer, start: number, end: number, number: number): Buffer {
    const member = `,"sequence":"${number}"}\n`;
    const bodyEnd = end - lineEnd.length;
    const size = bodyEnd - start + member.length;
    if (size > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(2 * size);
    this.#buffer.set(line.subarray(start, bodyEnd), 0);
    this.#buffer.write(member, bodyEnd - start, 'latin1');
    return this.#buffer.subarray(0, size);
  }
}

const lineEnd = '}\n';
