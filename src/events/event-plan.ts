import type { ArgumentType, StackKind } from '../policy/model.ts';
import type { Operand } from '../policy/operand.ts';

/**
 * What the agent needs to turn the records of one compiled hook into events: the meaning of the match bits and of the
 * values. Made by the compiler beside the program, kept for as long as records of that program can be in the ring.
 */
export interface EventPlan {
  /** `hook_record.plan_id`. */
  readonly planId: number;
  /** By `value_header.value`. */
  readonly values: readonly { readonly type: Exclude<ArgumentType, 'auto' | 'nop'> }[];
  /** By match bit. */
  readonly selectors: readonly EventSelector[];
}

/** One selector of one policy on the hook. */
export interface EventSelector {
  readonly hook: EventHook;
  /** Position in the policy's list of selectors of that hook; 0 for a hook without selectors. */
  readonly index: number;
  readonly label: string;
  /** False for `NoPost`: counted, not reported. */
  readonly post: boolean;
  /** The strongest action that is carried out. */
  readonly action: KprobeAction;
  /** In monitor mode the action that enforce mode would have carried out; undefined when it is the same. */
  readonly monitoredAction: KprobeAction | undefined;
  /** The event is reported only when the return value passes all of these. */
  readonly returnFilters: readonly Operand[];
  /** Stacks that its events show; none by default. */
  readonly stacks?: readonly EventStack[];
}

export interface EventStack {
  readonly of: StackKind;
  /** Index in `EventPlan.values`. */
  readonly value: number;
}

export type KprobeAction =
  | 'KPROBE_ACTION_POST'
  | 'KPROBE_ACTION_NOPOST'
  | 'KPROBE_ACTION_SIGKILL'
  | 'KPROBE_ACTION_SIGNAL'
  | 'KPROBE_ACTION_OVERRIDE';

/** One hook specification of one policy: what its events say besides the values. */
export interface EventHook {
  readonly policyName: string;
  readonly policyNamespace: string | undefined;
  /** Decides the event: process_kprobe (fentry too), process_tracepoint (raw too), process_lsm and so on. */
  readonly event: 'kprobe' | 'tracepoint' | 'lsm' | 'uprobe' | 'usdt';
  /** `__x64_sys_openat`, `security_file_open`; `file_open` for lsm; empty for others. */
  readonly functionName: string;
  /** Tracepoints only. */
  readonly subsystem: string;
  readonly tracepoint: string;
  readonly uprobe?: UprobePlace;
  readonly usdt?: UsdtPlace;
  readonly args: readonly EventArgument[];
  /** Set when the event waits for the return of the call. */
  readonly returnArg: EventArgument | undefined;
  readonly message: string;
  readonly tags: readonly string[];
  /** Values that are no arguments of the call; kprobes and uprobes only. */
  readonly data?: readonly EventArgument[];
  /** From the annotations of the policy. */
  readonly severity?: string;
  readonly mitreTechniques?: readonly string[];
}

/** Where a uprobe is. */
export interface UprobePlace {
  readonly path: string;
  readonly symbol: string;
  /** In the file; 0 when the symbol says it. */
  readonly offset: number;
  readonly refCtrOffset: number;
}

/** Which USDT probe it is. */
export interface UsdtPlace {
  readonly path: string;
  readonly provider: string;
  readonly name: string;
}

/** A hook as metrics and people name it: `security_file_open`, `sched:sched_switch`, `/bin/bash/readline`. */
export function hookName(hook: EventHook): string {
  switch (hook.event) {
    case 'kprobe':
    case 'lsm':
      return hook.functionName;
    case 'tracepoint':
      return `${hook.subsystem}:${hook.tracepoint}`;
    case 'uprobe':
      return `${hook.uprobe?.path}/${hook.uprobe?.symbol}`;
    case 'usdt':
      return `${hook.usdt?.path}/${hook.usdt?.provider}/${hook.usdt?.name}`;
    default:
      return hook.event satisfies never;
  }
}

export interface EventArgument {
  /** Index in `EventPlan.values`; -1 for the return value, which comes in a `return_record`. */
  readonly value: number;
  readonly type: Exclude<ArgumentType, 'auto' | 'nop'>;
  /** As the policy wrote it: `size_t` and `uint64` are `size_arg`, `int` is `int_arg`. */
  readonly spelledType: string;
  readonly label: string;
}
