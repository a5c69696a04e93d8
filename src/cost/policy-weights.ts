import type { CompiledHook } from '../compiler/compile.ts';
import type { SourceLine } from '../ebpf/instruction.ts';
import type { Policy } from '../policy/model.ts';

/**
 * How much of a hook's program is there because of each policy: its instructions by the lines of policies they come from,
 * at least one for each policy. Instructions that several policies share count for the first of them, and those that
 * every program has for none, so that this divides a hook's time only roughly.
 */
export function weighPolicies({ plan, entry }: CompiledHook): Map<Policy, number> {
  const policyByLine = new Map<string, Policy>();
  const weights = new Map<Policy, number>();
  for (const { resolved, selectors } of plan.specs) {
    weights.set(resolved.policy, 1);
    for (const { source, tests } of selectors) {
      for (const line of [source, ...tests.map((test) => test.source)]) {
        policyByLine.set(keyOf(line), resolved.policy);
      }
    }
  }
  for (const { instructions } of entry.functions) {
    for (const { source } of instructions) {
      const policy = source && policyByLine.get(keyOf(source));
      if (policy !== undefined) weights.set(policy, weights.get(policy)! + 1);
    }
  }
  return weights;
}

function keyOf({ file, line }: SourceLine): string {
  return `${line}:${file}`;
}
