import { expect, test } from 'vitest';
import { runDifferential } from './differential.ts';
import { printMismatch, shrinkMismatch } from './mismatch.ts';
import { sabotages } from './sabotage.ts';
import { setUp } from './setup.ts';

/** FILTER_CASES=500000 is the long run; FILTER_SEED=N other policies and calls. */
const cases = Number(process.env['FILTER_CASES'] ?? 30_000);
const seed = Number(process.env['FILTER_SEED'] ?? 1);
const timeout = 120_000 + cases * 2;

test('compiled filters and reference evaluator agree on random policies and calls', { timeout }, (context) => {
  using setup = setUp(context);
  const { mismatch, ...counts } = runDifferential(setup.host, setup.process, { seed, cases });
  if (mismatch !== undefined) throw new Error(printMismatch(shrinkMismatch(setup.host, mismatch)));
  console.log(`seed ${seed}: ${JSON.stringify(counts)}`);
  expect(counts.cases).toBe(cases);
  expect(counts.matched).toBeGreaterThan(cases / 2);
  expect(counts.matched).toBeLessThan(cases);
  expect(counts.refused).toBeGreaterThan(cases / 10);
  expect(counts.selectorsHit).toBeGreaterThan(counts.selectors / 2);
  for (const counter of ['FRAME_EXHAUSTED', 'RECORD_OVERFLOW', 'RING_FULL_HOOK'] as const) {
    expect([counter, setup.host.counter(counter)]).toEqual([counter, 0]);
  }
});

test.for(sabotages)('a broken filter is caught: $name', { timeout: 120_000 }, ({ apply }, context) => {
  using setup = setUp(context);
  const { mismatch } = runDifferential(setup.host, setup.process, {
    seed,
    cases: 20_000,
    casesPerPlan: 200,
    sabotage: apply,
  });
  expect(mismatch?.problem).toMatch(/^expected .*, got /);
});
