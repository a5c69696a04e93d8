import { expect, test } from 'vitest';
import { BoundedSeries } from './series.ts';

test('series are bounded in two steps, and the sum stays right', () => {
  const series = new BoundedSeries(100, 'binary');
  for (let policy = 0; policy < 200; policy++)
    for (let binary = 0; binary < 10; binary++)
      series.series({ policy: `p${policy}`, binary: `/bin/${binary}` }).value++;
  const counts = [...series];
  expect(counts).toHaveLength(151);
  expect(counts.reduce((sum, { value }) => sum + value, 0)).toBe(2000);
  expect(counts[100]).toEqual({ labels: { policy: 'p10', binary: '(other)' }, value: 10 });
  expect(counts[150]).toEqual({ labels: { policy: '(other)', binary: '(other)' }, value: 1400 });
});
