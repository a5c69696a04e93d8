/**
 * What is known of a kernel: plain data, collected on the node (`src/kernel/`) or read from a file, so that a policy
 * is compiled and explained for kernels that are not running here. JSON-serialisable as it stands.
 */
export interface KernelFacts {
  /** Format of this structure; readers refuse another. */
  readonly schema: 1;
  /** `uname -r`. */
  readonly release: string;
  /** major, minor, patch. */
  readonly version: readonly [number, number, number];
  readonly machine: 'x86_64' | 'aarch64';
  readonly features: Readonly<Record<KernelFeature, FeatureFact>>;
  /** The active preemption model. */
  readonly preemption: 'none' | 'voluntary' | 'full' | 'lazy' | 'realtime' | 'unknown';
  /** System call numbers of the native ABI by bare name (`openat`). */
  readonly syscalls: Readonly<Record<string, number>>;
  /** Functions with BTF. A missing name cannot be attached by fentry or lsm. */
  readonly functions: Readonly<Record<string, Prototype>>;
  /** Raw tracepoints by event name: parameters as a raw tracepoint program sees them. */
  readonly rawTracepoints: Readonly<Record<string, Prototype>>;
  /** Tracepoint formats by `subsystem/event`. */
  readonly tracepoints: Readonly<Record<string, TracepointFormat>>;
  /** Namespace inode numbers of pid 1, by name as in `NamespaceName`. */
  readonly hostNamespaces: Readonly<Record<string, number>>;
  /** Byte offset of each member of `struct pt_regs` (`di`, `si`, ... or `regs` on arm64). */
  readonly ptRegs: Readonly<Record<string, number>>;
}

/** Each is probed by doing it, or states what was read. */
export type KernelFeature =
  | 'btf'
  | 'ringBuffer'
  | 'kprobe'
  | 'kprobeMulti'
  | 'kprobeOverride'
  | 'fentry'
  | 'fmodRet'
  | 'lsm'
  | 'tracepoint'
  | 'syscallTracepoint'
  | 'rawTracepoint'
  | 'sendSignal'
  | 'atomicFetch'
  | 'taskStorage'
  | 'bpfLoop'
  | 'preemptDisable'
  | 'pointerCast'
  | 'buildId';

export interface FeatureFact {
  readonly available: boolean;
  /** Why not, and what would change it; empty when available. */
  readonly reason: string;
}

export interface Prototype {
  readonly parameters: readonly Parameter[];
  readonly returns: TypeFact;
}

export interface Parameter extends TypeFact {
  readonly name: string;
}

/** `type` is the C spelling without qualifiers, typedefs kept: `struct file *`, `int`, `umode_t`, `char *`. */
export interface TypeFact {
  readonly type: string;
  /** Bytes; 0 for void. */
  readonly size: number;
  readonly signed: boolean;
  /** True when a pointer was marked `__user` or comes from a system call. */
  readonly user?: boolean;
  /** True when it points to a structure whose definition the type information lacks: fentry and lsm cannot pass it on. */
  readonly opaque?: boolean;
}

export interface TracepointFormat {
  readonly id: number;
  /** Fields in the order of the format file, the common ones included. */
  readonly fields: readonly TracepointField[];
}

export interface TracepointField extends Parameter {
  /** Byte offset in the record a tracepoint program receives. */
  readonly offset: number;
  /** `char name[16]` is an array; `__data_loc` fields hold offset and length of the data. */
  readonly shape: 'scalar' | 'array' | 'dataLocation';
}
