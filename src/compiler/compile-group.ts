import type { BtfFile } from '../ebpf/btf-reader.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import { type CompiledHook, compileHook } from './compile.ts';
import type { ResolvedHook } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';
import { attachKey, planHook } from './plan.ts';

export interface CompileOptions {
  readonly facts: KernelFacts;
  /** Type information of the runtime object. */
  readonly runtime: BtfFile;
  /** Text of a line of a policy file; empty when it is not known. */
  readonly sourceText: (file: string, line: number) => string;
  /** Put around the stages, for measurements. */
  readonly stage?: (<Result>(name: 'plan' | 'generate', work: () => Result) => Result) | undefined;
}

/** Why the hooks of one attach point cannot run together, and the policy that has to stand back. */
export interface GroupFailure {
  readonly policy: Policy;
  readonly diagnostics: readonly Diagnostic[];
}

/** The hooks of all policies by attach point: each group becomes one program. */
export function groupHooks(hooks: readonly ResolvedHook[]): Map<string, ResolvedHook[]> {
  return Map.groupBy(hooks, ({ attach }) => attachKey(attach));
}

/** Plans and compiles a group. The newest policy of the group stands back when it is too much for one program. */
export function compileGroup(
  hooks: readonly ResolvedHook[],
  ids: { readonly planId: number; readonly hookId: number },
  options: CompileOptions,
): CompiledHook | GroupFailure {
  const { policy, hook } = hooks.at(-1)!;
  const { facts, sourceText, stage = (_name, work) => work() } = options;
  const { hostNamespaces } = facts;
  const input = { ...ids, attach: hooks[0]!.attach, hooks, hostNamespaces, sourceText };
  const { plan, diagnostics } = stage('plan', () => planHook(input));
  if (plan === undefined) return { policy, diagnostics };
  try {
    return stage('generate', () => compileHook(plan, facts, options.runtime));
  } catch (error) {
    /* What the generator cannot express it says by a plain Error; a TypeError and the like are our bugs. */
    if (!(error instanceof Error && error.name === 'Error')) throw error;
    const found = { severity: 'error', code: 'not-compiled', message: error.message, hint: '' } as const;
    return { policy, diagnostics: [{ file: policy.file, ...hook.position, ...found }] };
  }
}
