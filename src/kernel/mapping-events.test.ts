import { expect, test } from 'vitest';
import { parseCpuList } from './mapping-events.ts';

test.each([
  ['0', [0]],
  ['0-3', [0, 1, 2, 3]],
  ['0-1,4,6-7', [0, 1, 4, 6, 7]],
])('CPUs %s', (text, expected) => {
  expect(parseCpuList(text)).toEqual(expected);
});
