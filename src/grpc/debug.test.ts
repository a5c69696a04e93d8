import { expect, test } from 'vitest';
import { shorten } from './debug.ts';

test('a dump has the beginning of long arguments', () => {
  const usual = { arguments: 'x'.repeat(5000), environment_variables: [{ Key: 'a', Value: 'b' }], binary: '/bin/x' };
  expect(shorten(usual)).toBe(usual);
  const long = { ...usual, arguments: 'x'.repeat(100_000), arguments_list: ['x'.repeat(100_000)] };
  expect(shorten(long)).toEqual({ binary: '/bin/x', arguments: `${'x'.repeat(4096)}...` });
});
