import { constants } from 'node:os';
import type { ExistingProcess } from '../events/processes/existing-process.ts';
import type { Credentials, Process } from '../events/processes/process.ts';
import type { ProcessCache } from '../events/processes/process-cache.ts';
import { limits, namespaceOrder, processFlags, processState } from '../events/wire.ts';
import { BPF_NOEXIST } from '../kernel/bpf-map.ts';
import { KernelError } from '../kernel/kernel-error.ts';
import { type ProcProcess, readEnvironment, readStat } from '../kernel/procfs.ts';
import { bootTimeNs } from '../kernel/system.ts';
import type { KnownProcesses, ProcessIdentity } from './process-identities.ts';
import type { SharedMaps } from './shared-maps.ts';

export interface ExistingProcessOptions {
  /** As /proc has them. */
  readonly processes: readonly ProcProcess[];
  /** What an earlier agent knew. */
  readonly earlier: KnownProcesses | undefined;
  /** Events show the environment. */
  readonly withEnvironment: boolean;
}

type ProcessMaps = Pick<SharedMaps, 'processes'>;

/**
 * Enters the processes that were running before the sensors: into the kernel's map, so that policies match them, and
 * into the cache, so that events name them. What the sensors have seen meanwhile is newer and stays; what an earlier
 * agent knew keeps its identity. Returns how many were entered, and how many did not fit into the kernel's map.
 */
export function enterExistingProcesses(
  maps: ProcessMaps,
  cache: ProcessCache,
  { processes, earlier, withEnvironment }: ExistingProcessOptions,
): { entered: number; left: number } {
  const known = new Map(processes.map((process) => [process.pid, knownIdentity(maps, process, earlier)]));
  const startTimes = new Map(processes.map(({ pid, startTimeNs }) => [pid, known.get(pid)?.ktimeNs ?? startTimeNs]));
  const entered = enterEnded(cache, earlier);
  let left = 0;
  for (const process of processes) {
    const parentKtimeNs = startTimes.get(process.parentPid) ?? 0n;
    let identity = known.get(process.pid) ?? {
      ktimeNs: process.startTimeNs,
      parentTgid: process.parentPid,
      parentKtimeNs,
    };
    const state = enterState(maps, process, identity);
    if (state === 'full') left++;
    if (state === 'entered') leaveIfEnded(maps, process, identity);
    if (state === 'known') identity = identityIn(maps, process.pid) ?? identity;
    const environment = withEnvironment ? readEnvironment(process.pid) : undefined;
    entered.push(cache.addProcess({ ...existingProcess(process), ...identity, environment }));
  }
  /* Now that all are there: filters look at ancestors through them. */
  for (const process of entered) cache.parentOf(process);
  return { entered: processes.length - left, left };
}

/** What the sensors say goes before what an earlier agent wrote. */
function knownIdentity(
  maps: ProcessMaps,
  process: ProcProcess,
  earlier: KnownProcesses | undefined,
): ProcessIdentity | undefined {
  return identityIn(maps, process.pid) ?? earlier?.identityOf(process);
}

/** Ancestors that ended before: they stay as long as processes that descend from them, and go soon otherwise. */
function enterEnded(cache: ProcessCache, earlier: KnownProcesses | undefined): Process[] {
  const now = bootTimeNs();
  const ended = earlier?.ended.map((existing) => cache.addProcess(existing)) ?? [];
  const time = { ktimeLow: Number(now & 0xffff_ffffn), ktimeHigh: Number(now >> 32n) };
  for (const process of ended) cache.end(process, time);
  return ended;
}

function enterState(maps: ProcessMaps, process: ProcProcess, identity: ProcessIdentity): 'entered' | 'known' | 'full' {
  try {
    maps.processes.update(keyOf(process.pid), encodeState(process, identity), BPF_NOEXIST);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (error.errno === constants.errno.EEXIST) return 'known';
    if (error.errno === constants.errno.E2BIG || error.errno === constants.errno.ENOMEM) return 'full';
    throw error;
  }
  return 'entered';
}

/** Between being read and being entered: the exit sensor found nothing to delete. Its record ends the process in the cache. */
function leaveIfEnded(maps: ProcessMaps, { pid, startTimeNs }: ProcProcess, { ktimeNs }: ProcessIdentity): void {
  const stat = readStat(pid);
  if (stat?.ended === false && stat.startTimeNs === startTimeNs) return;
  /* Another process of the same pid has entered itself over it. */
  if (identityIn(maps, pid)?.ktimeNs === ktimeNs) maps.processes.delete(keyOf(pid));
}

/** As the sensors know the process: they have seen it start, or an earlier agent has entered it. Events carry these times. */
export function identityIn(maps: ProcessMaps, pid: number): ProcessIdentity | undefined {
  const bytes = maps.processes.lookup(keyOf(pid));
  if (bytes === undefined) return undefined;
  const state = Buffer.from(bytes.buffer);
  return {
    ktimeNs: state.readBigUInt64LE(processState.at.ktime),
    parentTgid: state.readUInt32LE(processState.at.parent_tgid),
    parentKtimeNs: state.readBigUInt64LE(processState.at.parent_ktime),
  };
}

function keyOf(pid: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(pid);
  return key;
}

function encodeState(process: ProcProcess, { ktimeNs, parentTgid, parentKtimeNs }: ProcessIdentity): Buffer {
  const state = Buffer.alloc(processState.size);
  const binary = binaryOf(process);
  state.writeBigUInt64LE(ktimeNs, processState.at.ktime);
  state.writeBigUInt64LE(parentKtimeNs, processState.at.parent_ktime);
  state.writeUInt32LE(parentTgid, processState.at.parent_tgid);
  state.writeUInt32LE(process.pid, processState.at.tgid);
  state.writeUInt32LE(processFlags.PROCFS | processFlags.EXECVE | flagsOf(process), processState.at.flags);
  state.writeUInt32LE(binary.length, processState.at.binary_length);
  binary.copy(state, processState.at.binary, 0, limits.BINARY_SIZE - 1);
  const tail = binary.subarray(Math.max(0, binary.length - limits.BINARY_TAIL));
  tail.copy(state, processState.at.binary_tail + limits.BINARY_TAIL - tail.length);
  return state;
}

/** Kernel threads have no executable: events and policies know them by their name in brackets, as ps shows them. */
function binaryOf(process: ProcProcess): Buffer {
  return process.kernelThread ? Buffer.from(`[${process.command}]`) : process.binary;
}

function flagsOf(process: ProcProcess): number {
  const isNameless = process.binary.length === 0 && !process.kernelThread;
  return (
    (isNameless ? processFlags.ERROR_FILENAME : 0) |
    (process.binaryDeleted ? processFlags.BINARY_DELETED : 0) |
    (process.inInitTree ? processFlags.IN_INIT_TREE : 0)
  );
}

function existingProcess(process: ProcProcess): Omit<ExistingProcess, keyof ProcessIdentity> {
  return {
    tgid: process.pid,
    binary: binaryOf(process),
    args: process.arguments,
    cwd: process.cwd.length === 0 ? undefined : process.cwd,
    uid: process.credentials.euid,
    auid: process.auid,
    nsPid: process.pidInNamespace,
    flags: flagsOf(process),
    cgroup: Buffer.from(process.cgroupPath.slice(process.cgroupPath.lastIndexOf('/') + 1)),
    credentials: credentialsOf(process),
    namespaces: namespaceOrder.map((name) => process.namespaces[name] ?? 0),
  };
}

/** /proc does not tell the secure bits nor the depth and owner of the user namespace. */
function credentialsOf(process: ProcProcess): Credentials {
  const halves = (bits: bigint) => ({ low: Number(bits & 0xffff_ffffn), high: Number(bits >> 32n) });
  return {
    ...process.credentials,
    permitted: halves(process.capabilities.permitted),
    effective: halves(process.capabilities.effective),
    inheritable: halves(process.capabilities.inheritable),
    securebits: 0,
    userNamespaceLevel: 0,
    userNamespaceOwner: 0,
    userNamespaceGroup: 0,
    userNamespaceInum: process.namespaces['user'] ?? 0,
  };
}
