import { expect, test } from 'vitest';
import { parseCgroupRate } from './cgroup-rate.ts';

test.each([
  ['10,1s', { events: 10, intervalMs: 1000 }],
  ['1000,500ms', { events: 1000, intervalMs: 500 }],
  ['100,1m', { events: 100, intervalMs: 60_000 }],
  ['1000000,1h', { events: 1_000_000, intervalMs: 3_600_000 }],
  ['0,1s', undefined],
  ['10', undefined],
  ['10,1', undefined],
  ['10,0s', undefined],
  ['10,2h', undefined],
  ['1000001,1s', undefined],
  ['-1,1s', undefined],
  ['', undefined],
])('parseCgroupRate: "%s"', (text, expected) => {
  expect(parseCgroupRate(text)).toEqual(expected);
});
