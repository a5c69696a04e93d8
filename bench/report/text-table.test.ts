import { expect, test } from 'vitest';
import { measured, row } from './test-rows.ts';
import { textTable } from './text-table.ts';

test('textTable shows what is added to a call beside the call, Tetragon and the target', () => {
  const rows = [row('a', { target: 400, tetragon: { value: 9313 } })];
  expect(textTable(rows, [measured('a', 366.4, 7824)]).split('\n')).toEqual([
    'scenario    without agent  Tetragon  peer   target  jatai  met?',
    '',
    'calls:',
    'title of a          7,824    +9,313        <= +400   +366   yes',
    '',
  ]);
});

test('textTable leaves out rows without a result, and tells below the table why one failed', () => {
  const rows = [row('a'), row('b', { target: 1 })];
  const table = textTable(rows, [{ id: 'b', status: 'failed', reason: 'the agent ended' }]);
  expect(table).not.toContain('title of a');
  expect(table).toMatch(/^title of b.* failed +no$/m);
  expect(table).toMatch(/^failed: b: the agent ended$/m);
});

test('textTable shows beside a peer what jatai takes for the same', () => {
  const rows = [row('a'), row('b', { subject: 'bpftrace', counterpart: 'a' })];
  const table = textTable(rows, [measured('a', 366, 7824), measured('b', 737, 7824)]);
  expect(table).toMatch(/^title of b +7,824 +\+737 +\+366$/m);
});

test('textTable tells below the table why a peer cannot run', () => {
  const rows = [row('a', { subject: 'auditd' })];
  const table = textTable(rows, [{ id: 'a', status: 'impossible', reason: 'auditctl: no audit in this kernel' }]);
  expect(table).toMatch(/^title of a +cannot$/m);
  expect(table).toMatch(/^impossible: a: auditctl: no audit in this kernel$/m);
});

test.each([
  ['seconds', 1.234, '1.23 s'],
  ['microseconds', 1234.5, '1,235 us'],
  ['megabytes', 79.6, '80 MB'],
  ['kilobytes', 1.234, '1.23 KB'],
  ['events lost', 0, '0 lost'],
  ['instructions', 8123.4, '8,123'],
] as const)('textTable shows %s', (unit, value, expected) => {
  expect(textTable([row('a', { unit })], [measured('a', value)])).toContain(` ${expected}`);
});
