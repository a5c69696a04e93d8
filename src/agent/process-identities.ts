import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import type { ExistingProcess } from '../events/processes/existing-process.ts';
import type { Credentials, Process } from '../events/processes/process.ts';
import { binaryOf } from '../events/processes/process-text.ts';
import { processFlags } from '../events/wire.ts';
import { makeFolder } from '../kernel/make-folder.ts';
import { readStat } from '../kernel/procfs.ts';
import { replaceFile } from '../kernel/replace-file.ts';

/** Who a process is in events: what its `exec_id` and `parent_exec_id` are made of. */
export interface ProcessIdentity {
  readonly ktimeNs: bigint;
  readonly parentTgid: number;
  readonly parentKtimeNs: bigint;
}

/** One execution of a program, as /proc tells it from others. */
export interface Execution {
  readonly pid: number;
  readonly startTimeNs: bigint;
  readonly argumentsAddress: bigint;
}

/** What an earlier agent knew. */
export interface KnownProcesses {
  /** Undefined for a process that was not known, or has executed another program since. */
  identityOf(execution: Execution): ProcessIdentity | undefined;
  /** Ancestors of living processes that have ended. */
  readonly ended: readonly ExistingProcess[];
}

/**
 * The ids of processes in a file, so that the next agent gives them the same: /proc knows when a process was started, in
 * steps of 10 ms, but not when it executed its program. The file is for this boot only; what stands in the way of
 * writing it is logged and harms nothing else.
 */
export class ProcessIdentities {
  readonly #file: string;
  readonly #log: Logger;
  readonly #executions = new WeakMap<Process, Execution>();
  #written = '';
  #warned = false;

  constructor(file: string, log: Logger) {
    this.#file = file;
    this.#log = log;
  }

  /** What the last agent wrote; nothing when there is no file of this boot, or it is not ours. */
  load(): KnownProcesses {
    try {
      const content = JSON.parse(readOwnFile(this.#file)) as IdentitiesFile;
      if (content.schema === schema && content.bootId === bootId()) return knownProcesses(content);
    } catch {
      /* Missing, or cut by a full disk. */
    }
    return nothingKnown;
  }

  /** Writes the processes that live, and the ended ones above them. `isCurrent`: it has not executed anything since. */
  save(processes: Iterable<Process>, isCurrent: (process: Process) => boolean): void {
    const living: SavedIdentity[] = [];
    const ended = new Set<Process>();
    for (const process of processes) {
      if (process.ended || process.uid === undefined || process.tgid === 0) continue;
      const execution = this.#executionOf(process, isCurrent);
      if (execution === undefined) continue;
      living.push(savedIdentity(process, execution));
      collectEnded(process, ended);
    }
    const content: IdentitiesFile = { schema, bootId: bootId(), living, ended: Array.from(ended, savedProcess) };
    this.#write(`${JSON.stringify(content)}\n`);
  }

  #executionOf(process: Process, isCurrent: (process: Process) => boolean): Execution | undefined {
    const known = this.#executions.get(process);
    if (known !== undefined) return known;
    const stat = readStat(process.tgid);
    if (stat === undefined || (stat.argumentsAddress === 0n && !stat.kernelThread) || !isCurrent(process))
      return undefined;
    const { startTimeNs, argumentsAddress } = stat;
    const execution = { pid: process.tgid, startTimeNs, argumentsAddress };
    this.#executions.set(process, execution);
    return execution;
  }

  #write(text: string): void {
    if (text === this.#written) return;
    this.#written = text;
    try {
      makeFolder(dirname(this.#file), 0o755);
      replaceFile(this.#file, text, 0o600);
    } catch (error) {
      if (this.#warned) return;
      this.#warned = true;
      this.#log.warn(`${this.#file}: ${(error as Error).message}; the next agent gives running processes other ids`);
    }
  }
}

interface IdentitiesFile {
  readonly schema: typeof schema;
  readonly bootId: string;
  readonly living: readonly SavedIdentity[];
  readonly ended: readonly SavedProcess[];
}

/** Numbers of 64 bits as decimal text. */
interface SavedIdentity {
  readonly pid: number;
  readonly start: string;
  readonly arguments: string;
  readonly ktime: string;
  readonly parent: number;
  readonly parentKtime: string;
}

/** Texts are bytes in base64. */
interface SavedProcess extends Pick<SavedIdentity, 'pid' | 'ktime' | 'parent' | 'parentKtime'> {
  readonly flags: number;
  readonly uid: number;
  readonly auid: number;
  readonly nsPid: number;
  readonly binary: string;
  readonly cwd: string;
  readonly cgroup: string;
  readonly args: string;
  readonly argsJoined: boolean;
  readonly credentials?: Credentials;
  readonly namespaces?: readonly number[];
}

function knownProcesses({ living, ended }: IdentitiesFile): KnownProcesses {
  const byPid = new Map(living.map((saved) => [saved.pid, saved]));
  return {
    identityOf: ({ pid, startTimeNs, argumentsAddress }) => {
      const saved = byPid.get(pid);
      const same = saved?.start === String(startTimeNs) && saved.arguments === String(argumentsAddress);
      return same ? identityFrom(saved) : undefined;
    },
    ended: ended.map(existingProcess),
  };
}

function identityFrom({ ktime, parent, parentKtime }: Pick<SavedIdentity, 'ktime' | 'parent' | 'parentKtime'>) {
  return { ktimeNs: BigInt(ktime), parentTgid: parent, parentKtimeNs: BigInt(parentKtime) };
}

function existingProcess(saved: SavedProcess): ExistingProcess {
  const { pid, flags, uid, auid, nsPid, argsJoined, credentials, namespaces } = saved;
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
  return {
    ...identityFrom(saved),
    tgid: pid,
    binary: bytes(saved.binary),
    cwd: bytes(saved.cwd),
    cgroup: bytes(saved.cgroup),
    args: bytes(saved.args),
    argsJoined,
    flags,
    uid,
    auid,
    nsPid,
    ...(credentials && { credentials }),
    ...(namespaces && { namespaces }),
    ended: true,
  };
}

function savedIdentity(process: Process, { startTimeNs, argumentsAddress }: Execution): SavedIdentity {
  return { ...keysOf(process), start: String(startTimeNs), arguments: String(argumentsAddress) };
}

function savedProcess(process: Process): SavedProcess {
  const { image, flags, uid = 0, auid, nsPid, credentials, namespaces } = process;
  const base64 = ({ bytes, start, end }: Process['image']['binary'], longest = end - start): string =>
    bytes.toString('base64', start, Math.min(end, start + longest));
  const isLong = image.args.end - image.args.start > longestArguments;
  return {
    ...keysOf(process),
    /* Files are not kept, nor are owners of files. */
    flags: (flags & ~fileFlags) | (image.cutFlags & processFlags.TRUNC_ARGS) | (isLong ? processFlags.TRUNC_ARGS : 0),
    uid,
    auid,
    nsPid,
    binary: base64(binaryOf(process)),
    cwd: base64(image.cwd),
    cgroup: base64(image.cgroup),
    args: base64(image.args, longestArguments),
    argsJoined: image.args.joined === true,
    ...(credentials && { credentials }),
    ...(namespaces && { namespaces }),
  };
}

function keysOf(process: Process): Pick<SavedIdentity, 'pid' | 'ktime' | 'parent' | 'parentKtime'> {
  return {
    pid: process.tgid,
    ktime: decimal(process.ktimeLow, process.ktimeHigh),
    parent: process.parentTgid,
    parentKtime: decimal(process.parentKtimeLow, process.parentKtimeHigh),
  };
}

/** Those above a process up to the first that lives: the others are found from there. */
function collectEnded(process: Process, ended: Set<Process>): void {
  let { parent } = process;
  while (parent?.ended === true && parent.uid !== undefined && !ended.has(parent)) {
    ended.add(parent);
    parent = parent.parent;
  }
}

function decimal(low: number, high: number): string {
  return String((BigInt(high) << 32n) | BigInt(low));
}

/** Throws when it is not there, or belongs to somebody else, who could decide about ids then. */
function readOwnFile(path: string): string {
  const fd = openSync(path, 'r');
  try {
    if (fstatSync(fd).uid !== process.getuid?.()) throw new Error(`${path} belongs to another user`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

const schema = 1;
const longestArguments = 4096;
const fileFlags = processFlags.RAISED_SETUID | processFlags.RAISED_SETGID | processFlags.RAISED_FILE_CAPS;
const nothingKnown: KnownProcesses = { identityOf: () => undefined, ended: [] };
