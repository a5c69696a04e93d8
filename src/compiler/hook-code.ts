import type { HookPlan, PlanValue } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';
import type { Outlined } from './outline.ts';
import type { ValueTree } from './value-trees.ts';

/**
 * What the parts of the code generator share about one hook. Registers of every generated function:
 *
 * | R6      | context of the program                             |
 * | R7      | frame of this run                                  |
 * | R8, R9  | the number, or length and start of the string, that is being compared |
 * | R0 - R5 | free between two steps                             |
 */
export interface HookCode {
  readonly plan: HookPlan;
  readonly facts: KernelFacts;
  /** By value id: what its trees decide. */
  readonly trees: ReadonlyMap<number, ValueTree>;
  /** Values that every run reads, because a tree over them proposes selectors. */
  readonly eager: ReadonlySet<number>;
  /** For tests of filters through BPF_PROG_TEST_RUN: strings and structures are copied from the testing process. */
  readonly given: boolean;
  /** Where parts of a program that is too long go; undefined: everything is in place. */
  readonly outlined: Outlined | undefined;
}

export function valueById(hook: HookCode, id: number): PlanValue {
  const value = hook.plan.values.find((candidate) => candidate.id === id);
  if (value === undefined) throw new Error(`plan ${hook.plan.key} has no value ${id}`);
  return value;
}

/** Name of the subprogram that reads a value which not every run needs. */
export function readerName(value: PlanValue): string {
  return `read_value_${value.id}`;
}

const structNames = { file: 'struct file *', path: 'struct path *', linux_binprm: 'struct linux_binprm *' } as const;

/**
 * How fields behind a file, path or binprm are read: loaded after a cast to their type (6.2), loaded because the
 * verifier knows the type of the parameter, or copied by a helper, which is dearest.
 */
export function accessTo(hook: HookCode, value: PlanValue): 'cast' | 'typed' | 'copied' {
  if (hook.facts.features.pointerCast.available) return 'cast';
  const { mechanism, target, syscall } = hook.plan.attach;
  if (syscall || value.source.kind !== 'parameter') return 'copied';
  if (mechanism !== 'fentry' && mechanism !== 'lsm' && mechanism !== 'fmod_ret') return 'copied';
  const prototype = hook.facts.functions[mechanism === 'lsm' ? `bpf_lsm_${target}` : target];
  const known = prototype?.parameters[value.source.index]?.type;
  return known === structNames[value.type as keyof typeof structNames] ? 'typed' : 'copied';
}
