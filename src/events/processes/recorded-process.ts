import type { ByteArena } from '../byte-arena.ts';
import type { ExecRecord, ForkRecord, RecordHeader } from '../decode.ts';
import { credentials, execRecord, namespaceOrder, processFlags } from '../wire.ts';
import {
  imageOf,
  namespacesOf,
  newProcess,
  type ParentKey,
  type Process,
  readCredentials,
  unknownImage,
  wholeRange,
} from './process.ts';

/** What is kept of a program that is executed. */
export interface ExecContent {
  readonly withCredentials: boolean;
  readonly withNamespaces: boolean;
}

/** The program of an exec record, its texts copied into `arena`. `previous` is what the same tgid executed before. */
export function executedProcess(
  record: ExecRecord,
  parent: ParentKey,
  previous: Process | undefined,
  arena: ByteArena,
  content: ExecContent,
): Process {
  const { header } = record;
  return newProcess({
    tgid: header.tgid,
    ktimeLow: header.execKtimeLow,
    ktimeHigh: header.execKtimeHigh,
    parentTgid: parent.parentTgid,
    parentKtimeLow: parent.parentKtimeLow,
    parentKtimeHigh: parent.parentKtimeHigh,
    flags: record.flags | initTreeFlag(record.nsPid, header.tgid, previous),
    uid: record.euid,
    auid: record.auid,
    nsPid: record.nsPid,
    image: imageOf(record, arena),
    credentials: content.withCredentials
      ? readCredentials(record.buffer, record.offset + execRecord.at.credentials)
      : undefined,
    namespaces: content.withNamespaces ? namespacesOf(record) : undefined,
  });
}

/** The process of a fork record: a copy of `parent`, as far as that is known, with an identity of its own. */
export function forkedProcess(record: ForkRecord, key: ParentKey, parent: Process | undefined): Process {
  const inherited = (parent?.flags ?? 0) & inheritedFlags;
  return newProcess({
    tgid: record.header.tgid,
    ktimeLow: record.header.execKtimeLow,
    ktimeHigh: record.header.execKtimeHigh,
    parentTgid: key.parentTgid,
    parentKtimeLow: key.parentKtimeLow,
    parentKtimeHigh: key.parentKtimeHigh,
    // What Tetragon reports for a process that was forked and has not executed anything.
    flags: processFlags.EXECVE | inherited | initTreeFlag(record.nsPid, record.header.tgid, undefined),
    uid: parent?.uid,
    auid: parent?.auid ?? 0,
    nsPid: record.nsPid,
    image: parent?.image ?? unknownImage,
    credentials: parent?.credentials,
    namespaces: parent?.namespaces,
  });
}

/** A process of which only the header of a record is known. */
export function unknownProcess(header: RecordHeader): Process {
  return newProcess({
    tgid: header.tgid,
    ktimeLow: header.execKtimeLow,
    ktimeHigh: header.execKtimeHigh,
    parentTgid: 0,
    parentKtimeLow: 0,
    parentKtimeHigh: 0,
    flags: 0,
    uid: undefined,
    auid: 0,
    nsPid: 0,
    image: unknownImage,
    credentials: undefined,
    namespaces: undefined,
  });
}

/** The kernel's own process, pid 0. */
export function kernelProcess(): Process {
  return newProcess({
    tgid: 0,
    ktimeLow: kernelKtime,
    ktimeHigh: 0,
    parentTgid: 0,
    parentKtimeLow: kernelKtime,
    parentKtimeHigh: 0,
    flags: processFlags.PROCFS,
    uid: 0,
    auid: 0xffff_ffff,
    nsPid: 0,
    image: { ...unknownImage, binary: wholeRange(Buffer.from('<kernel>')), holders: 0 },
    credentials: readCredentials(Buffer.alloc(credentials.size), 0),
    namespaces: namespaceOrder.map(() => 0),
  });
}

/** Start of the kernel's own process in Tetragon's exec ids. */
export const kernelKtime = 1;

/** Bits a forked process has because its parent has them. */
const inheritedFlags = processFlags.IN_INIT_TREE | processFlags.BINARY_DELETED | processFlags.BINARY_MEMFD;

/** The first process of a pid namespace that is not the host's, and what descends from it, is in its init tree. */
function initTreeFlag(nsPid: number, tgid: number, previous: Process | undefined): number {
  if (nsPid === 1 && tgid !== 1) return processFlags.IN_INIT_TREE;
  return previous?.ended === false ? previous.flags & processFlags.IN_INIT_TREE : 0;
}
