import type { PlanSelector, PlanSpec, PlanTest } from './hook-plan.ts';
import { matchKey } from './match-key.ts';
import { eagerValues, firstValue, openTests } from './value-trees.ts';

export interface OrderedSpecs {
  readonly specs: readonly PlanSpec[];
  readonly atomCount: number;
}

/**
 * Puts the tests of each selector in the order in which they are tried, cheapest first, and numbers candidates and the
 * sets of strings that tests ask about. `costOf` is what reading the value of a test costs.
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
  return { specs: numberCandidates(ordered), atomCount: atoms.size };
}

/** Those that compare the same value first lie together: it is then read, and verified, once for a group of them. */
function numberCandidates(specs: readonly PlanSpec[]): PlanSpec[] {
  const candidates = specs.filter(({ candidate }) => candidate >= 0);
  candidates.sort((left, right) => (firstValue(left) ?? -1) - (firstValue(right) ?? -1));
  const numbers = new Map(candidates.map((spec, number) => [spec, number]));
  return specs.map((spec) => ({ ...spec, candidate: numbers.get(spec) ?? -1 }));
}

function withAtom(test: PlanTest, atoms: Map<string, number>): PlanTest {
  if (test.match.kind !== 'strings') return test;
  const key = `${test.value}|${matchKey(test.match)}`;
  const atom = atoms.get(key) ?? atoms.size;
  atoms.set(key, atom);
  return { ...test, atom };
}
