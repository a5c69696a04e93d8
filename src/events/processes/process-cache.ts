import { ByteArena } from '../byte-arena.ts';
import type { ExecRecord, ForkRecord, RecordHeader } from '../decode.ts';
import { approximateSeconds } from '../wall-clock.ts';
import { EndedProcesses } from './ended-processes.ts';
import { type EnvironmentSettings, keepEnvironment } from './environment.ts';
import { type ExistingProcess, halvesOf, processOfExisting } from './existing-process.ts';
import { LongTexts } from './long-texts.ts';
import type { ParentKey, Process } from './process.ts';
import { ProcessTable } from './process-table.ts';
import {
  type ExecContent,
  executedProcess,
  forkedProcess,
  kernelKtime,
  kernelProcess,
  unknownProcess,
} from './recorded-process.ts';
import { type ArgumentRedactor, redactArguments } from './redact-arguments.ts';

/** Credentials and namespaces are only needed when events show them. */
export interface ProcessCacheOptions extends ExecContent {
  /** Processes kept at once, exited ones in their grace period included. */
  readonly capacity: number;
  /** How long an ended process is kept for records that are still on their way. */
  readonly graceSeconds: number;
  /** Hides parts of the arguments of processes that are entered; those that execute are the pipeline's to hide. */
  readonly redact?: ArgumentRedactor | undefined;
  /** Of processes that are entered; undefined to keep none. */
  readonly environment?: EnvironmentSettings | undefined;
}

/**
 * The processes events can refer to, by (tgid, start). An ended process stays for a grace period, measured in the time
 * of the records themselves, so that there are no timers and a delayed ring changes nothing; and beyond it as long as a
 * child of it is here, so that events know all ancestors.
 */
export class ProcessCache {
  /** Processes dropped because the cache was full, alive or not. */
  evictions = 0;
  /** Those of them that something could still refer to: they lived, or had children. */
  losses = 0;
  readonly longTexts = new LongTexts();
  /** Events whose process was known by its id alone. */
  unknowns = 0;
  readonly #options: ProcessCacheOptions;
  readonly #table = new ProcessTable();
  readonly #arena = new ByteArena();
  readonly #ended = new EndedProcesses();
  /** Processes whose grace period is over and that have children, in the order of their end. */
  readonly #held = new Set<Process>();

  constructor(options: ProcessCacheOptions) {
    this.#options = options;
    this.#insert(kernelProcess());
  }

  get size(): number {
    return this.#table.size;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  find(tgid: number, ktimeLow: number, ktimeHigh: number): Process | undefined {
    return this.#table.find(tgid, ktimeLow, ktimeHigh);
  }

  latest(tgid: number): Process | undefined {
    return this.#table.latest(tgid);
  }

  /** Every process that is known, those that ended a moment ago too. */
  all(): Generator<Process> {
    return this.#table.all();
  }

  /** The parent, when it is or was known. The kernel's own process (pid 0) is its own parent, as in Tetragon. */
  parentOf(process: Process): Process | undefined {
    if (process.parent?.uid === undefined) this.#findParent(process);
    if (process.parent !== undefined) process.parent.touched = true;
    return process.parent;
  }

  /** Also when the known parent is known by its id alone: it may have been replaced. */
  #findParent(process: Process): void {
    const parent = this.find(process.parentTgid, process.parentKtimeLow, process.parentKtimeHigh);
    if (parent !== undefined) setParent(process, parent);
  }

  /** Enters a program that was executed; the execution before it under the same tgid has ended. */
  addExec(record: ExecRecord): Process {
    const previous = this.latest(record.header.tgid);
    const parentKey = this.#parentKey(record.parentTgid, record.parentKtimeLow, record.parentKtimeHigh);
    const process = executedProcess(record, parentKey, previous, this.#arena, this.#options);
    setParent(process, sameParent(previous, parentKey) ? previous?.parent : undefined);
    this.parentOf(process);
    this.#insert(process);
    this.#endOlder(process, record.header);
    return process;
  }

  /** Enters a forked process: a copy of its parent with an identity of its own. */
  addFork(record: ForkRecord): Process {
    const parentKey = this.#parentKey(record.parentTgid, record.parentKtimeLow, record.parentKtimeHigh);
    const parent = this.find(parentKey.parentTgid, parentKey.parentKtimeLow, parentKey.parentKtimeHigh);
    const process = forkedProcess(record, parentKey, parent);
    setParent(process, parent);
    this.#insert(process);
    this.#endOlder(process, record.header);
    return process;
  }

  /** Enters a process that was there before the agent, unless its exec or fork has been seen meanwhile. */
  addProcess(existing: ExistingProcess): Process {
    const ktime = halvesOf(existing.ktimeNs);
    const known = this.find(existing.tgid, ktime.low, ktime.high);
    if (known?.uid !== undefined) return known;
    const parentKtime = halvesOf(existing.parentKtimeNs);
    const parentKey = this.#parentKey(existing.parentTgid, parentKtime.low, parentKtime.high);
    const process = processOfExisting(existing, parentKey);
    const { redact, environment } = this.#options;
    if (redact !== undefined) redactArguments(process, redact);
    if (environment !== undefined && existing.environment !== undefined)
      keepEnvironment(process, Buffer.from(existing.environment), environment, redact);
    this.#insert(process);
    this.longTexts.add(process.image);
    return process;
  }

  /** The process that a record is about; one that is not known is one of which there is only what the header says. */
  processOf(header: RecordHeader): Process {
    const process = this.#find(header);
    if (process?.uid !== undefined) return process;
    this.unknowns++;
    return process ?? this.#addUnknown(header);
  }

  /** Where the kernel side has no state of a process, it is the one that has the tgid now. */
  #find({ tgid, execKtimeLow, execKtimeHigh }: RecordHeader): Process | undefined {
    if (execKtimeLow !== 0 || execKtimeHigh !== 0) return this.#table.find(tgid, execKtimeLow, execKtimeHigh);
    const latest = this.#table.latest(tgid);
    return latest?.ended === false ? latest : undefined;
  }

  /** Kept when it has an identity, so that it is found again. */
  #addUnknown(header: RecordHeader): Process {
    const process = unknownProcess(header);
    if (header.execKtimeLow !== 0 || header.execKtimeHigh !== 0) this.#insert(process);
    return process;
  }

  /** Starts the grace period of a process. */
  end(process: Process, header: EndTime): void {
    if (process.ended) return;
    process.ended = true;
    /* There are few events of it from now on, and none of most. */
    process.encoded = undefined;
    this.#ended.add(process, approximateSeconds(header.ktimeLow, header.ktimeHigh));
    this.#sweep(header);
  }

  /** A tgid has one execution at a time: the one before has ended, even when its exit record was lost. */
  #endOlder(process: Process, header: EndTime): void {
    if (process.older === undefined || process.older.ended) this.#sweep(header);
    else this.end(process.older, header);
  }

  /** Parent 0 is the kernel's own process; a parent of unknown start is the process that has its tgid now. */
  #parentKey(parentTgid: number, ktimeLow: number, ktimeHigh: number): ParentKey {
    if (parentTgid === 0) return { parentTgid, parentKtimeLow: kernelKtime, parentKtimeHigh: 0 };
    if (ktimeLow === 0 && ktimeHigh === 0) {
      const latest = this.latest(parentTgid);
      if (latest !== undefined)
        return { parentTgid, parentKtimeLow: latest.ktimeLow, parentKtimeHigh: latest.ktimeHigh };
    }
    return { parentTgid, parentKtimeLow: ktimeLow, parentKtimeHigh: ktimeHigh };
  }

  #insert(process: Process): void {
    const replaced = this.#table.insert(process);
    if (replaced !== undefined) this.#takePlace(replaced, process);
    this.#dropManieth(this.latest(process.tgid)!);
    if (this.size > this.#options.capacity) this.#makeRoom();
  }

  #forgetTexts({ image }: Process): void {
    if (image.holders === 0) this.longTexts.forget(image);
  }

  /** Rare: a record of a process that was entered already, when the agent comes after the sensors. */
  #takePlace(replaced: Process, process: Process): void {
    this.#held.delete(replaced);
    this.#forgetTexts(replaced);
    setParent(replaced, undefined);
    if (replaced.children === 0) return;
    for (const child of this.all()) {
      if (child.parent === replaced && child !== process) setParent(child, process);
    }
  }

  /** One that executes program after program, each the child of the one before, is known so far back and no further. */
  #dropManieth(latest: Process): void {
    let count = 1;
    let last = latest;
    for (; last.older !== undefined; last = last.older) count++;
    if (count > maxExecutions) this.#remove(last);
  }

  /** Drops processes whose grace period is over at the time of `header`. */
  #sweep(header: EndTime): void {
    const deadline = approximateSeconds(header.ktimeLow, header.ktimeHigh) - this.#options.graceSeconds;
    for (let process = this.#ended.take(deadline); process !== undefined; process = this.#ended.take(deadline)) {
      this.#removeUnlessHeld(process);
    }
  }

  /** An ended process that has children stays until the last of them leaves. Returns whether it left. */
  #removeUnlessHeld(process: Process): boolean {
    if (process.children === 0) return this.#remove(process);
    if (this.find(process.tgid, process.ktimeLow, process.ktimeHigh) === process) this.#held.add(process);
    return false;
  }

  #makeRoom(): void {
    this.evictions++;
    for (let process = this.#ended.take(); process !== undefined; process = this.#ended.take()) {
      if (this.#removeUnlessHeld(process)) return;
    }
    this.losses++;
    for (const held of this.#held) {
      if (this.#remove(held)) return;
    }
    const unused = this.#table.leastUsed();
    if (unused !== undefined) this.#remove(unused);
  }

  /** Removes a process, and those above it that only it has held; false when it is gone already. */
  #remove(process: Process): boolean {
    if (!this.#unlink(process)) return false;
    let last = process;
    for (let { parent } = last; parent !== undefined; parent = last.parent) {
      setParent(last, undefined);
      if (parent.children > 0 || !this.#held.has(parent)) break;
      this.#unlink(parent);
      last = parent;
    }
    return true;
  }

  #unlink(process: Process): boolean {
    this.#held.delete(process);
    if (!this.#table.remove(process)) return false;
    this.#forgetTexts(process);
    return true;
  }
}

/** What refers to a process, itself while it lives: `refcnt` of Tetragon's dumps. */
export function referencesOf({ ended, children }: Process): number {
  return (ended ? 0 : 1) + children;
}

/** Nanoseconds since boot. */
type EndTime = Pick<RecordHeader, 'ktimeLow' | 'ktimeHigh'>;

/** Executions of one tgid that are known at a time: searches follow the row of them. */
const maxExecutions = 64;

function setParent(process: Process, parent: Process | undefined): void {
  if (process.parent === parent) return;
  if (process.parent !== undefined) process.parent.children--;
  process.parent = parent;
  if (parent !== undefined) parent.children++;
}

function sameParent(previous: Process | undefined, key: ParentKey): boolean {
  return (
    previous !== undefined &&
    previous.parentTgid === key.parentTgid &&
    previous.parentKtimeLow === key.parentKtimeLow &&
    previous.parentKtimeHigh === key.parentKtimeHigh
  );
}
