import { expect, test } from 'vitest';
import { suggest } from './suggest.ts';

test('suggest finds the word that was meant', () => {
  const known = ['Equal', 'NotEqual', 'Prefix', 'Postfix', 'message', 'matchArgs', 'matchPIDs'];
  const expected: Record<string, string> = {
    Equals: 'Equal',
    equal: 'Equal',
    Perfix: 'Prefix',
    mesage: 'message',
    matchArg: 'matchArgs',
    matchpid: 'matchPIDs',
  };
  for (const [word, meant] of Object.entries(expected)) expect(suggest(word, known)).toBe(`Did you mean "${meant}"?`);
});

test('suggest is silent when nothing is near', () => {
  for (const word of ['', 'x', 'selectors', 'q'.repeat(5000)]) expect(suggest(word, ['Equal', 'message'])).toBe('');
});
