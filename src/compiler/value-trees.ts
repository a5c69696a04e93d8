import type { Component } from '../policy/operand.ts';
import { type Effect, joinEffects, noEffect, selectorEffect } from './effects.ts';
import type { HookPlan, PlanMatch, PlanSelector, PlanSpec, PlanTest } from './hook-plan.ts';
import { matchKey } from './match-key.ts';

/** What a hit on one match of a value means for all policies together. */
export interface TreeEntry {
  readonly component: Component;
  readonly match: PlanMatch;
  readonly effect: Effect;
  readonly test: PlanTest;
}

export interface ValueTree {
  readonly entries: readonly TreeEntry[];
}

/**
 * Collects per value what its trees have to find: selectors they decide or propose, and sets of strings that other
 * tests ask about. Equal matches of several policies become one entry with all their effects.
 */
export function collectTrees(plan: HookPlan): Map<number, ValueTree> {
  const entries = new Map<string, { test: PlanTest; effects: Effect[] }>();
  const add = (test: PlanTest, effect: Effect) => {
    const key = `${test.value}|${test.component}|${matchKey(test.match)}`;
    const known = entries.get(key);
    if (known === undefined) entries.set(key, { test, effects: [effect] });
    else known.effects.push(effect);
  };
  for (const spec of plan.specs) {
    for (const selector of spec.selectors) {
      for (const test of openTests(spec, selector)) {
        if (test.atom >= 0) add(test, { ...noEffect, atoms: [test.atom] });
      }
      if (selector.index === undefined) continue;
      if (spec.search === 'direct') add(selector.index, selectorEffect(selector));
      if (spec.search === 'candidate') add(selector.index, { ...noEffect, candidates: [spec.candidate] });
    }
  }
  const trees = new Map<number, { entries: TreeEntry[] }>();
  for (const { test, effects } of entries.values()) {
    const tree = trees.get(test.value) ?? { entries: [] };
    tree.entries.push({ component: test.component, match: test.match, effect: joinEffects(effects), test });
    trees.set(test.value, tree);
  }
  return trees;
}

/** The tests of a selector that no tree decides: they are tried when it is proposed. */
export function openTests(spec: PlanSpec, selector: PlanSelector): readonly PlanTest[] {
  if (spec.search === 'always' || spec.search === 'direct') return [];
  const proposed = spec.search === 'candidate' && spec.selectors.length === 1;
  return proposed ? selector.tests.filter((test) => test !== selector.index) : selector.tests;
}

/** `GT` the greatest number of the type. */
export function neverHolds({ match, negate }: PlanTest): boolean {
  return !negate && match.kind === 'ranges' && match.ranges.length === 0;
}

/** Id of the value that is compared first whenever the specification is proposed; undefined when nothing is. */
export function firstValue(spec: PlanSpec): number | undefined {
  const possible = spec.selectors.map((selector) => openTests(spec, selector)).find((tests) => !tests.some(neverHolds));
  return possible?.[0]?.value;
}

/** Ids of the values whose trees propose selectors: every run has to read them. */
export function eagerValues({ specs }: Pick<HookPlan, 'specs'>): Set<number> {
  const eager = new Set<number>();
  for (const spec of specs) {
    if (spec.search !== 'direct' && spec.search !== 'candidate') continue;
    for (const selector of spec.selectors) eager.add(selector.index!.value);
  }
  return eager;
}
