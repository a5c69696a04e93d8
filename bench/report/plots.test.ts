import { expect, test } from 'vitest';
import { eventKindPlot } from './event-kind-plot.ts';
import { policyPlot } from './policy-plot.ts';
import { logScale } from './svg.ts';
import { measured, row } from './test-rows.ts';

test('logScale puts equal factors at equal distances and nothing before its start', () => {
  const scale = logScale(1, 100, 0, 200);
  expect([1, 10, 100, 0.1].map(scale)).toEqual([0, 100, 200, 0]);
});

test('policyPlot draws a mark for each measured point and one line for each series that has any', () => {
  const picture = policyPlot([measured('curve.one-hook.1', 1603), measured('curve.one-hook.10', 1603)], '6.12');
  expect(picture).toContain('<title>jatai, one hook, 10: +1,603</title>');
  /* Ours, and the published one. */
  expect(picture.match(/class="line"/g)).toHaveLength(2);
  expect(picture).not.toContain('auditd, folder rules');
});

test('eventKindPlot draws a pair of bars for each kind that was measured', () => {
  const rows = [
    row('refused.read', { tetragon: { value: 10_000 } }),
    row('refused.binary', { tetragon: { value: 1 } }),
  ];
  const picture = eventKindPlot(rows, [measured('refused.read', 192)], '6.12');
  expect(picture).toContain('<title>read, file and int refused: 192</title>');
  expect(picture).toContain('<title>read, file and int refused: 10,000</title>');
  expect(picture).not.toContain('binary');
});
