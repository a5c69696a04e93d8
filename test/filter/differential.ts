import type { HookPlan } from '../../src/compiler/hook-plan.ts';
import { isSameOutcome, ReferenceFilter } from './expected-outcome.ts';
import type { FilterHost, Tamper } from './filter-host.ts';
import { InputMemory } from './input-memory.ts';
import type { LoadedFilter, Outcome } from './loaded-filter.ts';
import { describeMismatch, shrinkMismatch } from './mismatch.ts';
import { randomParameters, type TestParameter } from './parameters.ts';
import { randomPools } from './pools.ts';
import { Random } from './random.ts';
import { InputGenerator, type TestInput } from './random-inputs.ts';
import { type PolicySource, randomPlan } from './random-policies.ts';
import type { PlanSketch } from './sketch.ts';
import { planSketch } from './test-plan.ts';
import type { TestProcess } from './test-process.ts';

/** Breaks a plan or its instructions before they are loaded; the expectations stay those of the unbroken one. */
export interface Sabotage {
  readonly name: string;
  /** Undefined when this plan has nothing of the kind. */
  readonly breakPlan?: (plan: HookPlan, random: Random) => HookPlan | undefined;
  readonly breakCode?: (random: Random) => Tamper;
}

export interface DifferentialOptions {
  readonly seed: number;
  /** Calls in all. */
  readonly cases: number;
  readonly sabotage?: Sabotage;
}

export interface DifferentialResult {
  readonly cases: number;
  readonly plans: number;
  /** Calls that matched at least one selector that reports. */
  readonly matched: number;
  /** Calls that were refused. */
  readonly refused: number;
  /** Selectors that matched in at least one call, and all. */
  readonly selectorsHit: number;
  readonly selectors: number;
  /** Undefined when compiled filters and reference evaluator agreed on all. */
  readonly mismatch: Mismatch | undefined;
}

/** A call on which the two do not agree, or a plan that the kernel refuses. */
export interface Mismatch {
  readonly seed: number;
  readonly sketch: PlanSketch;
  readonly input: TestInput | undefined;
  readonly expected: Outcome | undefined;
  readonly got: Outcome | string;
}

const casesPerPlan = 500;

/** Random policies on random calls, compiled filter against reference evaluator; ends at the first disagreement. */
export function runDifferential(host: FilterHost, process: TestProcess, options: DifferentialOptions): DifferentialResult {
  const total = { cases: 0, plans: 0, matched: 0, refused: 0, selectorsHit: 0, selectors: 0 };
  while (total.cases < options.cases) {
    const seed = (options.seed + total.plans) >>> 0;
    const random = new Random(seed);
    const source: PolicySource = { random, parameters: randomParameters(random), pools: randomPools(random), process };
    const trial = new Trial(host, source, seed, options.sabotage);
    const mismatch = trial.run(Math.min(casesPerPlan, options.cases - total.cases), total);
    total.plans++;
    if (mismatch !== undefined) return { ...total, mismatch };
  }
  return { ...total, mismatch: undefined };
}

interface Counts {
  cases: number;
  matched: number;
  refused: number;
  selectorsHit: number;
  selectors: number;
}
