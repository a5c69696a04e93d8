import { expect, test } from 'vitest';
import type { Row, RowResult } from '../row.ts';
import { compareResults } from './compare.ts';
import { measured, row } from './test-rows.ts';

test.each<{ name: string; rows: Row[]; old: RowResult[]; now: RowResult[]; expected: string[] }>([
  { name: 'equal numbers', rows: [row('a')], old: [measured('a', 366)], now: [measured('a', 366)], expected: [] },
  { name: 'less than 2 %', rows: [row('a')], old: [measured('a', 1000)], now: [measured('a', 1019)], expected: [] },
  {
    name: 'more than 2 %',
    rows: [row('a')],
    old: [measured('a', 1000)],
    now: [measured('a', 1021)],
    expected: ['a: was 1000, is 1021 (+2.1 %)'],
  },
  {
    name: 'less than before is a difference too',
    rows: [row('a')],
    old: [measured('a', 1000)],
    now: [measured('a', 900)],
    expected: ['a: was 1000, is 900 (-10.0 %)'],
  },
  {
    name: 'the call itself changed',
    rows: [row('a')],
    old: [measured('a', 100, 7000)],
    now: [measured('a', 100, 7500)],
    expected: ['a, without an agent: was 7000, is 7500 (+7.1 %)'],
  },
  {
    name: 'noisy rows, less than 15 %',
    rows: [row('a', { noisy: true })],
    old: [measured('a', 100)],
    now: [measured('a', 114)],
    expected: [],
  },
  {
    name: 'noisy rows, more than 15 %',
    rows: [row('a', { noisy: true })],
    old: [measured('a', 100)],
    now: [measured('a', 116)],
    expected: ['a: was 100, is 116 (+16.0 %)'],
  },
  {
    name: 'a row that fails now',
    rows: [row('a')],
    old: [measured('a', 1)],
    now: [{ id: 'a', status: 'failed', reason: 'why' }],
    expected: ['a: was measured, is failed'],
  },
  { name: 'a row that is new', rows: [row('a')], old: [], now: [measured('a', 1)], expected: [] },
])('compareResults: $name', ({ rows, old, now, expected }) => {
  expect(compareResults(rows, old, now)).toEqual(expected);
});
