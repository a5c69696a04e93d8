import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/model.ts';
import type { CompiledHook } from './compile.ts';
import { type CompileOptions, compileGroup, groupHooks } from './compile-group.ts';
import { resolvePolicy } from './resolve.ts';

/** What a kernel would run for a set of policies. */
export interface CompiledPolicies {
  readonly hooks: readonly CompiledHook[];
  /** Policies that switch the loader sensor on. */
  readonly loaders: readonly Policy[];
  /** Policies of which at least one hook or the loader sensor is loaded, or that have none. */
  readonly loaded: readonly Policy[];
  /** By policy, the hooks that this kernel cannot serve. */
  readonly refused: readonly { readonly policy: Policy; readonly diagnostics: readonly Diagnostic[] }[];
  /** What is weaker than asked for, or left out as the policies allow. */
  readonly warnings: readonly Diagnostic[];
}

/** Compiles policies as the agent does, up to the point where the kernel itself would be asked. */
export function compilePolicies(policies: readonly Policy[], options: CompileOptions): CompiledPolicies {
  const resolutions = new Map(policies.map((policy) => [policy, resolvePolicy(policy, options.facts)]));
  const refused = new Map<Policy, readonly Diagnostic[]>();
  const standBack = new Set<Policy>();
  for (const [policy, { diagnostics }] of resolutions) {
    const errors = diagnostics.filter(isError);
    if (errors.length > 0) refused.set(policy, errors);
  }
  for (;;) {
    const candidates = policies.filter((policy) => !standBack.has(policy));
    const groups = [...groupHooks(candidates.flatMap((policy) => resolutions.get(policy)!.hooks)).values()];
    const attempts = groups.map((group, index) =>
      compileGroup(group, { planId: index + 1, hookId: index + 1 }, options),
    );
    const failure = attempts.find((attempt) => 'policy' in attempt);
    if (failure !== undefined) {
      standBack.add(failure.policy);
      refused.set(failure.policy, failure.diagnostics);
      continue;
    }
    const loaders = candidates.filter((policy) => resolutions.get(policy)!.loader);
    const hasPart = (policy: Policy) => loaders.includes(policy) || resolutions.get(policy)!.hooks.length > 0;
    const loaded = candidates.filter((policy) => hasPart(policy) || !refused.has(policy));
    return {
      hooks: attempts.filter((attempt) => 'plan' in attempt),
      loaders,
      loaded,
      refused: [...refused].map(([policy, diagnostics]) => ({ policy, diagnostics })),
      warnings: loaded.flatMap((policy) => resolutions.get(policy)!.diagnostics.filter((found) => !isError(found))),
    };
  }
}

function isError({ severity }: Diagnostic): boolean {
  return severity === 'error';
}
