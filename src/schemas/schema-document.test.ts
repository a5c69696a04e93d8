import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { activities, callRows } from './activities.ts';
import { schemaDocument } from './schema-document.ts';

test('docs/schemas.md is what the tables say (node scripts/generate-schema-docs.ts)', () => {
  const introduction = readFileSync(new URL('schemas-introduction.md', import.meta.url), 'utf8');
  const committed = readFileSync(new URL('../../docs/schemas.md', import.meta.url), 'utf8');
  expect(committed).toBe(schemaDocument(introduction));
});

test('a call is in one row only, and an activity has one row at most', () => {
  const calls = callRows.flatMap(({ syscalls, lsm, functions, tracepoints }) =>
    [syscalls, lsm, functions, tracepoints].flatMap(
      (names, kind) => names?.split(' ').map((name) => `${kind} ${name}`) ?? [],
    ),
  );
  expect(calls.filter((call, index) => calls.indexOf(call) !== index)).toEqual([]);
  expect(new Set(callRows.map(({ activity }) => activity)).size).toBe(callRows.length);
  expect(callRows.length).toBeLessThan(Object.keys(activities).length);
});
