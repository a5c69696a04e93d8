import { ownCopy } from '../byte-arena.ts';
import type { DataRecord, ExecRecord, RecordHeader } from '../decode.ts';
import { limits, processFlags } from '../wire.ts';
import { type Process, wholeRange } from './process.ts';

/** A program whose arguments and environment are complete, or as complete as they will get. */
export interface AssembledExec {
  readonly process: Process;
  /** Of its exec record: the time of the event. */
  readonly header: RecordHeader;
  /** As it lies in memory, NUL after each variable; empty when the agent does not want it. */
  readonly environment: Buffer;
}

interface PendingExec extends Omit<AssembledExec, 'environment'> {
  readonly chunks: Buffer[];
  readonly argsLength: number;
  readonly expected: number;
  /** Of our own clock: when the wait began. */
  readonly sinceMs: number;
  received: number;
}

/**
 * Joins the arguments and the environment of a program that did not fit its exec record with the data records that
 * follow. Data that does not continue where the last ended means that some was lost: the program is then reported with
 * what there is and the flag `truncArgs` or `errorEnvs`.
 */
export class ExecAssembler {
  /** Data records that belong to no program that is waiting: a chunk before them was lost. */
  orphans = 0;
  /** Programs reported without all arguments, for whatever reason. */
  truncations = 0;
  /** Programs that were reported early to make room for others. */
  evictions = 0;
  readonly #pending = new Map<number, PendingExec>();

  /** Starts to wait for the rest of the arguments and the environment; false when there is no rest. */
  begin(process: Process, record: ExecRecord): boolean {
    if (isWhole(record)) return false;
    const { buffer, argsStart, argsInline, argsLength } = record;
    this.#pending.set(process.tgid, {
      process,
      header: record.header,
      chunks: [Buffer.from(buffer.subarray(argsStart, argsStart + argsInline))],
      argsLength,
      expected: argsLength + record.environmentLength,
      sinceMs: performance.now(),
      received: argsInline,
    });
    return true;
  }

  get full(): boolean {
    return this.#pending.size >= maxPending;
  }

  get size(): number {
    return this.#pending.size;
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
    pending.process.flags |= missingFlags(pending.received, pending.argsLength, pending.expected);
    return this.#finish(pending);
  }

  /** Makes room: ends the wait for the program that has waited longest. */
  evict(): AssembledExec | undefined {
    this.evictions++;
    return this.interruptOldest();
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
    const { process, header, chunks, argsLength } = pending;
    const bytes = Buffer.concat(chunks);
    /* What is kept of a process must not hold an environment that nobody wants to see. */
    const args = ownCopy(bytes.subarray(0, argsLength));
    process.image.args = wholeRange(args);
    process.encoded = undefined;
    return { process, header, environment: bytes.subarray(args.length) };
  }
}

/** The program of a record that nothing follows; what is missing all the same is said by its flags. */
export function execInRecord(process: Process, record: ExecRecord): AssembledExec {
  const { header, buffer, argsStart, argsInline, argsLength, environmentLength } = record;
  process.flags |= missingFlags(argsInline, argsLength, argsLength + environmentLength);
  const environment = buffer.subarray(argsStart + Math.min(argsInline, argsLength), argsStart + argsInline);
  return { process, header, environment };
}

function isWhole({ argsInline, argsLength, environmentLength }: ExecRecord): boolean {
  return argsInline >= argsLength + environmentLength;
}

function missingFlags(received: number, argsLength: number, expected: number): number {
  const args = received < argsLength ? processFlags.TRUNC_ARGS : 0;
  return expected > argsLength && received < expected ? args | processFlags.ERROR_ENVS : args;
}

function sameProcess(process: Process, header: RecordHeader): boolean {
  return process.ktimeLow === header.execKtimeLow && process.ktimeHigh === header.execKtimeHigh;
}

/** Programs whose arguments are incomplete at one time: about one per CPU in practice. */
export const maxPending = 1024;
/** The kernel sends all chunks at once, within microseconds. */
const maxWaitMs = 1000;
/** All the kernel side ever sends of one program, and room for a last chunk. */
const maxBytes = limits.ARGS_CHUNK * (limits.ARGS_CHUNKS + 1);
