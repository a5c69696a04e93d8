import { describe, expect, test } from 'vitest';
import { parseFilterList } from './filter-json.ts';
import { compileRedaction } from './redaction.ts';

function redact(filters: string, binary: string, text: string): string {
  return compileRedaction(parseFilterList('--redaction-filters', filters))!(binary, text);
}

describe('redaction', () => {
  const password = '{"redact":["--password(?:\\\\s+|=)(\\\\S*)"]}';
  const cases: readonly [filters: string, binary: string, text: string, expected: string][] = [
    [password, '/bin/x', '--verbose --password=abc d', '--verbose --password=***** d'],
    [password, '/bin/x', '--password abc --password def', '--password ***** --password *****'],
    [password, '/bin/x', '--passwort abc', '--passwort abc'],
    ['{"redact":["(?i)(secret)-\\\\d+ (\\\\w+)"]}', '/bin/x', 'a Secret-1 word', 'a *****-1 *****'],
    ['{"redact":["key=((a)b)"]}', '/bin/x', 'key=ab', 'key=*****'],
    ['{"redact":["(a)|(b)"]}', '/bin/x', 'xaybz', 'x*****y*****z'],
    ['{"redact":["-p(\\\\S+)"],"binary_regex":["/mysql$"]}', '/usr/bin/mysql', '-psecret', '-p*****'],
    ['{"redact":["-p(\\\\S+)"],"binaryRegex":["/mysql$"]}', '/usr/bin/psql', '-psecret', '-psecret'],
    ['{"redact":["a(b)"]} {"redact":["a(\\\\*+)c"]}', '/bin/x', 'abc', 'a*****c'],
    ['{"redact":["--(?:password|user) (\\\\S+)"]}', '/bin/x', '--password pass', '--*****word *****'],
  ];
  for (const [filters, binary, text, expected] of cases) {
    test(`${filters} of ${binary} ${text}`, () => expect(redact(filters, binary, text)).toBe(expected));
  }

  test('no text makes it slow', () => {
    const hostile = `${'a'.repeat(20_000)}b`;
    expect(redact('{"redact":["^((?:a|a)*)$"]}', '/bin/x', hostile)).toBe(hostile);
  });

  test('what redacts nothing is refused', () => {
    expect(() => redact('{"redact":["secret"]}', '', '')).toThrow(
      '--redaction-filters: filter 1 (character 1): field "redact", value 1: it has no group in parentheses, so it redacts nothing',
    );
    expect(() => redact('{"redact":["(?:secret)"]}', '', '')).toThrow('has no group');
    for (const pattern of [
      '(?:password=(\\S+)|user=\\S+|\\s)+',
      '(?:-p (\\S+) ?)*',
      '-p(\\w)+',
      '((a){2})',
      '(?:x(a)){1,2}',
      '(?:(?:(a))?b){2,}',
    ])
      expect(() => redact(JSON.stringify({ redact: [pattern] }), '', ''), pattern).toThrow(
        'a group in parentheses is repeated, and hides only what it catches last',
      );
    for (const pattern of ['(?:=(\\S+))?', '(a+)', '(?:x(a)){1}', '(?:x(a)){0,1}', '\\((a)\\)+', '[(](a)[)]+'])
      expect(() => redact(JSON.stringify({ redact: [pattern] }), '', ''), pattern).not.toThrow();
    expect(() => redact('{"binary_regex":["x"]}', '', '')).toThrow('field "redact" is missing');
    expect(() => redact('{"match":[{}],"redact":["(a)"]}', '', '')).toThrow('field "match" is of older versions');
  });
});
