import { ByteArena } from './byte-arena.ts';
import type { ExecRecord, ForkRecord, RecordHeader } from './decode.ts';
import { type EnvironmentSettings, keepEnvironment } from './environment.ts';
import {
  type Credentials,
  imageOf,
  namespacesOf,
  type Process,
  type ProcessImage,
  readCredentials,
  type TextRange,
  unknownImage,
  wholeRange,
} from './process.ts';
import { type ArgumentRedactor, redactArguments } from './redact-arguments.ts';
import { approximateSeconds } from './wall-clock.ts';
import { credentials, execRecord, namespaceOrder, processFlags } from './wire.ts';

/** A process that was running before the agent, as read from /proc. */
export interface ExistingProcess {
  readonly tgid: number;
  /** Start of the process in nanoseconds since boot: the same number the kernel side keeps for it. */
  readonly ktimeNs: bigint;
  readonly parentTgid: number;
  /** 0 when not known: the process that then has `parentTgid` is taken. */
  readonly parentKtimeNs: bigint;
  readonly binary: Uint8Array;
  /** Content of `/proc/PID/cmdline`: NUL after each element. */
  readonly args: Uint8Array;
  /** True when `args` is the text of the arguments, redacted already. */
  readonly argsJoined?: boolean;
  /** Content of `/proc/PID/environ`; only needed when events show it. */
  readonly environment?: Uint8Array | undefined;
  /** Undefined when it cannot be read. */
  readonly cwd: Uint8Array | undefined;
  /** Effective user id. */
  readonly uid: number;
  readonly auid: number;
  readonly nsPid: number;
  /** More `processFlags`, such as BINARY_DELETED and IN_INIT_TREE. */
  readonly flags?: number;
  /** It ended before the agent started, and an earlier agent knew it: `flags` are all its flags. */
  readonly ended?: true;
  /** Name of the cgroup, last component. */
  readonly cgroup?: Uint8Array;
  /** Only needed when events show them. */
  readonly credentials?: Credentials;
  /** Inode numbers in `namespaceOrder`; only needed when events show them. */
  readonly namespaces?: readonly number[];
}

export interface ProcessCacheOptions {
  /** Processes kept at once, exited ones in their grace period included. */
  readonly capacity: number;
  /** How long an ended process is kept for records that are still on their way. */
  readonly graceSeconds: number;
  /** Keep credentials and namespaces: only needed when events show them. */
  readonly withCredentials: boolean;
  readonly withNamespaces: boolean;
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
  readonly #options: ProcessCacheOptions;
  /** The latest execution of each tgid; older ones hang on it by `older`. */
  readonly #byTgid = new Map<number, Process>();
  readonly #arena = new ByteArena();
  /** What was asked for last: records of one process come in a row. */
  #found: Process | undefined;
  #size = 0;
  /** Ended processes in the order of their end; `#endedStart` is the first that counts. */
  #ended: EndedProcess[] = [];
  #endedStart = 0;
  /** Processes whose grace period is over and that have children, in the order of their end. */
  readonly #held = new Set<Process>();

  constructor(options: ProcessCacheOptions) {
    this.#options = options;
    this.#insert(kernelProcess());
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  find(tgid: number, ktimeLow: number, ktimeHigh: number): Process | undefined {
    const found = this.#found;
    if (found !== undefined && found.tgid === tgid && found.ktimeLow === ktimeLow && found.ktimeHigh === ktimeHigh) {
      found.touched = true;
      return found;
    }
    return this.#search(tgid, ktimeLow, ktimeHigh);
  }

  #search(tgid: number, ktimeLow: number, ktimeHigh: number): Process | undefined {
    let process = this.#byTgid.get(tgid);
    while (process !== undefined && (process.ktimeLow !== ktimeLow || process.ktimeHigh !== ktimeHigh)) {
      process = process.older;
    }
    if (process !== undefined) process.touched = true;
    this.#found = process;
    return process;
  }

  latest(tgid: number): Process | undefined {
    return this.#byTgid.get(tgid);
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
    if (parent !== undefined) this.#setParent(process, parent);
  }

  #setParent(process: Process, parent: Process | undefined): void {
    if (process.parent === parent) return;
    if (process.parent !== undefined) process.parent.children--;
    process.parent = parent;
    if (parent !== undefined) parent.children++;
  }

  /** Every process that is known, those that ended a moment ago too. */
  *all(): Generator<Process> {
    for (const latest of this.#byTgid.values()) {
      for (let process: Process | undefined = latest; process !== undefined; process = process.older) yield process;
    }
  }

  /** Enters a program that was executed; the execution before it under the same tgid has ended. */
  addExec(record: ExecRecord): Process {
    const { header } = record;
    const previous = this.#byTgid.get(header.tgid);
    const parentKey = this.#parentKey(record.parentTgid, record.parentKtimeLow, record.parentKtimeHigh);
    const process: Process = {
      tgid: header.tgid,
      ktimeLow: header.execKtimeLow,
      ktimeHigh: header.execKtimeHigh,
      parentTgid: parentKey.parentTgid,
      parentKtimeLow: parentKey.parentKtimeLow,
      parentKtimeHigh: parentKey.parentKtimeHigh,
      parent: undefined,
      flags: record.flags | initTreeFlag(record.nsPid, header.tgid, previous),
      uid: record.euid,
      auid: record.auid,
      nsPid: record.nsPid,
      image: imageOf(record, this.#arena),
      credentials: this.#options.withCredentials
        ? readCredentials(record.buffer, record.offset + execRecord.at.credentials)
        : undefined,
      namespaces: this.#options.withNamespaces ? namespacesOf(record) : undefined,
      children: 0,
      encoded: undefined,
      older: undefined,
      ended: false,
      touched: false,
    };
    this.#setParent(process, sameParent(previous, parentKey) ? previous?.parent : undefined);
    this.parentOf(process);
    this.#insert(process);
    this.#endOlder(process, header);
    return process;
  }

  /** Enters a forked process: a copy of its parent with an identity of its own. */
  addFork(record: ForkRecord): Process {
    const parentKey = this.#parentKey(record.parentTgid, record.parentKtimeLow, record.parentKtimeHigh);
    const parent = this.find(parentKey.parentTgid, parentKey.parentKtimeLow, parentKey.parentKtimeHigh);
    const inherited = (parent?.flags ?? 0) & inheritedFlags;
    const process: Process = {
      tgid: record.header.tgid,
      ktimeLow: record.header.execKtimeLow,
      ktimeHigh: record.header.execKtimeHigh,
      parentTgid: parentKey.parentTgid,
      parentKtimeLow: parentKey.parentKtimeLow,
      parentKtimeHigh: parentKey.parentKtimeHigh,
      parent: undefined,
      // What Tetragon reports for a process that was forked and has not executed anything.
      flags: processFlags.EXECVE | inherited | initTreeFlag(record.nsPid, record.header.tgid, undefined),
      uid: parent?.uid,
      auid: parent?.auid ?? 0,
      nsPid: record.nsPid,
      image: parent?.image ?? unknownImage,
      credentials: parent?.credentials,
      namespaces: parent?.namespaces,
      children: 0,
      encoded: undefined,
      older: undefined,
      ended: false,
      touched: false,
    };
    this.#setParent(process, parent);
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
    const process: Process = {
      tgid: existing.tgid,
      ktimeLow: ktime.low,
      ktimeHigh: ktime.high,
      parentTgid: parentKey.parentTgid,
      parentKtimeLow: parentKey.parentKtimeLow,
      parentKtimeHigh: parentKey.parentKtimeHigh,
      parent: undefined,
      flags: existing.ended === true ? (existing.flags ?? 0) : procFlags(existing),
      uid: existing.uid,
      auid: existing.auid,
      nsPid: existing.nsPid,
      image: existingImage(existing),
      credentials: existing.credentials,
      namespaces: existing.namespaces,
      children: 0,
      encoded: undefined,
      older: undefined,
      ended: false,
      touched: false,
    };
    const { redact, environment } = this.#options;
    if (redact !== undefined) redactArguments(process, redact);
    if (environment !== undefined && existing.environment !== undefined)
      keepEnvironment(process, Buffer.from(existing.environment), environment, redact);
    this.#insert(process);
    return process;
  }

  /** A process of which only a record's header is known. Kept when it has an identity, so that it is found again. */
  addUnknown(header: RecordHeader): Process {
    const process: Process = {
      tgid: header.tgid,
      ktimeLow: header.execKtimeLow,
      ktimeHigh: header.execKtimeHigh,
      parentTgid: 0,
      parentKtimeLow: 0,
      parentKtimeHigh: 0,
      parent: undefined,
      flags: 0,
      uid: undefined,
      auid: 0,
      nsPid: 0,
      image: unknownImage,
      credentials: undefined,
      namespaces: undefined,
      children: 0,
      encoded: undefined,
      older: undefined,
      ended: false,
      touched: false,
    };
    if (header.execKtimeLow !== 0 || header.execKtimeHigh !== 0) this.#insert(process);
    return process;
  }

  /** Starts the grace period of a process. */
  end(process: Process, header: EndTime): void {
    if (process.ended) return;
    process.ended = true;
    this.#ended.push({ process, seconds: approximateSeconds(header.ktimeLow, header.ktimeHigh) });
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
      const latest = this.#byTgid.get(parentTgid);
      if (latest !== undefined)
        return { parentTgid, parentKtimeLow: latest.ktimeLow, parentKtimeHigh: latest.ktimeHigh };
    }
    return { parentTgid, parentKtimeLow: ktimeLow, parentKtimeHigh: ktimeHigh };
  }

  #insert(process: Process): void {
    const latest = this.#byTgid.get(process.tgid);
    if (latest === undefined) {
      this.#byTgid.set(process.tgid, process);
    } else {
      this.#insertAmong(latest, process);
    }
    this.#size++;
    if (this.#size > this.#options.capacity) this.#makeRoom();
  }

  /** Keeps the executions of one tgid ordered by start, latest first; one with the same start is replaced. */
  #insertAmong(latest: Process, process: Process): void {
    let newer: Process | undefined;
    let older: Process | undefined = latest;
    while (older !== undefined && isLater(older, process)) {
      newer = older;
      older = older.older;
    }
    if (older?.ktimeLow === process.ktimeLow && older.ktimeHigh === process.ktimeHigh) {
      const replaced = older;
      this.#found = undefined;
      older = older.older;
      this.#size--;
      this.#held.delete(replaced);
      this.#setParent(replaced, undefined);
      if (replaced.children > 0) this.#moveChildren(replaced, process);
    }
    process.older = older;
    if (newer === undefined) this.#byTgid.set(process.tgid, process);
    else newer.older = process;
    this.#dropManieth(this.#byTgid.get(process.tgid)!);
  }

  /** Rare: a record of a process that was entered already, when the agent comes after the sensors. */
  #moveChildren(from: Process, to: Process): void {
    for (const child of this.all()) {
      if (child.parent === from) this.#setParent(child, to);
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
    while (this.#endedStart < this.#ended.length && this.#ended[this.#endedStart]!.seconds < deadline) {
      this.#removeUnlessHeld(this.#takeEnded());
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
    while (this.#endedStart < this.#ended.length) {
      if (this.#removeUnlessHeld(this.#takeEnded())) return;
    }
    this.losses++;
    for (const held of this.#held) {
      if (this.#remove(held)) return;
    }
    this.#remove(oldest(this.#leastUsed()));
  }

  /** Second chance: a process used since the last look goes to the end of the row. */
  #leastUsed(): Process {
    let candidate!: Process;
    for (let attempt = 0; attempt < maxSecondChances; attempt++) {
      candidate = this.#byTgid.values().next().value!;
      if (!candidate.touched && candidate.tgid !== 0) break;
      candidate.touched = false;
      this.#byTgid.delete(candidate.tgid);
      this.#byTgid.set(candidate.tgid, candidate);
    }
    return candidate;
  }

  #takeEnded(): Process {
    const { process } = this.#ended[this.#endedStart++]!;
    if (this.#endedStart >= compactEnded && this.#endedStart * 2 >= this.#ended.length) {
      this.#ended = this.#ended.slice(this.#endedStart);
      this.#endedStart = 0;
    }
    return process;
  }

  /** Removes a process, and those above it that only it has held; false when it is gone already. */
  #remove(process: Process): boolean {
    if (!this.#unlink(process)) return false;
    let last = process;
    for (let { parent } = last; parent !== undefined; parent = last.parent) {
      this.#setParent(last, undefined);
      if (parent.children > 0 || !this.#held.has(parent)) break;
      this.#unlink(parent);
      last = parent;
    }
    return true;
  }

  /** Takes a process out of the table; false when it is gone already. */
  #unlink(process: Process): boolean {
    this.#held.delete(process);
    let newer: Process | undefined;
    let current = this.#byTgid.get(process.tgid);
    while (current !== undefined && current !== process) {
      newer = current;
      current = current.older;
    }
    if (current === undefined) return false;
    this.#found = undefined;
    if (newer !== undefined) newer.older = process.older;
    else if (process.older !== undefined) this.#byTgid.set(process.tgid, process.older);
    else this.#byTgid.delete(process.tgid);
    process.older = undefined;
    this.#size--;
    return true;
  }
}

/** What refers to a process, itself while it lives: `refcnt` of Tetragon's dumps. */
export function referencesOf({ ended, children }: Process): number {
  return (ended ? 0 : 1) + children;
}

/** Nanoseconds since boot. */
type EndTime = Pick<RecordHeader, 'ktimeLow' | 'ktimeHigh'>;

interface EndedProcess {
  readonly process: Process;
  readonly seconds: number;
}

interface ParentKey {
  readonly parentTgid: number;
  readonly parentKtimeLow: number;
  readonly parentKtimeHigh: number;
}

/** Bits a forked process has because its parent has them. */
const inheritedFlags = processFlags.IN_INIT_TREE | processFlags.BINARY_DELETED | processFlags.BINARY_MEMFD;

/** Start of the kernel's own process in Tetragon's exec ids. */
const kernelKtime = 1;

/** Bounds the search for a process to drop when all are in use. */
const maxSecondChances = 64;

/** Executions of one tgid that are known at a time: searches follow the row of them. */
const maxExecutions = 64;

/** Used-up entries of the queue are cut off in steps of at least this many. */
const compactEnded = 1024;

/** The first process of a pid namespace that is not the host's, and what descends from it, is in its init tree. */
function initTreeFlag(nsPid: number, tgid: number, previous: Process | undefined): number {
  if (nsPid === 1 && tgid !== 1) return processFlags.IN_INIT_TREE;
  return previous?.ended === false ? previous.flags & processFlags.IN_INIT_TREE : 0;
}

function sameParent(previous: Process | undefined, key: ParentKey): boolean {
  return (
    previous !== undefined &&
    previous.parentTgid === key.parentTgid &&
    previous.parentKtimeLow === key.parentKtimeLow &&
    previous.parentKtimeHigh === key.parentKtimeHigh
  );
}

function isLater(process: Process, than: Process): boolean {
  return process.ktimeHigh === than.ktimeHigh ? process.ktimeLow > than.ktimeLow : process.ktimeHigh > than.ktimeHigh;
}

function oldest(process: Process): Process {
  while (process.older !== undefined) process = process.older;
  return process;
}

function procFlags({ cwd, flags = 0 }: ExistingProcess): number {
  return processFlags.PROCFS | cwdFlags(cwd) | flags;
}

function cwdFlags(cwd: Uint8Array | undefined): number {
  if (cwd === undefined) return processFlags.NO_CWD;
  return cwd.length === 1 && cwd[0] === 0x2f ? processFlags.ROOT_CWD : 0;
}

function existingImage(existing: ExistingProcess): ProcessImage {
  return {
    ...unknownImage,
    binary: rangeOf(existing.binary),
    cwd: rangeOf(existing.cwd),
    cgroup: rangeOf(existing.cgroup),
    args: { ...rangeOf(existing.args), ...(existing.argsJoined === true && { joined: true }) },
  };
}

function rangeOf(bytes: Uint8Array | undefined): TextRange {
  return bytes === undefined ? unknownImage.binary : wholeRange(Buffer.from(bytes));
}

function halvesOf(value: bigint): { low: number; high: number } {
  return { low: Number(value & 0xffff_ffffn), high: Number((value >> 32n) & 0xffff_ffffn) };
}

function kernelProcess(): Process {
  return {
    tgid: 0,
    ktimeLow: kernelKtime,
    ktimeHigh: 0,
    parentTgid: 0,
    parentKtimeLow: kernelKtime,
    parentKtimeHigh: 0,
    parent: undefined,
    children: 0,
    flags: processFlags.PROCFS,
    uid: 0,
    auid: 0xffff_ffff,
    nsPid: 0,
    image: { ...unknownImage, binary: wholeRange(Buffer.from('<kernel>')) },
    credentials: readCredentials(Buffer.alloc(credentials.size), 0),
    namespaces: namespaceOrder.map(() => 0),
    encoded: undefined,
    older: undefined,
    ended: false,
    touched: false,
  };
}
