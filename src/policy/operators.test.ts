import { expect, test } from 'vitest';
import { argumentTypes } from './argument-types.ts';
import { operatorOf, operatorSpellings, operatorsFor } from './operators.ts';

test('operatorOf knows the spellings of the language', () => {
  const spellings = { eq: 'Equal', GT: 'GreaterThan', lt: 'LessThan', NotSportPriv: 'NotSPortPriv', Saddr: 'SAddr' };
  for (const [spelling, operator] of Object.entries(spellings)) expect(operatorOf(spelling)).toBe(operator);
  expect(operatorOf('Equals')).toBeUndefined();
  expect(operatorOf('equal')).toBeUndefined();
  for (const spelling of operatorSpellings) expect(operatorOf(spelling)).toBeDefined();
});

test('operatorsFor lists what a type can be filtered with', () => {
  expect(operatorsFor('fd')).toEqual(['Equal', 'NotEqual', 'Prefix', 'NotPrefix', 'Postfix', 'NotPostfix']);
  expect(operatorsFor('nop')).toEqual([]);
  expect(operatorsFor('sockaddr')).toEqual([
    'SAddr',
    'NotSAddr',
    'SPort',
    'NotSPort',
    'SPortPriv',
    'NotSPortPriv',
    'Family',
  ]);
  for (const type of argumentTypes.values()) if (type !== 'auto') operatorsFor(type);
});
