import type { HookPlan } from '../../src/compiler/hook-plan.ts';
import { type Broken, Comparison, type Trial } from './comparison.ts';
import type { FilterHost } from './filter-host.ts';
import { describeDisagreement, type Mismatch } from './mismatch.ts';
import { randomParameters } from './parameters.ts';
import { randomPools } from './pools.ts';
import { Random } from './random.ts';
import { InputGenerator, withoutUnreadPorts } from './random-inputs.ts';
import { type PolicySource, randomPlan } from './random-policies.ts';
import type { TestProcess } from './test-process.ts';

export interface DifferentialOptions {
  readonly seed: number;
  /** Calls in all. */
  readonly cases: number;
  /** Calls on each plan; loading one takes as long as a thousand of them, which is the default. */
  readonly casesPerPlan?: number;
  /** Breaks each plan before it is loaded; undefined leaves a plan whole that has nothing of the kind. */
  readonly sabotage?: (plan: HookPlan, random: Random) => Broken | undefined;
}

export interface DifferentialResult {
  readonly cases: number;
  readonly plans: number;
  /** Calls of which a record was sent. */
  readonly matched: number;
  /** Calls that were refused. */
  readonly refused: number;
  readonly selectors: number;
  /** Selectors that matched at least once. */
  readonly selectorsHit: number;
  /** Where the two first disagreed; undefined when they never did. */
  readonly mismatch: Mismatch | undefined;
}

/** Random policies on random calls: compiled filter against reference evaluator, up to the first disagreement. */
export function runDifferential(
  host: FilterHost,
  process: TestProcess,
  options: DifferentialOptions,
): DifferentialResult {
  const counts = { cases: 0, plans: 0, matched: 0, refused: 0, selectors: 0, selectorsHit: 0 };
  while (counts.cases < options.cases) {
    const cases = Math.min(options.casesPerPlan ?? 1000, options.cases - counts.cases);
    const mismatch = runPlan(host, process, { ...options, seed: (options.seed + counts.plans) >>> 0, cases }, counts);
    counts.plans++;
    if (mismatch !== undefined) return { ...counts, mismatch };
  }
  return { ...counts, mismatch: undefined };
}

interface Counts {
  cases: number;
  matched: number;
  refused: number;
  selectors: number;
  selectorsHit: number;
}

function runPlan(
  host: FilterHost,
  process: TestProcess,
  options: DifferentialOptions,
  counts: Counts,
): Mismatch | undefined {
  const { seed, cases, sabotage } = options;
  const random = new Random(seed);
  const given = random.chance(75);
  const source: PolicySource = {
    random,
    parameters: randomParameters(random, given),
    pools: randomPools(random),
    process,
  };
  const sketch = randomPlan(source);
  /* Programs of usual size are in one piece: divide some to see that it makes no difference. */
  const trial: Trial = {
    parameters: source.parameters,
    sketch,
    process,
    given,
    ...(random.chance(25) && { longestPart: 600 }),
  };
  const breakIt = sabotage && ((plan: HookPlan): Broken => sabotage(plan, random) ?? {});
  let comparison: Comparison;
  try {
    comparison = new Comparison(host, trial, breakIt);
  } catch (error) {
    /* The kernel may well refuse what was broken on purpose. */
    if (sabotage !== undefined) return undefined;
    return { seed, trial, input: undefined, problem: String(error) };
  }
  const inputs = new InputGenerator(source, sketch);
  const hit = new Set<number>();
  try {
    for (let count = 0; count < cases; count++) {
      const input = given ? inputs.next() : withoutUnreadPorts(inputs.next());
      const { expected, got, agree } = comparison.run(input);
      counts.cases++;
      if (!agree) return { seed, trial, input, problem: describeDisagreement(expected, got) };
      if (got.matches !== undefined) counts.matched++;
      if (expected.returnValue !== 0) counts.refused++;
      for (const bit of got.matches ?? []) hit.add(bit);
    }
  } finally {
    comparison.close();
    counts.selectors += comparison.plan.selectorCount;
    counts.selectorsHit += hit.size;
  }
  const dirty = host.dirtyFrames();
  if (dirty.length > 0)
    return { seed, trial, input: undefined, problem: `frames are left with ${dirty.join(', ')} set` };
  return undefined;
}
