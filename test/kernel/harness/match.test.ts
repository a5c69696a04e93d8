import { expect, test } from 'vitest';
import type { AgentEvent } from './event-log.ts';
import { allowed, findMismatches, matches, once, times } from './match.ts';

test.each([
  ['part of an object', { a: 1, b: { c: 'x', d: 2 } }, { b: { c: 'x' } }, true],
  ['another value', { a: 1 }, { a: 2 }, false],
  ['a missing member', { a: 1 }, { b: 1 }, false],
  ['a member that must be missing', { a: 1 }, { b: undefined }, true],
  ['a member that is there and must not be', { b: 1 }, { b: undefined }, false],
  ['an expression', { a: 'one two' }, { a: /^one/ }, true],
  ['an expression on a number', { a: 1 }, { a: /1/ }, false],
  ['a function', { a: 7 }, { a: (value: number) => value > 5 }, true],
  ['an array, element by element', [{ a: 1, b: 2 }, 'x'], [{ a: 1 }, 'x'], true],
  ['a longer array', [1, 2], [1], false],
  ['an object where a text is', 'text', { length: 4 }, false],
])('matches: %s', (_title, value, pattern, expected) => {
  expect(matches(value, pattern)).toBe(expected);
});

function event(policy: string, argument: number, pid = 1): AgentEvent {
  const body = { process: { exec_id: '', pid }, policy_name: policy, args: [{ int_arg: argument }] };
  return { process_kprobe: body, node_name: '', time: '' };
}

const pattern = (argument: number) => ({ process_kprobe: { args: [{ int_arg: argument }] } });
const mine = new Set(['mine']);

test('findMismatches is content with what was expected, as often as expected', () => {
  const events = [event('mine', 1), event('mine', 2), event('mine', 2), event('other', 3)];
  expect(findMismatches(events, [once(pattern(1)), times(2, pattern(2))], [], mine)).toEqual([]);
});

test('findMismatches reports what is missing and what came too often', () => {
  const found = findMismatches([event('mine', 2), event('mine', 2)], [once(pattern(1)), once(pattern(2))], [], mine);
  expect(found).toHaveLength(2);
  expect(found[0]).toContain('expected 1 times, found 0 times');
  expect(found[1]).toContain('expected 1 times, found 2 times');
});

test('findMismatches reports events of the policies that nothing expects, but not our own', () => {
  const found = findMismatches([event('mine', 9), event('mine', 8, process.pid)], [], [], mine);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain('not expected');
});

test('findMismatches reports what must not come, and lets pass what may come', () => {
  expect(findMismatches([event('mine', 1)], [allowed(pattern(1))], [], mine)).toEqual([]);
  expect(findMismatches([event('other', 1)], [], [allowed(pattern(1))], mine)[0]).toContain('must not come');
});
