import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cgroupIdOf, cgroupPathOf, cgroupRoot, containerIdOf } from './cgroup.ts';
import { type Namespaces, readNamespaces } from './namespaces.ts';
import { type ProcCapabilities, type ProcCredentials, type ProcStat, parseStat, parseStatus } from './procfs-parse.ts';

/** A process that was running when /proc was read. */
export interface ProcProcess {
  /** Thread group id, in the pid namespace of the procfs mount. */
  readonly pid: number;
  /** The same number: the main thread stands for the process. */
  readonly tid: number;
  /** 0 for the first process and for processes whose parent is outside the pid namespace. */
  readonly parentPid: number;
  /** Thread name, at most 15 characters. */
  readonly command: string;
  /** On the boot clock, in steps of 10 ms: truncated, so up to 10 ms before the kernel's own value. */
  readonly startTimeNs: bigint;
  /** Where the arguments are in memory, which differs from execution to execution; 0 when that may not be known. */
  readonly argumentsAddress: bigint;
  /**
   * Path of the executable as the process sees it, as bytes: names need not be UTF-8. Empty for kernel threads, when the
   * first thread has ended, and when it is longer than 4 KiB.
   */
  readonly binary: Buffer;
  /** The executable was deleted, or is a memfd (`/memfd:NAME`). */
  readonly binaryDeleted: boolean;
  /** The raw command line: arguments, each ended by a NUL; empty for kernel threads. */
  readonly arguments: Buffer;
  /** The same of its working directory; empty when it may not be read. */
  readonly cwd: Buffer;
  readonly uid: number;
  /** Login uid; 4294967295 when nobody logged in. */
  readonly auid: number;
  readonly credentials: ProcCredentials;
  readonly capabilities: ProcCapabilities;
  /** Empty when they may not be read. */
  readonly namespaces: Namespaces;
  readonly cgroupPath: string;
  /** Undefined without cgroup v2, and when the cgroup is outside this process's cgroup namespace. */
  readonly cgroupId?: number;
  readonly containerId?: string;
  readonly kernelThread: boolean;
  /** Its pid in its own pid namespace. */
  readonly pidInNamespace: number;
  /** Pid namespaces it is visible in, from that of the procfs mount (1) to its own. */
  readonly pidNamespaceDepth: number;
  /**
   * In a pid namespace of its own: started by the init process of it or a descendant, not put there from outside
   * (`nsenter`, `kubectl exec`). False for processes of the host.
   */
  readonly inInitTree: boolean;
}

/** The environment of a process, each variable ended by a NUL; undefined when it may not be read or the process is gone. */
export function readEnvironment(pid: number): Buffer | undefined {
  return readBytes(`/proc/${pid}/environ`);
}

/**
 * Reads all processes that have not ended, in order of pid. Each is read in several steps, between which it may exec or exit: one that goes away
 * is left out, and one that changes shows parts of both states. Children may be missing for the same reason: attach the
 * process sensor first, then read.
 */
export function readProcesses(procfs = '/proc'): ProcProcess[] {
  const root = procfs === '/proc' ? cgroupRoot() : undefined;
  const found = readdirSync(procfs)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((left, right) => left - right)
    .map((pid) => readOne(procfs, pid, root))
    .filter((process) => process !== undefined);
  return withInitTree(found);
}

/** What tells one execution of a program from another; undefined when the process is gone. */
export function readStat(pid: number, procfs = '/proc'): ProcStat | undefined {
  const stat = readBytes(`${procfs}/${pid}/stat`);
  return stat === undefined || stat.length === 0 ? undefined : parseStat(stat.toString());
}

type ProcessAlone = Omit<ProcProcess, 'inInitTree'>;

function readOne(procfs: string, pid: number, cgroupMount: string | undefined): ProcessAlone | undefined {
  const folder = `${procfs}/${pid}`;
  const stat = readBytes(`${folder}/stat`);
  const status = readBytes(`${folder}/status`);
  const commandLine = readBytes(`${folder}/cmdline`);
  if (!stat || !status || !commandLine || stat.length === 0) {
    return undefined;
  }
  const { command, parentPid, startTimeNs, kernelThread, ended, argumentsAddress } = parseStat(stat.toString());
  if (ended) return undefined;
  const { credentials, capabilities, pidInNamespace, pidNamespaceDepth } = parseStatus(status.toString());
  const { path, deleted } = splitDeleted(readLink(`${folder}/exe`));
  const processRoot = readLink(`${folder}/root`);
  const cgroupPath = cgroupPathOf(readBytes(`${folder}/cgroup`)?.toString() ?? '');
  const cgroupId = cgroupMount === undefined ? undefined : cgroupIdOf(cgroupMount, cgroupPath);
  const containerId = containerIdOf(cgroupPath);
  return {
    pid,
    tid: pid,
    parentPid,
    command,
    startTimeNs,
    argumentsAddress,
    binary: seenFrom(processRoot, path),
    binaryDeleted: deleted,
    arguments: commandLine,
    cwd: seenFrom(processRoot, readLink(`${folder}/cwd`)),
    uid: credentials.uid,
    auid: Number(readBytes(`${folder}/loginuid`)?.toString() ?? NO_LOGIN_UID),
    credentials,
    capabilities,
    namespaces: readNamespaces(folder) ?? {},
    cgroupPath,
    ...(cgroupId === undefined ? {} : { cgroupId }),
    ...(containerId === undefined ? {} : { containerId }),
    kernelThread,
    pidInNamespace,
    pidNamespaceDepth,
  };
}

/** What the kernel states for "not set"; kernels without CONFIG_AUDIT have no loginuid at all. */
const NO_LOGIN_UID = 0xffff_ffff;

const DELETED = ' (deleted)';
const MEMFD = '/memfd:';

function splitDeleted(link: Buffer): { path: Buffer; deleted: boolean } {
  const length = link.length - DELETED.length;
  return link.toString('latin1', Math.max(0, length)) === DELETED
    ? { path: link.subarray(0, length), deleted: true }
    : { path: link, deleted: link.toString('latin1', 0, MEMFD.length) === MEMFD };
}

/** Paths in /proc are those that we see; a process whose root is not ours sees what is below its root. */
function seenFrom(root: Buffer, path: Buffer): Buffer {
  if (root.length <= 1 || path.compare(root, 0, root.length, 0, Math.min(path.length, root.length)) !== 0) return path;
  if (path.length === root.length) return Buffer.from('/');
  return path[root.length] === SLASH ? path.subarray(root.length) : path;
}

const SLASH = 0x2f;

function withInitTree(processes: readonly ProcessAlone[]): ProcProcess[] {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const known = new Map<number, boolean>();
  return processes.map((process) => ({ ...process, inInitTree: isInInitTree(process, byPid, known) }));
}

/**
 * Climbs to the first ancestor already decided; parents end at pid 0, and a circle from reused pids ends at its start. A parent
 * at the same depth is in the same pid namespace: it cannot be in another of that depth.
 */
function isInInitTree(
  process: ProcessAlone,
  byPid: ReadonlyMap<number, ProcessAlone>,
  known: Map<number, boolean>,
): boolean {
  const climbed: number[] = [];
  let current: ProcessAlone | undefined = process;
  let result: boolean | undefined;
  while (result === undefined && current) {
    climbed.push(current.pid);
    const parent = byPid.get(current.parentPid);
    if (current.pidInNamespace === 1) {
      result = current.pidNamespaceDepth > 1;
    } else if (!parent || climbed.includes(parent.pid) || parent.pidNamespaceDepth !== current.pidNamespaceDepth) {
      result = false;
    } else {
      result = known.get(parent.pid);
      current = parent;
    }
  }
  const inTree = result ?? false;
  for (const pid of climbed) {
    known.set(pid, inTree);
  }
  return inTree;
}

/** Undefined when the process is gone or the file is not there for it. */
function readBytes(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function readLink(path: string): Buffer {
  try {
    return readlinkSync(path, { encoding: 'buffer' });
  } catch {
    return Buffer.alloc(0);
  }
}
