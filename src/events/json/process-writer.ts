import type { ProcessEvent } from '../events.ts';
import { type AncestorGroup, ancestorGroupOf, ancestorsOf } from '../processes/ancestors.ts';
import type { EncodedProcess, Process } from '../processes/process.ts';
import type { JsonWriter } from './json-writer.ts';
import type { ProcessEncoder } from './process-encoder.ts';

/** Writes the processes of events; each process is encoded once. */
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
    process.encoded ??= this.#encoder.encode(process);
    return process.encoded;
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

const parentKey = Buffer.from(',"parent":');
const ancestorsKey = Buffer.from(',"ancestors":[');
const comma = Buffer.from(',');
const listEnd = Buffer.from(']');
