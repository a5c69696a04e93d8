import type { ProcessEvent } from '../events.ts';
import { type AncestorGroup, ancestorGroupOf, ancestorsOf } from '../processes/ancestors.ts';
import type { EncodedProcess, Process } from '../processes/process.ts';
import type { JsonWriter } from './json-writer.ts';
import type { ProcessEncoder } from './process-encoder.ts';

/** Writes the processes of events; each process is encoded once, unless that is very long. */
export class ProcessWriter {
  readonly #writer: JsonWriter;
  readonly #encoder: ProcessEncoder;
  readonly #ancestors: ReadonlySet<AncestorGroup> | undefined;

  constructor(writer: JsonWriter, encoder: ProcessEncoder, ancestors: ReadonlySet<AncestorGroup> | undefined) {
    this.#writer = writer;
    this.#encoder = encoder;
    this.#ancestors = ancestors;
  }

  writeProcess(process: Process, tid: number): void {
    this.#writeEncoded(this.encoded(process), process.tgid, tid);
  }

  /** Writes the member for the parent of the process, when there is one. */
  writeParent({ parent }: ProcessEvent): void {
    if (parent === undefined) return;
    this.#writer.raw(parentKey);
    this.writeProcess(parent, parent.tgid);
  }

  /** Writes the member for the processes above the parent, in events that show them. */
  writeAncestors(event: ProcessEvent): void {
    if (this.#ancestors?.has(ancestorGroupOf(event)) !== true) return;
    let separator = ancestorsKey;
    for (const ancestor of ancestorsOf(event.process)) {
      this.#writer.raw(separator);
      this.writeProcess(ancestor, ancestor.tgid);
      separator = comma;
    }
    if (separator === comma) this.#writer.raw(listEnd);
  }

  encoded(process: Process): EncodedProcess {
    const known = process.encoded;
    if (known !== undefined && known.args === process.image.args) return known;
    const encoded = this.#encoder.encode(process);
    process.encoded = encoded.end - encoded.start <= longestKeptProcess ? encoded : undefined;
    return encoded;
  }

  #writeEncoded({ bytes, start, end, whole, tidStart, tidEnd }: EncodedProcess, tgid: number, tid: number): void {
    if (tid === tgid) {
      this.#writer.raw(whole);
      return;
    }
    this.#writer.rawRange(bytes, start, tidStart);
    this.#writer.uint(tid);
    this.#writer.rawRange(bytes, tidEnd, end);
  }
}

/** Others are encoded for each event: who is watched decides how long the arguments of a program are. */
const longestKeptProcess = 64 * 1024;
const parentKey = Buffer.from(',"parent":');
const ancestorsKey = Buffer.from(',"ancestors":[');
const comma = Buffer.from(',');
const listEnd = Buffer.from(']');
