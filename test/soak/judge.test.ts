import { expect, it } from 'vitest';
import { judge, type Sample } from './judge.ts';

function samples(residentKb: (second: number) => number): Sample[] {
  return Array.from({ length: 36 }, (_, index) => index * 10).map((second) => ({
    second,
    residentKb: residentKb(second),
    kernelKb: 1000,
    descriptors: 50,
  }));
}

const steady = samples((second) => 80_000 + (second % 50));
const counts = { opens: 1000, programs: 10 };

it('accepts what is reported in full, or counted as lost', () => {
  expect(judge({ samples: steady, updates: 3, expected: counts, reported: counts, log: '' }).passed).toBe(true);
  const log =
    'reloaded: 1 policies\n{"level":40,"lost":{"RING_FULL_HOOK":4}}\n{"level":40,"lost":{"RING_FULL_HOOK":3}}\n';
  const { passed, losses } = judge({
    samples: steady,
    updates: 3,
    expected: counts,
    reported: { ...counts, opens: 993 },
    log,
  });
  expect({ passed, losses }).toEqual({ passed: true, losses: { RING_FULL_HOOK: 7 } });
});

it.each([
  ['an event is missing without a count', steady, { ...counts, opens: 999 }],
  ['an event is reported twice', steady, { ...counts, opens: 1001 }],
  ['memory grows', samples((second) => 80_000 + 100 * second), counts],
])('refuses when %s', (_, taken, reported) => {
  expect(judge({ samples: taken, updates: 3, expected: counts, reported, log: '' }).passed).toBe(false);
});
