import { expect, test } from 'vitest';
import { replaceSection } from './page.ts';
import { mergeResults } from './results.ts';
import { measured } from './test-rows.ts';

test('replaceSection replaces only what stands between the marks', () => {
  const text = 'before\n<!-- a -->\nold\n<!-- /a -->\nafter\n';
  expect(replaceSection(text, 'a', 'new\n')).toBe('before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n');
});

test('replaceSection refuses a page without the section', () => {
  expect(() => replaceSection('text', 'a', 'new')).toThrow('no section between <!-- a --> and <!-- /a -->');
});

test('mergeResults keeps the rows that were not measured again', () => {
  const head = { kernel: '6.12', release: '6.12.0', minutes: 9, cpuMinutes: 5 };
  const old = { ...head, rows: [measured('a', 1), measured('b', 2), measured('d', 5)] };
  const merged = mergeResults(old, { ...head, minutes: 1, rows: [measured('b', 3), measured('c', 4)] });
  expect(merged.minutes).toBe(9);
  expect(merged.rows).toEqual([measured('a', 1), measured('d', 5), measured('b', 3), measured('c', 4)]);
});
