import type { DataRecord, ExecRecord, RecordHeader } from './decode.ts';
import { type Process, type TextRange, wholeRange } from './process.ts';
import { limits, processFlags } from './wire.ts';

/** A program whose arguments are complete, or as complete as they will get. */
export interface AssembledExec {
  readonly process: Process;
  /** Of its exec record: the time of the event. */
  readonly header: RecordHeader;
}

interface PendingExec extends AssembledExec {
  readonly chunks: Buffer[];
  readonly expected: number;
  /** Of our own clock: when the wait began. */
  readonly sinceMs: number;
  received: number;
}

/**
 * Joins the arguments of a program that did not fit its exec record with the data records that follow. Data that does
 * not continue where the last ended means that some was lost: the program is then reported with what there is and the
 * flag `truncArgs`.
 */
export class ExecAssembler {
  /** Data records that belong to no program that is waiting: a chunk before them was lost. */
  orphans = 0;
  /** Programs reported without all arguments, for whatever reason. */
  truncations = 0;
  readonly #pending = new Map<number, PendingExec>();

  /** Starts to wait for the rest of the arguments; false when there is no rest. */
  begin(process: Process, record: ExecRecord): boolean {
    if (record.argsInline >= record.argsLength) return false;
    this.#pending.set(process.tgid, {
      process,
      header: record.header,
      chunks: [bytesOf(process.image.args)],
      expected: record.argsLength,
      sinceMs: performance.now(),
      received: record.argsInline,
    });
    return true;
  }

  get full(): boolean {
    return this.#pending.size >= maxPending;
  }

  get isIdle(): boolean {
    return this.#pending.size === 0;
  }

  /** Adds a data record; returns the program when it needs no more. */
  append(record: DataRecord): AssembledExec | undefined {
    const pending = this.#pending.get(record.header.tgid);
    if (pending === undefined || !sameProcess(pending.process, record.header)) {
      this.orphans++;
      return undefined;
    }
    if (record.dataOffset !== pending.received || pending.received + record.dataLength > maxBytes) {
      return this.interrupt(pending.process.tgid);
    }
    pending.chunks.push(Buffer.from(record.buffer.subarray(record.dataStart, record.dataStart + record.dataLength)));
    pending.received += record.dataLength;
    return pending.received >= pending.expected ? this.#finish(pending) : undefined;
  }

  /** Ends the wait for the program of `tgid`, if there is one: another record shows that no more arguments will come. */
  interrupt(tgid: number): AssembledExec | undefined {
    const pending = this.#pending.get(tgid);
    if (pending === undefined) return undefined;
    this.truncations++;
    pending.process.flags |= processFlags.TRUNC_ARGS;
    return this.#finish(pending);
  }

  /** Ends the wait for the program that has waited longest. */
  interruptOldest(): AssembledExec | undefined {
    const oldest = this.#pending.keys().next();
    return oldest.done ? undefined : this.interrupt(oldest.value);
  }

  /** Ends the wait for the oldest program when it has waited too long: its last chunk was lost, or never sent. */
  interruptExpired(): AssembledExec | undefined {
    const oldest = this.#pending.values().next().value;
    return oldest !== undefined && performance.now() - oldest.sinceMs > maxWaitMs
      ? this.interrupt(oldest.process.tgid)
      : undefined;
  }

  #finish(pending: PendingExec): AssembledExec {
    this.#pending.delete(pending.process.tgid);
    pending.process.image.args = wholeRange(Buffer.concat(pending.chunks));
    pending.process.encoded = undefined;
    return pending;
  }
}

function bytesOf({ bytes, start, end }: TextRange): Buffer {
  return bytes.subarray(start, end);
}

function sameProcess(process: Process, header: RecordHeader): boolean {
  return process.ktimeLow === header.execKtimeLow && process.ktimeHigh === header.execKtimeHigh;
}

/** Programs whose arguments are incomplete at one time: about one per CPU in practice. */
const maxPending = 1024;
/** The kernel sends all chunks at once, within microseconds. */
const maxWaitMs = 1000;
/** All the kernel side ever sends of one program, and room for a last chunk. */
const maxBytes = limits.ARGS_CHUNK * (limits.ARGS_CHUNKS + 1);
