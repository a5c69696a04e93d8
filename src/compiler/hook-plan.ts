import type { SourceLine } from '../ebpf/instruction.ts';
import type { EventPlan } from '../events/event-plan.ts';
import type { ConcreteType } from '../policy/argument-types.ts';
import type { HookSpec, NamespaceName, Policy, StackKind } from '../policy/model.ts';
import type { Component } from '../policy/operand.ts';
import type { Network } from '../policy/operand-networks.ts';
import type { Range } from '../policy/operand-ranges.ts';
import type { TracepointField } from './kernel-facts.ts';

/** How a program gets into the kernel's way. Names are those of libbpf's sections. */
export type Mechanism =
  | 'fentry'
  | 'kprobe'
  | 'lsm'
  | 'fmod_ret'
  | 'tracepoint'
  | 'syscall_tracepoint'
  | 'raw_tracepoint';

/** One place of one kernel where one program runs for all policies that are attached there. */
export interface AttachPoint {
  readonly mechanism: Mechanism;
  /** Function, `subsystem/event`, or event of a raw tracepoint. */
  readonly target: string;
  /** Where the return value is seen; undefined where nothing returns. */
  readonly returns: { readonly mechanism: 'fexit' | 'kretprobe' | 'tracepoint'; readonly target: string } | undefined;
  /** True when the parameters are those of a system call behind a `struct pt_regs *`. */
  readonly syscall: boolean;
  /** Why this mechanism and not another. */
  readonly reason: string;
  /** What is weaker here than the policy asks for; empty when nothing is. */
  readonly degraded: readonly string[];
}

/** One hook specification of one policy, bound to a kernel. */
export interface ResolvedHook {
  readonly policy: Policy;
  readonly hook: HookSpec;
  readonly attach: AttachPoint;
  /** Parallel to `hook.args`. */
  readonly args: readonly ResolvedArgument[];
  readonly returnType: ConcreteType | undefined;
  /** What events call the function: with the architecture prefix of a system call. */
  readonly functionName: string;
}

export interface ResolvedArgument {
  readonly type: ConcreteType | 'nop';
  readonly source: ValueSource;
}

/** Where a value comes from. */
export type ValueSource =
  | {
      readonly kind: 'parameter';
      readonly index: number;
      /** The parameter that has the size of what this one points at. */
      readonly sizeIndex?: number;
    }
  | { readonly kind: 'field'; readonly field: TracepointField }
  /** Addresses of the calls that led to the hook. */
  | { readonly kind: 'stack'; readonly of: StackKind }
  | { readonly kind: 'pid' }
  | { readonly kind: 'namespacePid' }
  | { readonly kind: 'binary' }
  | { readonly kind: 'namespace'; readonly namespace: NamespaceName }
  | { readonly kind: 'capabilities'; readonly set: 'effective' | 'inheritable' | 'permitted' };

/** A value the hook's program may read: at most once in a run, however many policies use it. */
export interface PlanValue {
  /** Index in the frame and in records. */
  readonly id: number;
  readonly source: ValueSource;
  readonly type: ConcreteType;
  /** String slot of the frame; -1 for numbers and the binary, which lies in the process state. */
  readonly slot: number;
  /** Estimated instructions to read it: cheaper values are compared first. */
  readonly cost: number;
}

/** What a test compares with, always positive: `PlanTest.negate` turns it around. */
export type PlanMatch =
  | { readonly kind: 'ranges'; readonly ranges: readonly Range[] }
  | { readonly kind: 'mask'; readonly mask: bigint }
  | { readonly kind: 'strings'; readonly match: 'equal' | 'prefix' | 'postfix'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'networks'; readonly networks: readonly Network[] };

export interface PlanTest {
  readonly value: number;
  readonly component: Component;
  readonly match: PlanMatch;
  readonly negate: boolean;
  readonly source: SourceLine;
  /** Bit in `frame.atoms` that the tree of the value sets for those who ask; -1 when nobody asks, and for what is compared in place. */
  readonly atom: number;
}

/** A selector with the consequences of its match. */
export interface PlanSelector {
  /** Match bit. */
  readonly bit: number;
  readonly tests: readonly PlanTest[];
  /** The test whose tree finds this selector; undefined: it has to be tried on every call. */
  readonly index: PlanTest | undefined;
  readonly consequence: Consequence;
  readonly source: SourceLine;
}

/** What a matched selector does, as bits of the words of the frame. */
export interface Consequence {
  readonly want: bigint;
  readonly signals: bigint;
  readonly refusals: bigint;
}

/** The selectors of one hook specification: the first that matches acts. */
export interface PlanSpec {
  readonly resolved: ResolvedHook;
  readonly selectors: readonly PlanSelector[];
  /**
   * How a match is found.
   *
   * - `always`: there are no filters.
   * - `direct`: the tree of the only test decides.
   * - `candidate`: a tree proposes, the remaining tests decide.
   * - `tried`: no filter can propose it, so its tests run on every call.
   */
  readonly search: 'always' | 'direct' | 'candidate' | 'tried';
  /** Bit in `frame.candidates` for `candidate` and `tried`, else -1. */
  readonly candidate: number;
}

/** All that one attach point has to do, for all policies. */
export interface HookPlan {
  /** `mechanism:target`. */
  readonly key: string;
  /** Written into records. */
  readonly planId: number;
  /** Joins calls with returns across generations. */
  readonly hookId: number;
  readonly attach: AttachPoint;
  /** In the order of cost. */
  readonly values: readonly PlanValue[];
  readonly specs: readonly PlanSpec[];
  readonly selectorCount: number;
  readonly candidateCount: number;
  readonly atomCount: number;
  /** By bit of `frame.refusals`: negative errno. */
  readonly errors: readonly number[];
  readonly events: EventPlan;
}

/** Bits of `frame.want` above those of the values. */
export const wantPost = 1n << 63n;
export const wantReturn = 1n << 62n;
/** A selector matched that asks for nothing: NoPost alone. */
export const wantNothing = 1n << 61n;
