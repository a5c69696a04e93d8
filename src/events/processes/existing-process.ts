import { processFlags } from '../wire.ts';
import {
  type Credentials,
  newProcess,
  type ParentKey,
  type Process,
  type ProcessImage,
  type TextRange,
  unknownImage,
  type WordPair,
  wholeRange,
} from './process.ts';

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

/** Its parent is the one of `parent`, which the cache knows better than /proc. */
export function processOfExisting(existing: ExistingProcess, parent: ParentKey): Process {
  const ktime = halvesOf(existing.ktimeNs);
  return newProcess({
    tgid: existing.tgid,
    ktimeLow: ktime.low,
    ktimeHigh: ktime.high,
    parentTgid: parent.parentTgid,
    parentKtimeLow: parent.parentKtimeLow,
    parentKtimeHigh: parent.parentKtimeHigh,
    flags: existing.ended === true ? (existing.flags ?? 0) : procFlags(existing),
    uid: existing.uid,
    auid: existing.auid,
    nsPid: existing.nsPid,
    image: existingImage(existing),
    credentials: existing.credentials,
    namespaces: existing.namespaces,
  });
}

/** A time as two unsigned halves. */
export function halvesOf(value: bigint): WordPair {
  return { low: Number(value & 0xffff_ffffn), high: Number((value >> 32n) & 0xffff_ffffn) };
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
    holders: 0,
    binary: rangeOf(existing.binary),
    cwd: rangeOf(existing.cwd),
    cgroup: rangeOf(existing.cgroup),
    args: { ...rangeOf(existing.args), ...(existing.argsJoined === true && { joined: true }) },
  };
}

function rangeOf(bytes: Uint8Array | undefined): TextRange {
  return bytes === undefined ? unknownImage.binary : wholeRange(Buffer.from(bytes));
}
