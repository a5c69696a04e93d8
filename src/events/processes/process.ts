import type { ByteArena } from '../byte-arena.ts';
import type { ExecRecord } from '../decode.ts';
import type { WallTime } from '../wall-clock.ts';
import { credentials as credentialsLayout, execRecord, namespaceOrder, processFlags } from '../wire.ts';

/**
 * One execution of a program (or, after a fork, a copy of one), which is what events call a process. Identified by
 * `tgid` and `ktime`, the nanoseconds since boot at which it began.
 */
export interface Process {
  readonly tgid: number;
  readonly ktimeLow: number;
  readonly ktimeHigh: number;
  readonly parentTgid: number;
  readonly parentKtimeLow: number;
  readonly parentKtimeHigh: number;
  /** Known parent; looked up by the key above otherwise. Dropped when this process leaves the cache. */
  parent: Process | undefined;
  /** Processes in the cache whose `parent` this is. */
  children: number;
  /** `processFlags` bits. */
  flags: number;
  /** Effective user id; undefined when nothing is known but the identity. */
  readonly uid: number | undefined;
  readonly auid: number;
  /** Pid in its own pid namespace. */
  readonly nsPid: number;
  readonly image: ProcessImage;
  readonly credentials: Credentials | undefined;
  /** Inode numbers in `namespaceOrder`. */
  readonly namespaces: readonly number[] | undefined;
  /** Found out once: the clock is corrected now and then, and a process started when it did. */
  startTime: WallTime | undefined;
  /** The encoded `process` object, made when it is first needed. */
  encoded: EncodedProcess | undefined;
  /** Older execution under the same tgid that is still in the cache. */
  older: Process | undefined;
  /** Exited or replaced by another execution; leaves the cache after the grace period. */
  ended: boolean;
  /** Used since the cache last looked for something to drop. */
  touched: boolean;
}

/** Which execution the parent of a process is. */
export type ParentKey = Pick<Process, 'parentTgid' | 'parentKtimeLow' | 'parentKtimeHigh'>;

/** What a process is entered with. */
export type EnteredProcess = Omit<
  Process,
  'parent' | 'children' | 'startTime' | 'encoded' | 'older' | 'ended' | 'touched'
>;

/** A process of which nothing has happened yet. All are made here: V8 is to see one shape of them. */
export function newProcess(entered: EnteredProcess): Process {
  return {
    tgid: entered.tgid,
    ktimeLow: entered.ktimeLow,
    ktimeHigh: entered.ktimeHigh,
    parentTgid: entered.parentTgid,
    parentKtimeLow: entered.parentKtimeLow,
    parentKtimeHigh: entered.parentKtimeHigh,
    parent: undefined,
    flags: entered.flags,
    uid: entered.uid,
    auid: entered.auid,
    nsPid: entered.nsPid,
    image: entered.image,
    credentials: entered.credentials,
    namespaces: entered.namespaces,
    children: 0,
    startTime: undefined,
    encoded: undefined,
    older: undefined,
    ended: false,
    touched: false,
  };
}

/** Bytes of the kernel: `bytes[start .. end]`. */
export interface TextRange {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Where `bytes[start .. end]` ends without NUL bytes at its end. */
export function trimmedEnd(bytes: Buffer, start: number, end: number): number {
  while (end > start && bytes[end - 1] === 0) end--;
  return end;
}

/** Arguments of a program. */
export interface ArgumentRange extends TextRange {
  /** True for the text of the arguments, joined and redacted; else it is argv as it lies in memory. */
  readonly joined?: boolean;
}

/** What was executed; shared by a process and the children it forks. */
export interface ProcessImage {
  readonly binary: TextRange;
  readonly cwd: TextRange;
  /** The path given to execve: the script, when `binary` is its interpreter. */
  readonly filename: TextRange;
  /** Name of the cgroup, last component. */
  readonly cgroup: TextRange;
  /** argv[0] and all that follow, NUL after each. */
  args: ArgumentRange;
  /** The variables that events show, `NAME=VALUE` with a NUL after each. */
  environment: TextRange;
  readonly inode: FileIdentity | undefined;
  /** Owners that a setuid or setgid file gave, when the flags say so. */
  readonly setuid: number;
  readonly setgid: number;
  /** `processFlags` bits: what is not whole any more, because memory was needed for others. */
  cutFlags: number;
  /** Processes that are known and have it: a forked one has that of its parent. */
  holders: number;
}

/** A file without a name: its number is all there is to recognise it by. */
export interface FileIdentity {
  readonly numberLow: number;
  readonly numberHigh: number;
  readonly links: number;
}

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly euid: number;
  readonly egid: number;
  readonly suid: number;
  readonly sgid: number;
  readonly fsuid: number;
  readonly fsgid: number;
  readonly permitted: WordPair;
  readonly effective: WordPair;
  readonly inheritable: WordPair;
  readonly securebits: number;
  readonly userNamespaceLevel: number;
  readonly userNamespaceOwner: number;
  readonly userNamespaceGroup: number;
  readonly userNamespaceInum: number;
}

/** A 64-bit value as two unsigned halves. */
export interface WordPair {
  readonly low: number;
  readonly high: number;
}

/** JSON of a process; the thread id stands at `tidStart .. tidEnd` because events of other threads have another. */
export interface EncodedProcess extends TextRange {
  /** `bytes[start .. end]` as a view: it is copied with every event, and copying a view costs half as much as a range. */
  readonly whole: Buffer;
  /** Those it was made with. */
  readonly args: ArgumentRange;
  readonly tidStart: number;
  readonly tidEnd: number;
}

/** The image an exec record describes, its texts copied. The arguments are those in the record itself; no environment. */
export function imageOf(record: ExecRecord, arena: ByteArena): ProcessImage {
  const { buffer, offset } = record;
  const argsLength = Math.min(record.argsInline, record.argsLength);
  const texts = arena.copy(buffer, record.binaryStart, record.argsStart + argsLength);
  const shift = texts.start - record.binaryStart;
  const part = (start: number, length: number): TextRange => ({
    bytes: texts.bytes,
    start: start + shift,
    end: start + shift + length,
  });
  return {
    binary: part(record.binaryStart, record.binaryLength),
    cwd: part(record.cwdStart, record.cwdLength),
    filename: part(record.filenameStart, record.filenameLength),
    cgroup: part(record.cgroupStart, record.cgroupLength),
    args: part(record.argsStart, argsLength),
    environment: unknownImage.environment,
    inode: isNameless(record.flags) ? inodeOf(record) : undefined,
    setuid: buffer.readUInt32LE(offset + execRecord.at.setuid),
    setgid: buffer.readUInt32LE(offset + execRecord.at.setgid),
    cutFlags: 0,
    holders: 0,
  };
}

/** Reads a `credentials` struct; the caller has checked that it is there. */
export function readCredentials(buffer: Buffer, offset: number): Credentials {
  const at = credentialsLayout.at;
  const word = (field: number): number => buffer.readUInt32LE(offset + field);
  const pair = (field: number): WordPair => ({ low: word(field), high: word(field + 4) });
  return {
    uid: word(at.uid),
    gid: word(at.gid),
    euid: word(at.euid),
    egid: word(at.egid),
    suid: word(at.suid),
    sgid: word(at.sgid),
    fsuid: word(at.fsuid),
    fsgid: word(at.fsgid),
    permitted: pair(at.permitted),
    effective: pair(at.effective),
    inheritable: pair(at.inheritable),
    securebits: word(at.securebits),
    userNamespaceLevel: buffer.readInt32LE(offset + at.user_ns_level),
    userNamespaceOwner: word(at.user_ns_owner),
    userNamespaceGroup: word(at.user_ns_group),
    userNamespaceInum: word(at.user_ns_inum),
  };
}

export function namespacesOf(record: ExecRecord): number[] {
  const start = record.offset + execRecord.at.namespaces;
  return namespaceOrder.map((_, index) => record.buffer.readUInt32LE(start + index * 4));
}

/** `processFlags` bits as events show them. */
export function shownFlags({ flags, image }: Process): number {
  return flags | image.cutFlags;
}

/** True when the binary has no name in any folder: unlinked, or never linked. */
export function isNameless(flags: number): boolean {
  return (flags & (processFlags.BINARY_DELETED | processFlags.BINARY_MEMFD)) !== 0;
}

/** A range that holds all of `bytes`. */
export function wholeRange(bytes: Buffer): TextRange {
  return { bytes, start: 0, end: bytes.length };
}

/** The bytes of a range as text, U+FFFD for what is not UTF-8. */
export function textOf(range: TextRange): string {
  return range.bytes.toString('utf8', range.start, range.end);
}

/** An image of which nothing is known. */
export const unknownImage: ProcessImage = {
  binary: wholeRange(Buffer.alloc(0)),
  cwd: wholeRange(Buffer.alloc(0)),
  filename: wholeRange(Buffer.alloc(0)),
  cgroup: wholeRange(Buffer.alloc(0)),
  args: wholeRange(Buffer.alloc(0)),
  environment: wholeRange(Buffer.alloc(0)),
  inode: undefined,
  setuid: 0,
  setgid: 0,
  cutFlags: 0,
  holders: 0,
};

function inodeOf({ buffer, offset }: ExecRecord): FileIdentity {
  return {
    numberLow: buffer.readUInt32LE(offset + execRecord.at.inode),
    numberHigh: buffer.readUInt32LE(offset + execRecord.at.inode + 4),
    links: buffer.readUInt32LE(offset + execRecord.at.inode_links),
  };
}
