import type { HookPlan, PlanMatch, PlanSelector, PlanTest } from '../../src/compiler/hook-plan.ts';
import { jumpOperation } from '../../src/ebpf/opcodes.ts';
import type { Broken } from './comparison.ts';
import type { Random } from './random.ts';

/** One way in which a compiler could be wrong, done on purpose to one place of a plan or of its code. */
export interface Sabotage {
  readonly name: string;
  /** Undefined when the plan has no place for it. */
  readonly apply: (plan: HookPlan, random: Random) => Broken | undefined;
}

export const sabotages: readonly Sabotage[] = [
  breakTest(
    'a negation is forgotten',
    (test) => test.negate,
    (test) => {
      test.negate = false;
    },
  ),
  breakTest(
    'a negation is added',
    (test) => !test.negate,
    (test) => {
      test.negate = true;
    },
  ),
  breakMatch('a range ends one too late', 'ranges', (match) => {
    const last = match.ranges.at(-1);
    if (last !== undefined) match.ranges = match.ranges.with(-1, { ...last, max: last.max + 1n });
  }),
  breakMatch('a range starts one too late', 'ranges', (match) => {
    const first = match.ranges[0];
    if (first !== undefined) match.ranges = match.ranges.with(0, { ...first, min: first.min + 1n });
  }),
  breakMatch('the last value is lost', 'ranges', (match) => {
    match.ranges = match.ranges.slice(0, -1);
  }),
  breakMatch('a mask loses its lowest bit', 'mask', (match) => {
    match.mask &= match.mask - 1n;
  }),
  breakMatch('the last byte of a string differs', 'strings', (match, random) => {
    const text = random.pick(match.values);
    if (text.length > 0) text[text.length - 1] = text[text.length - 1]! ^ 1;
  }),
  breakMatch('the first byte of a string is lost', 'strings', (match) => {
    match.values = match.values.map((text) => text.subarray(1));
  }),
  breakMatch('Equal reads as Prefix', 'strings', (match) => {
    match.match = match.match === 'equal' ? 'prefix' : match.match;
  }),
  breakMatch('Postfix reads as Prefix', 'strings', (match) => {
    match.match = match.match === 'postfix' ? 'prefix' : match.match;
  }),
  breakMatch('a network is compared with one bit less', 'networks', (match) => {
    match.networks = match.networks.map((network) => ({
      ...network,
      prefixLength: Math.max(network.prefixLength - 1, 0),
    }));
  }),
  breakSelectors('one of several filters is lost', (selectors) => {
    const selector = selectors.find(({ tests }) => tests.length > 1);
    if (selector !== undefined) selector.tests = selector.tests.filter((test) => test !== selector.index).slice(1);
  }),
  breakSelectors('the second selector is tried before the first', (selectors) => {
    if (selectors.length > 1) selectors.unshift(...selectors.splice(1, 1));
  }),
  breakSelectors('a refusal is forgotten', (selectors) => {
    for (const selector of selectors) selector.consequence = { ...selector.consequence, refusals: 0n };
  }),
  {
    name: 'refusals are in the wrong order',
    apply: (plan) => (plan.errors.length > 1 ? { plan: { ...plan, errors: plan.errors.toReversed() } } : undefined),
  },
  { name: 'a jump goes the other way', apply: (_, random) => ({ tamper: (code) => invertJump(code, random) }) },
  {
    name: 'a compared word differs in one bit',
    apply: (_, random) => ({ tamper: (code) => changeWord(code, random) }),
  },
];

/** Written to in a copy that belongs to the sabotage. */
type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
type WritableMatch<Kind extends PlanMatch['kind']> = Writable<Extract<PlanMatch, { kind: Kind }>>;

function breakTest(
  name: string,
  isPlace: (test: PlanTest) => boolean,
  change: (test: Writable<PlanTest>, random: Random) => void,
): Sabotage {
  return {
    name,
    apply: (plan, random) => {
      const copy = structuredClone(plan);
      const places = copy.specs.flatMap(({ selectors }) => selectors.flatMap(({ tests }) => tests.filter(isPlace)));
      if (places.length === 0) return undefined;
      change(random.pick(places), random);
      return { plan: copy };
    },
  };
}

function breakMatch<Kind extends PlanMatch['kind']>(
  name: string,
  kind: Kind,
  change: (match: WritableMatch<Kind>, random: Random) => void,
): Sabotage {
  return breakTest(
    name,
    ({ match }) => match.kind === kind,
    (test, random) => change(test.match as WritableMatch<Kind>, random),
  );
}

function breakSelectors(name: string, change: (selectors: Writable<PlanSelector>[]) => void): Sabotage {
  return {
    name,
    apply: (plan) => {
      const copy = structuredClone(plan);
      for (const { selectors } of copy.specs) change(selectors as Writable<PlanSelector>[]);
      return { plan: copy };
    },
  };
}

const slotBytes = 8;
const jumpClass = 5;
const loadImmediate64 = 0x18;

const opposites: ReadonlyMap<number, number> = new Map(
  (
    [
      ['eq', 'ne'],
      ['gt', 'le'],
      ['ge', 'lt'],
      ['sgt', 'sle'],
      ['sge', 'slt'],
    ] as const
  ).flatMap(([left, right]) => [
    [jumpOperation[left], jumpOperation[right]],
    [jumpOperation[right], jumpOperation[left]],
  ]),
);

/** Some conditional jump; the kernel refuses the program when it was one that keeps it safe. */
function invertJump(code: Uint8Array, random: Random): void {
  const places = slotsWhere(code, (at) => (code[at]! & 7) === jumpClass && opposites.has(code[at]! & 0xf0));
  const at = random.pick(places);
  code[at] = (code[at]! & 0x0f) | opposites.get(code[at]! & 0xf0)!;
}

/** One of the 64-bit words that texts, addresses and large numbers are compared with. */
function changeWord(code: Uint8Array, random: Random): void {
  const places = slotsWhere(code, (at) => code[at] === loadImmediate64);
  if (places.length === 0) return;
  const at = random.pick(places) + 4;
  code[at] = code[at]! ^ (1 << random.below(8));
}

function slotsWhere(code: Uint8Array, isPlace: (at: number) => boolean): number[] {
  const slots: number[] = [];
  for (let at = 0; at < code.length; at += slotBytes) {
    if (isPlace(at)) slots.push(at);
    if (code[at] === loadImmediate64) at += slotBytes;
  }
  return slots;
}
