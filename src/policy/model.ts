/**
 * The model of a TracingPolicy: plain data with source positions, what `parse` and `check` produce and every later
 * stage consumes. Words are those of the policy language (`cilium.io/v1alpha1`).
 */

/** Where a node of the YAML stands: 1-based line and column in `Policy.file`. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** From harmless to urgent. */
export const severities = ['info', 'low', 'medium', 'high', 'critical'] as const;

export type Severity = (typeof severities)[number];

export interface PolicyAnnotations {
  readonly severity: Severity | undefined;
  /** Ids of MITRE ATT&CK techniques, `T1055` or `T1059.004`, in the order of the policy. */
  readonly mitreTechniques: readonly string[];
}

/** One policy document. `mode` is what `options.policy-mode` says, `enforce` without it. */
export interface Policy {
  readonly file: string;
  readonly kind: 'TracingPolicy' | 'TracingPolicyNamespaced';
  readonly name: string;
  readonly namespace: string | undefined;
  readonly mode: PolicyMode;
  readonly annotations: PolicyAnnotations;
  readonly hooks: readonly HookSpec[];
  /** Where `loader: true` stands: files that are mapped to be executed are reported. */
  readonly loader?: Position;
  readonly position: Position;
}

export type PolicyMode = 'enforce' | 'monitor';

export type HookKind = 'kprobe' | 'fentry' | 'tracepoint' | 'rawTracepoint' | 'lsm';

/** One entry of `spec.kprobes`, `spec.fentries`, `spec.tracepoints` or `spec.lsmhooks`. */
export interface HookSpec {
  readonly kind: HookKind;
  /** Function (`call`, without an architecture prefix for syscalls), LSM hook name, or `subsystem/event` of a tracepoint. */
  readonly target: string;
  /** True for kprobes and fentries on a system call. */
  readonly syscall: boolean;
  readonly args: readonly Argument[];
  /** Set when `return: true`. */
  readonly returnArg: Argument | undefined;
  readonly selectors: readonly Selector[];
  readonly message: string;
  readonly tags: readonly string[];
  readonly ignoreCallNotFound: boolean;
  readonly position: Position;
}

/** Argument types that are compiled. `auto` is replaced by a concrete one when the hook is resolved against a kernel. */
export type ArgumentType =
  | 'auto'
  | 'nop'
  | 'sint8'
  | 'sint16'
  | 'sint32'
  | 'sint64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'string'
  | 'filename'
  | 'file'
  | 'path'
  | 'fd'
  | 'dentry'
  | 'linux_binprm'
  | 'sock'
  | 'socket'
  | 'sockaddr'
  | 'cred'
  | 'user_namespace'
  | 'capability'
  | 'char_buf'
  | 'syscall64';

export interface Argument {
  /** Position among the parameters of the function (or the fields of the tracepoint, common fields included). */
  readonly index: number;
  /** Canonical type: `int` and `int32` read as `sint32`, `long` as `sint64`, `size_t` and `ulong` as `uint64`. */
  readonly type: ArgumentType;
  /** How the policy spelled the type: decides the event field (`size_t` is reported as `size_arg`). */
  readonly spelledType: string;
  readonly label: string;
  /** Of a `char_buf`: the parameter that has its size in bytes, counted from 0. */
  readonly sizeIndex?: number;
  readonly position: Position;
}

/** All filters of a selector are ANDed; the selectors of a hook are tried in order and the first that matches acts. */
export interface Selector {
  readonly label: string;
  readonly matchArgs: readonly ArgFilter[];
  readonly matchReturnArgs: readonly ArgFilter[];
  readonly matchPIDs: readonly PidFilter[];
  readonly matchBinaries: readonly BinaryFilter[];
  readonly matchNamespaces: readonly NamespaceFilter[];
  readonly matchCapabilities: readonly CapabilityFilter[];
  /** Never empty: without `matchActions` it is one `Post`. */
  readonly actions: readonly Action[];
  readonly position: Position;
}

export interface SourceText {
  readonly text: string;
  readonly position: Position;
}

/** Operators by their full names; `operators.ts` knows the short spellings. */
export type Operator =
  | 'Equal'
  | 'NotEqual'
  | 'Prefix'
  | 'NotPrefix'
  | 'Postfix'
  | 'NotPostfix'
  | 'GreaterThan'
  | 'LessThan'
  | 'Mask'
  | 'InMap'
  | 'NotInMap'
  | 'InRange'
  | 'NotInRange'
  | 'SAddr'
  | 'NotSAddr'
  | 'DAddr'
  | 'NotDAddr'
  | 'SPort'
  | 'NotSPort'
  | 'DPort'
  | 'NotDPort'
  | 'SPortPriv'
  | 'NotSPortPriv'
  | 'DPortPriv'
  | 'NotDPortPriv'
  | 'Protocol'
  | 'Family'
  | 'State'
  | 'FileType'
  | 'NotFileType';

export interface ArgFilter {
  /** Position in `HookSpec.args`; -1 means the return value. */
  readonly argument: number;
  readonly operator: Operator;
  /** As written; `operand.ts` gives them their meaning once the argument's type is known. */
  readonly values: readonly SourceText[];
  readonly position: Position;
}

export interface PidFilter {
  readonly negate: boolean;
  readonly values: readonly number[];
  /** Compare the pid in the process's own pid namespace. */
  readonly namespacePid: boolean;
  readonly position: Position;
}

export interface BinaryFilter {
  readonly match: 'equal' | 'prefix' | 'postfix';
  readonly negate: boolean;
  readonly values: readonly string[];
  readonly position: Position;
}

export type NamespaceName =
  | 'uts'
  | 'ipc'
  | 'mnt'
  | 'pid'
  | 'pid_for_children'
  | 'net'
  | 'time'
  | 'time_for_children'
  | 'cgroup'
  | 'user';

export interface NamespaceFilter {
  readonly namespace: NamespaceName;
  readonly negate: boolean;
  /** Inode numbers; `host_ns` stands for the namespace of pid 1. */
  readonly values: readonly (number | 'host_ns')[];
  readonly position: Position;
}

export interface CapabilityFilter {
  readonly set: 'effective' | 'inheritable' | 'permitted';
  readonly negate: boolean;
  /** Only processes outside the host's user namespace. */
  readonly namespaceCapability: boolean;
  /** One bit per capability number. `In` matches when any is held. */
  readonly mask: bigint;
  readonly position: Position;
}

/** Whose calls lead to a hook: functions of the kernel, or of the program. */
export type StackKind = 'kernel' | 'user';

export type Action =
  | { readonly kind: 'Post'; readonly stacks?: readonly StackKind[]; readonly position: Position }
  | { readonly kind: 'NoPost'; readonly position: Position }
  | { readonly kind: 'Sigkill'; readonly position: Position }
  | { readonly kind: 'Signal'; readonly signal: number; readonly position: Position }
  /** `error` is negative, as the kernel function returns it (-1 is EPERM). */
  | { readonly kind: 'Override'; readonly error: number; readonly position: Position };
