import type { HookPlan, ResolvedHook } from '../../src/compiler/hook-plan.ts';
import type { KernelFacts } from '../../src/compiler/kernel-facts.ts';
import { planHook } from '../../src/compiler/plan.ts';
import { resolvePolicy } from '../../src/compiler/resolve.ts';
import { type PlanSketch, parseSketch } from './sketch.ts';

let lastPlanId = 0;

/** Checks, resolves and plans the policies as the engine does. Throws with the diagnostics when a stage refuses them. */
export function planSketch(sketch: PlanSketch, facts: KernelFacts): HookPlan {
  const hooks: ResolvedHook[] = [];
  for (const policy of parseSketch(sketch)) {
    const resolution = resolvePolicy(policy, facts);
    if (resolution.diagnostics.length > 0) throw new Error(JSON.stringify(resolution.diagnostics));
    hooks.push(...resolution.hooks);
  }
  const { plan, diagnostics } = planHook({
    attach: hooks[0]!.attach,
    hooks,
    planId: ++lastPlanId,
    hookId: 1,
    hostNamespaces: sketch.hostNamespaces,
    sourceText: (file, line) => `${file}:${line}`,
  });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  return plan;
}
