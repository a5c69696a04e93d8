import { explainTest } from './explain-tests.ts';
import { alignColumns, indent, joinWords } from './explain-text.ts';
import { inReadingOrder, nameSelector, type ValueNames } from './explain-values.ts';
import type { HookPlan, PlanSpec, PlanTest } from './hook-plan.ts';
import type { KernelFacts } from './kernel-facts.ts';
import { collectTrees, openTests, type TreeEntry } from './value-trees.ts';

/**
 * What the decision trees of each value find, and what a hit means: it decides a selector, proposes one whose other
 * tests then run, or is remembered for a test that asks later. Empty without trees.
 */
export function explainTrees(plan: HookPlan, names: ValueNames, facts: KernelFacts): string[] {
  const trees = collectTrees(plan);
  return inReadingOrder(plan).flatMap((value) => {
    const tree = trees.get(value.id);
    if (tree === undefined) return [];
    const rows = tree.entries.map((entry) => {
      const finding = explainTest({ ...entry.test, negate: false }, value, names.get(value.id)!, facts);
      return [finding, `-> ${explainHit(plan, entry)}`];
    });
    return [`over ${names.get(value.id)}:`, ...indent(alignColumns(rows), 2)];
  });
}

function explainHit(plan: HookPlan, { effect }: TreeEntry): string {
  const decided: string[] = [];
  const proposed: string[] = [];
  const asking: string[] = [];
  for (const spec of plan.specs) {
    if (spec.candidate >= 0 && effect.candidates.includes(spec.candidate)) proposed.push(spec.resolved.policy.name);
    for (const selector of spec.selectors) {
      const name = nameSelector(plan, spec, selector);
      if (effect.matches.includes(selector.bit)) decided.push(name);
      else if (isAsked(spec, openTests(spec, selector), effect.atoms)) asking.push(name);
    }
  }
  const parts = [
    decided.length > 0 ? `decides ${joinWords(decided, 'and')}` : '',
    proposed.length > 0 ? `proposes ${joinWords([...new Set(proposed)], 'and')}` : '',
    asking.length > 0 ? `asked for by ${joinWords(asking, 'and')}` : '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function isAsked(spec: PlanSpec, tests: readonly PlanTest[], atoms: readonly number[]): boolean {
  return spec.candidate >= 0 && tests.some((test) => test.atom >= 0 && atoms.includes(test.atom));
}
