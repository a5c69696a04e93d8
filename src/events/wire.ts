/**
 * The layouts shared by the kernel programs and the agent, defined once: `scripts/generate-wire.ts` writes them as the
 * C header `wire.h`, the decoder and the compiler read the offsets from here, and a test compares them with the BTF
 * of the compiled objects.
 *
 * Every record in the ring starts with `record_header`. Numbers are little-endian; variable parts follow the fixed
 * struct in the order of their length fields, each padded to 8 bytes.
 */

export type FieldType = 'u8' | 'u16' | 'u32' | 'u64' | 's32' | 's64' | 'char';

type FieldSpec =
  | readonly [name: string, type: FieldType]
  | readonly [name: string, type: FieldType, count: number]
  | readonly [name: string, struct: Struct]
  | readonly [name: string, struct: Struct, count: number];

export interface Field {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  /** Bytes of one element. */
  readonly size: number;
  readonly count: number;
  readonly type: FieldType | Struct;
}

export interface Struct {
  readonly name: string;
  readonly size: number;
  readonly fields: readonly Field[];
}

const fieldSizes: Record<FieldType, number> = { u8: 1, u16: 2, u32: 4, u64: 8, s32: 4, s64: 8, char: 1 };

/** Lays fields out in order; throws when a field is not naturally aligned, so that padding is always explicit. */
function struct<const Specs extends readonly FieldSpec[]>(
  name: string,
  specs: Specs,
): Struct & { readonly at: { readonly [Spec in Specs[number] as Spec[0]]: number } } {
  const fields: Field[] = [];
  const at: Record<string, number> = {};
  let offset = 0;
  for (const [fieldName, type, count = 1] of specs) {
    const size = typeof type === 'string' ? fieldSizes[type] : type.size;
    const alignment = typeof type === 'string' ? size : 8;
    if (offset % alignment !== 0) throw new Error(`${name}.${fieldName} is not aligned: offset ${offset}`);
    fields.push({ name: fieldName, offset, size, count, type });
    at[fieldName] = offset;
    offset += size * count;
  }
  if (offset % 8 !== 0) throw new Error(`struct ${name} is not a multiple of 8 bytes: ${offset}`);
  return { name, size: offset, fields, at: at as { readonly [Spec in Specs[number] as Spec[0]]: number } };
}

/** Bounds of what the kernel side can hold, each used in C, in the compiler and in diagnostics. */
export const limits = {
  /** Longest path or string value in bytes, the terminating NUL included (PATH_MAX). */
  STRING_SIZE: 4096,
  /** Room behind a string so that a comparison of whole words never leaves its slot. */
  STRING_SLACK: 256,
  /** Strings, paths, sockets and credentials that one hook may hold at once. */
  STRING_SLOTS: 8,
  /** Distinct values one hook may read: one bit each in `frame.done` and `frame.want`, whose last bits mean more. */
  VALUES: 61,
  /** Calls of a stack that are reported. */
  STACK_DEPTH: 127,
  /** Words of 64 hook specifications, selectors and string sets per hook; see `bit-words.ts` for how they are found. */
  CANDIDATE_WORDS: 256,
  MATCH_WORDS: 512,
  ATOM_WORDS: 512,
  /** First bytes of the path of a process's binary kept for `matchBinaries`. */
  BINARY_SIZE: 512,
  /** Last bytes of that path, right-aligned. */
  BINARY_TAIL: 256,
  /** Room for the values of one hook record. */
  RECORD_SIZE: 40960,
  /** Components of a path that are followed before it is reported as unresolved. */
  PATH_COMPONENTS: 256,
  /** Processes known at once. */
  PROCESSES: 32768,
  /** Calls whose return is awaited at once. */
  PENDING_RETURNS: 16384,
  /** Arguments of a program, and its environment, are sent in chunks of this many bytes... */
  ARGS_CHUNK: 8192,
  /** ...and cut after this many, which is more than the default stack limit allows (2 MiB). */
  ARGS_CHUNKS: 320,
  /** Bytes of the ring buffer, a power of two. */
  RING_SIZE: 32 * 1024 * 1024,
  /** Bytes of the ring for what must not be lost when that one is full, a power of two. */
  RESERVE_SIZE: 2 * 1024 * 1024,
  /** Shares of the reserve known at once, two for each cgroup and process; the least used one is forgotten. */
  RESERVE_OWNERS: 4096,
  /** Cgroups whose rate is known at once; the least used one is forgotten. */
  CGROUP_RATES: 4096,
  /** Longest name of a cgroup in a throttle record, the terminating NUL included. */
  CGROUP_NAME: 256,
  /** Bytes of the longest build id, as the kernel reads it. */
  BUILD_ID_SIZE: 20,
} as const;

/** `record_header.kind`. */
export const recordKinds = {
  EXEC: 1,
  FORK: 2,
  EXIT: 3,
  HOOK: 4,
  RETURN: 5,
  DATA: 6,
  THROTTLE: 7,
  LOADER: 8,
} as const;

/** Bits of `record_header.flags`. */
export const recordFlags = {
  /** Held back by the rate limit of its cgroup: it keeps the agent's knowledge of processes right, and is no event. */
  QUIET: 1 << 0,
  /** Made while the process was given another program: it belongs to that, whose exec record follows. */
  EXECUTING: 1 << 1,
} as const;

/** Bits of `process.flags` and `exec_record.flags`. */
export const processFlags = {
  EXECVE: 1 << 0,
  PROCFS: 1 << 1,
  TRUNC_ARGS: 1 << 2,
  ERROR_ARGS: 1 << 3,
  ERROR_FILENAME: 1 << 4,
  NO_CWD: 1 << 5,
  ROOT_CWD: 1 << 6,
  ERROR_CWD: 1 << 7,
  CLONE: 1 << 8,
  MISS: 1 << 9,
  BINARY_DELETED: 1 << 10,
  BINARY_UNRESOLVED: 1 << 11,
  BINARY_MEMFD: 1 << 12,
  RAISED_SETUID: 1 << 13,
  RAISED_SETGID: 1 << 14,
  RAISED_FILE_CAPS: 1 << 15,
  CWD_UNRESOLVED: 1 << 16,
  IN_INIT_TREE: 1 << 17,
  /** The environment is missing, or only its start is there. */
  ERROR_ENVS: 1 << 18,
} as const;

/** Bits of `value.status` and `value_header.status`. */
export const valueStatus = {
  /** The kernel could not read it: a bad pointer, a closed descriptor. */
  UNREADABLE: 1 << 0,
  /** Longer than STRING_SIZE; the first bytes are there. */
  TRUNCATED: 1 << 1,
  /** The file was unlinked. */
  DELETED: 1 << 2,
  /** The path has more components than are followed; the last ones are there. */
  UNRESOLVED: 1 << 3,
} as const;

/**
 * Indexes of the counters in the map `stats`, COUNTERS for each CPU: every lost event and failed helper has one. A record
 * is lost when the ring is full and, if it may go there, the reserve has no room for it or for more of its owner.
 */
export const counters = {
  RING_FULL_EXEC: 0,
  RING_FULL_FORK: 1,
  RING_FULL_EXIT: 2,
  RING_FULL_HOOK: 3,
  RING_FULL_RETURN: 4,
  RING_FULL_DATA: 5,
  FRAME_EXHAUSTED: 6,
  RECORD_OVERFLOW: 7,
  PROCESS_MAP_FULL: 8,
  PROCESS_UNKNOWN: 9,
  SIGNAL_FAILED: 10,
  PENDING_FULL: 11,
  HOOK_RECORDS: 12,
  PATH_UNRESOLVED: 13,
  /** Of a call that was refused or answered with a signal, when not even the reserve had room... */
  RING_FULL_DENIAL: 14,
  /** ...and when its process or cgroup had used up its share of the reserve. */
  SHARE_USED_DENIAL: 15,
  /** Throttle records. */
  RING_FULL_THROTTLE: 16,
  /** Records that went to the reserve: nothing was lost. */
  RESERVE_RECORDS: 17,
  /** Events that the rate limit of their cgroup held back. */
  THROTTLED_EXEC: 18,
  THROTTLED_EXIT: 19,
  THROTTLED_HOOK: 20,
  /** Calls that were refused because no frame was free to examine them. */
  REFUSED_UNEXAMINED: 21,
  RING_FULL_LOADER: 22,
  THROTTLED_LOADER: 23,
} as const;
/** Room for the counters of one CPU: cache lines of its own. */
export const COUNTERS = 32;

/*
 *  0        4      6      8         16           24      28     32
 *  | size   | kind | flags | ktime  | exec_ktime | tgid  | tid  |
 */
export const recordHeader = struct('record_header', [
  ['size', 'u32'],
  ['kind', 'u16'],
  ['flags', 'u16'],
  /** Nanoseconds of CLOCK_BOOTTIME. */
  ['ktime', 'u64'],
  /** With tgid the identity of the process: start of its present program. 0 when the process is unknown. */
  ['exec_ktime', 'u64'],
  ['tgid', 'u32'],
  ['tid', 'u32'],
]);

export const credentials = struct('credentials', [
  ['uid', 'u32'],
  ['gid', 'u32'],
  ['euid', 'u32'],
  ['egid', 'u32'],
  ['suid', 'u32'],
  ['sgid', 'u32'],
  ['fsuid', 'u32'],
  ['fsgid', 'u32'],
  ['permitted', 'u64'],
  ['effective', 'u64'],
  ['inheritable', 'u64'],
  ['securebits', 'u32'],
  /** Of the user namespace: depth, owner and inode number. */
  ['user_ns_level', 's32'],
  ['user_ns_owner', 'u32'],
  ['user_ns_group', 'u32'],
  ['user_ns_inum', 'u32'],
  ['padding', 'u32'],
]);

/** Order of the inode numbers in `exec_record.namespaces`. */
export const namespaceOrder = [
  'uts',
  'ipc',
  'mnt',
  'pid',
  'pid_for_children',
  'net',
  'time',
  'time_for_children',
  'cgroup',
  'user',
] as const;

/**
 * A program was executed. Followed by binary, cwd, filename, the cgroup's name and the first chunk of the arguments and,
 * when the agent wants it, of the environment that lies behind them.
 */
export const execRecord = struct('exec_record', [
  ['header', recordHeader],
  ['parent_ktime', 'u64'],
  ['parent_tgid', 'u32'],
  ['flags', 'u32'],
  ['credentials', credentials],
  ['namespaces', 'u32', 10],
  ['auid', 'u32'],
  /** Pid in the process's own pid namespace. */
  ['ns_pid', 'u32'],
  ['cgroup_id', 'u64'],
  ['inode', 'u64'],
  ['inode_links', 'u32'],
  /** Owner ids that a setuid or setgid file gave, when RAISED_SETUID or RAISED_SETGID is set. */
  ['setuid', 'u32'],
  ['setgid', 'u32'],
  /** Bytes of each part that follows, without a terminating NUL. */
  ['binary_length', 'u32'],
  ['cwd_length', 'u32'],
  /** What was asked for: the path given to execve, which for a script is the script. */
  ['filename_length', 'u32'],
  /** Name of the cgroup the process is in (last component). */
  ['cgroup_length', 'u32'],
  /** All of argv as it lies in memory, NUL after each; may continue in DATA records. */
  ['args_length', 'u32'],
  /** Of arguments and environment together. */
  ['args_inline', 'u32'],
  /** All of envp in the same way, behind the arguments; 0 when the agent does not want it. */
  ['env_length', 'u32'],
]);

/** More bytes of the arguments and the environment of the process in the header. */
export const dataRecord = struct('data_record', [
  ['header', recordHeader],
  ['offset', 'u32'],
  ['length', 'u32'],
]);

/** A process (not a thread) was created: the header is the child's. */
export const forkRecord = struct('fork_record', [
  ['header', recordHeader],
  ['parent_ktime', 'u64'],
  ['parent_tgid', 'u32'],
  ['ns_pid', 'u32'],
  ['cgroup_id', 'u64'],
]);

/** The last thread of a process ended. */
export const exitRecord = struct('exit_record', [
  ['header', recordHeader],
  /** As wait(2) reports it: exit status in bits 8..15, signal in bits 0..6. */
  ['code', 'u32'],
  ['padding', 'u32'],
]);

/**
 * At least one policy matched a call. Followed by `match_words` words of matched selectors (bit i of word w is selector
 * 64*w+i of the hook plan) and `value_count` values, each a `value_header` and its bytes.
 */
export const hookRecord = struct('hook_record', [
  ['header', recordHeader],
  /** Which compiled plan wrote this: says what the bits and the values are. */
  ['plan_id', 'u32'],
  ['match_words', 'u16'],
  ['value_count', 'u16'],
  /** Joins a call with its return; 0 when no return is awaited. */
  ['call_id', 'u64'],
]);

/** The return of an earlier hook record. */
export const returnRecord = struct('return_record', [
  ['header', recordHeader],
  ['call_id', 'u64'],
  ['value', 's64'],
]);

/** A cgroup made more events than `--cgroup-rate` allows: on one CPU, at most once a second. */
export const throttleRecord = struct('throttle_record', [
  ['header', recordHeader],
  ['cgroup_id', 'u64'],
  /** On the clock of `header.ktime`: when its events are let through again, if it says no more. */
  ['until', 'u64'],
  /** Last component, with a terminating NUL. */
  ['name', 'char', limits.CGROUP_NAME],
]);

/** A file was mapped to be executed. Followed by its path. */
export const loaderRecord = struct('loader_record', [
  ['header', recordHeader],
  ['build_id', 'u8', limits.BUILD_ID_SIZE],
  /** 0 for a file without one. */
  ['build_id_length', 'u32'],
  ['path_length', 'u32'],
  ['padding', 'u32'],
]);

export const valueHeader = struct('value_header', [
  /** Index in the plan's list of values. */
  ['value', 'u16'],
  ['status', 'u16'],
  /** Bytes that follow, without padding. */
  ['length', 'u32'],
]);

/** A `file`, `path`, `fd`, `dentry` or `linux_binprm`; followed by the path. */
export const fileValue = struct('file_value', [
  ['mode', 'u32'],
  ['path_length', 'u32'],
]);

/** Bytes of a buffer follow. */
export const bufferValue = struct('buffer_value', [
  ['size', 'u32'],
  ['copied', 'u32'],
]);

export const userNamespaceValue = struct('user_namespace_value', [
  ['level', 'u32'],
  ['owner', 'u32'],
  ['group', 'u32'],
  ['inum', 'u32'],
]);

export const sockValue = struct('sock_value', [
  ['cookie', 'u64'],
  ['saddr', 'u8', 16],
  ['daddr', 'u8', 16],
  ['sport', 'u32'],
  ['dport', 'u32'],
  ['family', 'u32'],
  ['type', 'u32'],
  ['protocol', 'u32'],
  ['state', 'u32'],
  ['mark', 'u32'],
  ['priority', 'u32'],
]);

/** `saddr`, `sport` and `family` stand where they do in `sock_value`, so that the same tests read both. */
export const sockaddrValue = struct('sockaddr_value', [
  ['reserved', 'u64'],
  ['saddr', 'u8', 16],
  ['reserved_daddr', 'u8', 16],
  ['sport', 'u32'],
  ['reserved_dport', 'u32'],
  ['family', 'u32'],
  ['padding', 'u32'],
]);

/** State of one process in the map `processes`, keyed by tgid. */
export const processState = struct('process', [
  ['ktime', 'u64'],
  ['parent_ktime', 'u64'],
  ['parent_tgid', 'u32'],
  ['tgid', 'u32'],
  ['flags', 'u32'],
  /** Bytes of the whole path, which may be longer than `binary`. */
  ['binary_length', 'u32'],
  /** The bytes before a path shorter than this are undefined. */
  ['binary_tail', 'char', limits.BINARY_TAIL],
  /** Ends with a NUL; a path of BINARY_SIZE bytes or more is cut. */
  ['binary', 'char', limits.BINARY_SIZE],
  /** Room for whole-word reads. */
  ['slack', 'u64'],
]);

/** What one process or cgroup has in the reserve ring. */
export const reserveShare = struct('reserve_share', [
  /** Position in the ring behind its last record: once that is read, it has nothing there. */
  ['end', 'u64'],
  ['bytes', 'u64'],
]);

/** Events of one cgroup on one CPU, in the present and in the last interval of `--cgroup-rate`. Times are of record headers. */
export const cgroupRate = struct('cgroup_rate', [
  ['window', 'u64'],
  ['count', 'u64'],
  ['count_before', 'u64'],
  /** Last throttle record. */
  ['reported', 'u64'],
  /** Events are held back until then. */
  ['until', 'u64'],
]);

/** Result of a path walk, kept in memory so that the verifier's states converge. */
export const walkState = struct('walk_state', [
  /** Start of the path in its buffer. */
  ['offset', 'u64'],
  /** Bits of valueStatus. */
  ['status', 'u64'],
]);

/** One value of a hook while its program runs. */
export const frameValue = struct('frame_value', [
  /** The number itself, or the start of the string in bytes from the start of the frame. */
  ['number', 'u64'],
  ['length', 'u32'],
  ['status', 'u32'],
  ['mode', 'u32'],
  ['padding', 'u32'],
]);

/**
 * Scratch record of one run of a hook program. Claimed by exchanging `busy`. While free, `done`, `want`, `signals`,
 * `refusals`, `candidates`, `matches`, `atoms` and their blocks are zero: a run that touches them clears them again.
 */
export const frame = struct('frame', [
  ['busy', 'u32'],
  ['record_length', 'u32'],
  /** Bit i: value i has been read and its trees evaluated. */
  ['done', 'u64'],
  /** Bit i: value i goes into the record. */
  ['want', 'u64'],
  /** Bit i: send signal i+1. */
  ['signals', 'u64'],
  /** Bit i: refuse with the plan's i-th error. */
  ['refusals', 'u64'],
  ['walk', walkState],
  ['call_id', 'u64'],
  /** Bit i: block i of the words below has bits set. */
  ['candidate_blocks', 'u64'],
  ['match_blocks', 'u64'],
  ['atom_blocks', 'u64'],
  ['candidates', 'u64', limits.CANDIDATE_WORDS],
  ['matches', 'u64', limits.MATCH_WORDS],
  ['atoms', 'u64', limits.ATOM_WORDS],
  ['values', frameValue, 64],
  /** Keeps reads before the first string inside the frame. */
  ['front', 'u8', 512],
  ['strings', 'char', limits.STRING_SLOTS * (limits.STRING_SIZE + limits.STRING_SLACK)],
  ['record', 'u8', limits.RECORD_SIZE],
]);

export const structs: readonly Struct[] = [
  recordHeader,
  credentials,
  execRecord,
  dataRecord,
  forkRecord,
  exitRecord,
  hookRecord,
  returnRecord,
  throttleRecord,
  loaderRecord,
  valueHeader,
  fileValue,
  bufferValue,
  userNamespaceValue,
  sockValue,
  sockaddrValue,
  processState,
  reserveShare,
  cgroupRate,
  walkState,
  frameValue,
  frame,
];

/** Bytes between the starts of two string slots. */
export const STRING_STRIDE = limits.STRING_SIZE + limits.STRING_SLACK;
