import type { DataRecord, ExecRecord, ExitRecord, ForkRecord, LoaderRecord, RecordHeader } from '../decode.ts';
import type { EventDelivery } from '../event-delivery.ts';
import type { ExecCounters } from '../pipeline-counters.ts';
import { recordFlags } from '../wire.ts';
import { type EnvironmentSettings, keepEnvironment } from './environment.ts';
import { type AssembledExec, ExecAssembler, execInRecord, maxPending } from './exec-assembler.ts';
import { HeldLoads } from './held-loads.ts';
import type { Process } from './process.ts';
import type { ProcessCache } from './process-cache.ts';
import { type ArgumentRedactor, redactArguments } from './redact-arguments.ts';

export interface ProcessEventsOptions {
  readonly cache: ProcessCache;
  readonly delivery: EventDelivery;
  /** Hides parts of the arguments of programs before anyone sees them. */
  readonly redact: ArgumentRedactor | undefined;
  /** Of the environments of programs, what events show; undefined for nothing. */
  readonly environment: EnvironmentSettings | undefined;
}

/**
 * What processes do: enters them into the cache and reports programs, once their arguments are complete, their ends, and
 * what is mapped for them to execute.
 */
export class ProcessEvents {
  readonly #cache: ProcessCache;
  readonly #delivery: EventDelivery;
  readonly #redact: ArgumentRedactor | undefined;
  readonly #environment: EnvironmentSettings | undefined;
  readonly #assembler = new ExecAssembler();
  readonly #heldLoads = new HeldLoads();

  constructor({ cache, delivery, redact, environment }: ProcessEventsOptions) {
    this.#cache = cache;
    this.#delivery = delivery;
    this.#redact = redact;
    this.#environment = environment;
  }

  handleExec(record: ExecRecord): undefined {
    this.endWaiting(record.header.tgid);
    const process = this.#cache.addExec(record);
    if (isQuiet(record.header)) {
      this.#complete(execInRecord(process, record));
      this.#emitHeldLoads(process);
      return;
    }
    if (this.#assembler.full) this.#emitExec(this.#assembler.evict());
    if (!this.#assembler.begin(process, record)) this.#emitExec(execInRecord(process, record));
    else if (this.#redact !== undefined) redactArguments(process, this.#redact);
  }

  /** Takes more of the arguments of a program. */
  handleData(record: DataRecord): undefined {
    this.#emitExec(this.#assembler.append(record));
  }

  handleFork(record: ForkRecord): undefined {
    this.endWaiting(record.parentTgid);
    this.#cache.addFork(record);
  }

  /** To be called when nothing of the process is waiting any more. */
  handleExit({ header, code }: ExitRecord): undefined {
    const process = this.#cache.processOf(header);
    this.#emitHeldLoads(process);
    if (!isQuiet(header)) this.#emitExit(process, header, code);
    this.#cache.end(process, header);
  }

  /** Takes a record whose bytes are `record.buffer[offset .. offset + size]`. */
  handleLoader(record: LoaderRecord, offset: number, size: number): undefined {
    this.endWaiting(record.header.tgid);
    if ((record.header.flags & recordFlags.EXECUTING) === 0) {
      this.#emitLoader(this.#cache.processOf(record.header), record);
      return;
    }
    if (this.#heldLoads.full) this.#emitLoads(this.#heldLoads.takeOldest());
    this.#heldLoads.add(record, record.buffer, offset, size);
  }

  /** A record of a process shows that no more of its arguments will come. */
  endWaiting(tgid: number): void {
    if (!this.#assembler.isIdle) this.#emitExec(this.#assembler.interrupt(tgid));
  }

  /** Reports what has waited too long. */
  endExpired(): void {
    for (let exec = this.#expired(); exec !== undefined; exec = this.#expired()) this.#emitExec(exec);
    this.#emitLoads(this.#heldLoads.takeExpired());
  }

  /** Reports all that is waiting. */
  endAll(): void {
    while (!this.#assembler.isIdle) this.#emitExec(this.#assembler.interruptOldest());
    while (!this.#heldLoads.isEmpty) this.#emitLoads(this.#heldLoads.takeOldest());
  }

  /** Reports the living processes that are known already, oldest first. */
  reportExisting(): void {
    const living = [...this.#cache.all()].filter(({ ended }) => !ended);
    const processes = living.sort((one, other) => one.ktimeHigh - other.ktimeHigh || one.ktimeLow - other.ktimeLow);
    for (const process of processes) this.#reportExec(process, process.ktimeLow, process.ktimeHigh);
  }

  counters(): ExecCounters {
    return {
      waitingArguments: this.#assembler.size,
      waitingArgumentsLimit: maxPending,
      evictedArguments: this.#assembler.evictions,
      orphanArguments: this.#assembler.orphans,
      truncatedArguments: this.#assembler.truncations,
    };
  }

  #expired(): AssembledExec | undefined {
    return this.#assembler.isIdle ? undefined : this.#assembler.interruptExpired();
  }

  #emitExec(exec: AssembledExec | undefined): void {
    if (exec === undefined) return;
    this.#complete(exec);
    const { process, header } = exec;
    this.#reportExec(process, header.ktimeLow, header.ktimeHigh);
    this.#emitHeldLoads(process);
  }

  #reportExec(process: Process, ktimeLow: number, ktimeHigh: number): void {
    this.#delivery.deliver({ kind: 'exec', process, parent: this.#cache.parentOf(process), ktimeLow, ktimeHigh });
  }

  /** Hides and leaves out what nobody may see of a program, before anybody does. */
  #complete({ process, environment }: AssembledExec): void {
    if (this.#redact !== undefined) redactArguments(process, this.#redact);
    if (this.#environment !== undefined && environment.length > 0)
      keepEnvironment(process, environment, this.#environment, this.#redact);
    this.#cache.longTexts.add(process.image);
  }

  #emitExit(process: Process, header: RecordHeader, code: number): void {
    this.#delivery.deliver({
      kind: 'exit',
      process,
      parent: this.#cache.parentOf(process),
      ktimeLow: header.ktimeLow,
      ktimeHigh: header.ktimeHigh,
      status: (code >>> 8) & 0xff,
      signal: code & 0x7f,
    });
  }

  /** What was mapped for the program of a process before there was a process with that program. */
  #emitHeldLoads(process: Process): void {
    if (this.#heldLoads.isEmpty) return;
    for (const record of this.#heldLoads.take(process.tgid)) this.#emitLoader(process, record);
  }

  /** Of programs that were never reported: the processes are what the kernel knew them as. */
  #emitLoads(records: readonly LoaderRecord[]): void {
    for (const record of records) this.#emitLoader(this.#cache.processOf(record.header), record);
  }

  #emitLoader(process: Process, record: LoaderRecord): void {
    const { header, buffer: bytes, pathStart, pathLength, buildIdStart, buildIdLength } = record;
    this.#delivery.deliver({
      kind: 'loader',
      process,
      parent: this.#cache.parentOf(process),
      ktimeLow: header.ktimeLow,
      ktimeHigh: header.ktimeHigh,
      tid: header.tid,
      path: { bytes, start: pathStart, end: pathStart + pathLength },
      buildId: { bytes, start: buildIdStart, end: buildIdStart + buildIdLength },
    });
  }
}

/** Held back in the kernel: known, not reported. */
function isQuiet(header: RecordHeader): boolean {
  return (header.flags & recordFlags.QUIET) !== 0;
}
