import type { PlanSelector, PlanSpec, PlanTest } from './hook-plan.ts';
import { matchKey } from './match-key.ts';
import { eagerValues, openTests } from './value-trees.ts';

export interface OrderedSpecs {
  readonly specs: readonly PlanSpec[];
  readonly atomCount: number;
}

/**
 * Puts the tests of each selector in the order in which they are tried, cheapest first, and gives the sets of strings
 * that they ask about their bits. `costOf` is what reading the value of a test costs.
 */
export function orderTests(specs: readonly PlanSpec[], costOf: (test: PlanTest) => number): OrderedSpecs {
  const eager = eagerValues({ specs });
  /* A value that every run reads is there already, and a set of strings is one bit then. */
  const cost = (test: PlanTest) => (eager.has(test.value) ? 0 : costOf(test));
  const atoms = new Map<string, number>();
  const orderSelector = (spec: PlanSpec, selector: PlanSelector): PlanSelector => {
    if (spec.search === 'direct') return selector;
    const open = new Set(openTests(spec, selector));
    const ordered = selector.tests.toSorted((left, right) => cost(left) - cost(right));
    const numbered = new Map(ordered.map((test) => [test, open.has(test) ? withAtom(test, atoms) : test]));
    const index = selector.index && numbered.get(selector.index);
    return { ...selector, tests: [...numbered.values()], index };
  };
  const ordered = specs.map((spec) => ({
    ...spec,
    selectors: spec.selectors.map((selector) => orderSelector(spec, selector)),
  }));
  return { specs: ordered, atomCount: atoms.size };
}

function withAtom(test: PlanTest, atoms: Map<string, number>): PlanTest {
  if (test.match.kind !== 'strings') return test;
  const key = `${test.value}|${matchKey(test.match)}`;
  const atom = atoms.get(key) ?? atoms.size;
  atoms.set(key, atom);
  return { ...test, atom };
}
