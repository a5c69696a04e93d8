import { afterEach, expect, test } from 'vitest';
import type { EventPlan } from '../events/event-plan.ts';
import { hookOf, selectorOf } from '../events/test-plan.ts';
import { bpffsPath, listPins, removePins } from '../kernel/pins.ts';
import { KeptPlans } from './kept-plans.ts';

const isRoot = process.geteuid?.() === 0;
if (!isRoot) console.warn('skipped: plans of earlier agents: needs root');
const folder = isRoot ? bpffsPath(`jatai-plans-${process.pid}`) : '';

afterEach(() => {
  if (isRoot) removePins(folder);
});

function planOf(planId: number, message: string): EventPlan {
  return {
    planId,
    values: [{ type: 'string' }],
    selectors: [
      selectorOf(
        hookOf({
          policyName: 'watch',
          functionName: '__x64_sys_openat',
          args: [{ value: 0, type: 'string', spelledType: 'string', label: '' }],
          message,
          tags: ['observability'],
        }),
      ),
    ],
  };
}

test.skipIf(!isRoot)('a plan of any length is what another agent reads', () => {
  const plans = new KeptPlans(() => folder);
  expect(plans.load()).toEqual(new Map());
  const kept = [planOf(3, 'short'), planOf(12, 'long'.repeat(50_000))].map((events, index) => ({
    key: `kprobe:f${index}`,
    hookId: index + 1,
    events,
  }));
  for (const plan of kept) plans.save(plan);
  expect(new KeptPlans(() => folder).load()).toEqual(
    new Map([
      [3, kept[0]],
      [12, kept[1]],
    ]),
  );
});

test.skipIf(!isRoot)('of many plans that are replaced only the last ones stay', () => {
  const plans = new KeptPlans(() => folder);
  for (let planId = 1; planId <= 100; planId++) {
    plans.save({ key: 'kprobe:f', hookId: 1, events: planOf(planId, '') });
    plans.retire(planId);
  }
  expect(
    listPins(folder)
      .map(Number)
      .sort((left, right) => left - right),
  ).toEqual(Array.from({ length: 64 }, (_, index) => index + 37));
});
