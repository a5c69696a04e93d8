import type { Component } from '../policy/operand.ts';
import type { Range } from '../policy/operand-ranges.ts';
import { isSigned } from './emit-value.ts';
import { accessTo, type HookCode } from './hook-code.ts';
import type { PlanMatch, PlanSelector, PlanTest, PlanValue } from './hook-plan.ts';

/** A test of a selector as the guard can make it. */
export interface GuardTest {
  readonly component: Component;
  /** Positive: a negated set of numbers is that of all others. */
  readonly match: PlanMatch;
  readonly test: PlanTest;
}

/** What the guard looks for in one value, in the order in which it does. */
export interface GuardedValue {
  readonly value: PlanValue;
  /** Of selectors of which it sees nothing else: a hit is a reason to examine the call. */
  readonly alone: readonly GuardTest[];
  /** Of selectors that have a second test: a hit is a reason to look at the second tests. */
  readonly first: readonly GuardTest[];
  readonly second: readonly GuardTest[];
}

/**
 * Of every selector the two cheapest tests over what is visible before anything is claimed, by value in the order of
 * cost: a selector can only match when both hit. Undefined when some selector has no such test.
 */
export function guardTests(hook: HookCode): readonly GuardedValue[] | undefined {
  const { plan } = hook;
  const byValue = new Map(plan.values.map((value) => [value.id, emptyTests(value)]));
  for (const { selectors } of plan.specs) {
    for (const selector of selectors) {
      const [first, second] = cheapestTests(hook, selector, byValue);
      if (first === undefined) return undefined;
      const tests = byValue.get(first.test.value)!;
      if (second === undefined) {
        tests.alone.push(first);
      } else {
        tests.first.push(first);
        byValue.get(second.test.value)!.second.push(second);
      }
    }
  }
  return [...byValue.values()].filter(({ alone, first, second }) => alone.length + first.length + second.length > 0);
}

interface MutableTests extends GuardedValue {
  readonly alone: GuardTest[];
  readonly first: GuardTest[];
  readonly second: GuardTest[];
}

function emptyTests(value: PlanValue): MutableTests {
  return { value, alone: [], first: [], second: [] };
}

/** Those that name values rule out more than those that name all others. */
function cheapestTests(
  hook: HookCode,
  selector: PlanSelector,
  values: ReadonlyMap<number, { readonly value: PlanValue }>,
): GuardTest[] {
  const order = ({ test }: GuardTest) => (test.negate ? 1_000_000 : 0) + values.get(test.value)!.value.cost;
  return selector.tests
    .flatMap((test) => guardTest(hook, test, values.get(test.value)!.value) ?? [])
    .sort((left, right) => order(left) - order(right));
}

function guardTest(hook: HookCode, test: PlanTest, value: PlanValue): GuardTest | undefined {
  const { component, match, negate } = test;
  if (value.source.kind === 'binary') return negate ? undefined : { component, match, test };
  if (value.slot < 0) {
    if (!negate) return { component, match, test };
    return match.kind === 'ranges'
      ? { component, match: { ...match, ranges: others(match.ranges, isSigned(value)) }, test }
      : undefined;
  }
  const side = pieceOf(hook, value)?.side;
  return side !== undefined && !negate && hasPiece(test, side) ? { component, match, test } : undefined;
}

const greatest = (1n << 64n) - 1n;

/** All numbers of 64 bits that are in none of the ranges. */
function others(ranges: readonly Range[], signed: boolean): Range[] {
  const gaps: Range[] = [];
  let start = signed ? -(1n << 63n) : 0n;
  for (const { min, max } of ranges.toSorted((left, right) => (left.min < right.min ? -1 : 1))) {
    if (min > start) gaps.push({ min: start, max: min - 1n });
    if (max >= start) start = max + 1n;
  }
  if (start <= greatest) gaps.push({ min: start, max: greatest });
  return gaps;
}

/** Where the piece of a value that a guard looks at comes from; undefined when it would need the whole value. */
export function pieceOf(hook: HookCode, value: PlanValue): { side: 'start' | 'end'; reader: string } | undefined {
  if (hook.given || value.source.kind === 'field') return undefined;
  const access = accessTo(hook, value);
  switch (value.type) {
    case 'string':
      return { side: 'start', reader: 'start_of_string' };
    case 'file':
    case 'path':
      return { side: 'end', reader: `tail_of_${access}_${value.type}` };
    case 'linux_binprm':
      return { side: 'end', reader: `tail_of_${access}_binprm` };
    default:
      return undefined;
  }
}

function hasPiece({ component, match }: PlanTest, side: 'start' | 'end'): boolean {
  if (component !== 'self' || match.kind !== 'strings') return false;
  if (side === 'start') return match.match !== 'postfix';
  /* The path of the root has no last component. */
  return match.match !== 'prefix' && match.values.every((text) => lastComponent(text).length > 0);
}

export function lastComponent(text: Uint8Array): Uint8Array {
  return text.subarray(text.lastIndexOf(0x2f) + 1);
}
