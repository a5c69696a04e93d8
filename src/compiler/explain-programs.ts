import type { BtfFile } from '../ebpf/btf-reader.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import { type CompiledHook, compileHook } from './compile.ts';
import type { ResolvedHook } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';
import { attachKey, planHook } from './plan.ts';
import { resolvePolicy } from './resolve.ts';

export interface CompileOptions {
  /** Type information of the runtime object. */
  readonly runtime: BtfFile;
  /** Text of a line of a policy file; empty when it is not known. */
  readonly sourceText: (file: string, line: number) => string;
}

/** What a kernel would run for a set of policies. */
export interface CompiledPolicies {
  readonly hooks: readonly CompiledHook[];
  readonly loaded: readonly Policy[];
  /** Policies that this kernel cannot serve as a whole: nothing of them is loaded. */
  readonly refused: readonly { readonly policy: Policy; readonly diagnostics: readonly Diagnostic[] }[];
  /** Of the loaded policies: what is weaker than asked for, or left out as they allow. */
  readonly warnings: readonly Diagnostic[];
}

/** Compiles policies as the agent does, up to the point where the kernel itself would be asked. */
export function compilePolicies(
  policies: readonly Policy[],
  facts: KernelFacts,
  options: CompileOptions,
): CompiledPolicies {
  const resolutions = new Map(policies.map((policy) => [policy, resolvePolicy(policy, facts)]));
  const refused = new Map<Policy, readonly Diagnostic[]>();
  for (const [policy, { diagnostics }] of resolutions) {
    const errors = diagnostics.filter(isError);
    if (errors.length > 0) refused.set(policy, errors);
  }
  for (;;) {
    const loaded = policies.filter((policy) => !refused.has(policy));
    const groups = groupHooks(loaded.flatMap((policy) => resolutions.get(policy)!.hooks));
    const attempts = groups.map((group, index) => compileGroup(group, index, facts, options));
    const failure = attempts.find((attempt) => 'policy' in attempt);
    if (failure !== undefined) {
      refused.set(failure.policy, failure.diagnostics);
      continue;
    }
    return {
      hooks: attempts.filter((attempt) => 'plan' in attempt),
      loaded,
      refused: [...refused].map(([policy, diagnostics]) => ({ policy, diagnostics })),
      warnings: loaded.flatMap((policy) => resolutions.get(policy)!.diagnostics),
    };
  }
}

interface GroupFailure {
  readonly policy: Policy;
  readonly diagnostics: readonly Diagnostic[];
}

function isError({ severity }: Diagnostic): boolean {
  return severity === 'error';
}

/** Hooks of all policies by attach point. */
function groupHooks(hooks: readonly ResolvedHook[]): (readonly ResolvedHook[])[] {
  return [...Map.groupBy(hooks, ({ attach }) => attachKey(attach)).values()];
}

/** The newest policy of the hook stands back when the hook does not compile. */
function compileGroup(
  hooks: readonly ResolvedHook[],
  index: number,
  facts: KernelFacts,
  { runtime, sourceText }: CompileOptions,
): CompiledHook | GroupFailure {
  const { policy, hook } = hooks.at(-1)!;
  const { plan, diagnostics } = planHook({
    attach: hooks[0]!.attach,
    hooks,
    planId: index + 1,
    hookId: index + 1,
    hostNamespaces: facts.hostNamespaces,
    sourceText,
  });
  if (plan === undefined) return { policy, diagnostics };
  try {
    return compileHook(plan, facts, runtime);
  } catch (error) {
    /* What the generator cannot express it says by a plain Error; a TypeError and the like are our bugs. */
    if (!(error instanceof Error && error.name === 'Error')) throw error;
    const found = { severity: 'error', code: 'not-compiled', message: error.message, hint: '' } as const;
    return { policy, diagnostics: [{ file: policy.file, ...hook.position, ...found }] };
  }
}
