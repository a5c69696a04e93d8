import { expect, test } from 'vitest';
import { compileRegex } from './linear-regex.ts';

const cases: readonly [pattern: string, matching: readonly string[], other: readonly string[]][] = [
  ['^/usr/bin/(curl|wget)$', ['/usr/bin/curl', '/usr/bin/wget'], ['/usr/bin/curl2', '/bin/curl']],
  ['curl', ['/usr/bin/curl', 'curling'], ['wget']],
  ['(?i)CURL$', ['/usr/bin/curl', 'cURL'], ['curls']],
  ['a(?i:b)c', ['abc', 'aBc'], ['Abc', 'abC']],
  ['(?i)[a-c]x[^d]', ['Bxe', 'cXZ'], ['dxe', 'bxD']],
  ['(?P<name>ab)+$', ['abab'], ['aba']],
  ['\\Aab\\z', ['ab'], ['ab\n', ' ab']],
  ['\\Qa.b\\E+', ['a.b', 'a.bbb'], ['axb']],
  ['^[[:alpha:]_-]+[[:^digit:]]$', ['ab_-x'], ['ab1', 'a']],
  ['^\\x41\\x{42}\\103$', ['ABC'], ['abc']],
  ['^a.b$', ['a b', 'a\rb'], ['a\nb']],
  ['(?s)^a.b$', ['a\nb'], ['a\n\nb']],
  ['^\\s$', [' ', '\t'], ['\u00a0', '\v']],
  ['x{2}y{,3}', ['xxy{,3}'], ['xxyyy']],
  ['--(?:password|token)[= ](\\S+)', ['--password=a', '--token b'], ['--password']],
  ['^[]a]+$', [']a]'], ['b']],
  ['é', ['café'], ['cafe']],
  ['😀', ['a😀'], ['a']],
];

for (const [pattern, matching, other] of cases) {
  test(`${pattern} matches what RE2 matches`, () => {
    const regex = compileRegex(pattern);
    for (const text of matching) expect([text, regex.test(text)]).toEqual([text, true]);
    for (const text of other) expect([text, regex.test(text)]).toEqual([text, false]);
  });
}

test('what RE2 has not, or V8 cannot do in linear time, is refused', () => {
  const message = (pattern: string): string => {
    try {
      compileRegex(pattern);
      return 'accepted';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(message('(?=a)')).toBe('(?=a is not supported');
  expect(message('(a)\\1')).toBe('\\1 is not supported');
  expect(message('(?m)^a')).toBe('the flag (?m) is not supported');
  expect(message('\\pL')).toBe('\\p is not supported');
  expect(message('a(')).toBe('a parenthesis is not closed');
  expect(message('a)')).toBe('a closing parenthesis has no opening one');
  expect(message('[a')).toBe('it ends too early');
  expect(message('[b-a]')).toBe('a range of characters ends before it begins');
  expect(message('a**')).toBe('Nothing to repeat');
  expect(message('a{1001}')).toBe('a repetition of more than 1000 is not supported');
  expect(message('[[:word]]')).toBe('accepted');
  expect(message('[[:nope:]]')).toBe('[:nope:] is not a class');
});

test('a text made to be slow is not', () => {
  const hostile = `${'a'.repeat(50_000)}b`;
  for (const pattern of ['^(a|a)*$', '^(a+)+$', '(?i)^(a|A)*$', '^(?:[a-z]+)+x$']) {
    expect(compileRegex(pattern).test(hostile)).toBe(false);
  }
});

test('groups keep their places', () => {
  expect(compileRegex('--(user|pass)=(\\S*)').exec('x --pass=secret')?.slice(1)).toEqual(['pass', 'secret']);
});
