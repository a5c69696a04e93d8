import { expect, test } from 'vitest';
import { check, policyHead } from './check-harness.ts';
import { maxPolicyLength, parsePolicies } from './parse.ts';

const good = `${policyHead('example').join('\n')}\nspec:\n  lsmhooks:\n  - hook: file_open\n`;

test('an empty file is an error', () => {
  const expected = ['1:1 error empty-file: The file holds no policy'];
  for (const text of ['', '\n\n', '# only a comment\n', '---\n---\n', 'null\n', '\uFEFF']) check(text, expected);
});

test('documents that are no map', () => {
  check('- a\n- b\n', ['1:1 error not-a-map: A policy is a map, this document is a list']);
  check('\nsome words\n', ['2:1 error not-a-map: A policy is a map, this document is a single value']);
});

test('a byte order mark and Windows line ends change no position', () => {
  const text = `\uFEFF${good.replace('hook:', 'hok:').replaceAll('\n', '\r\n')}`;
  check(text, ['7:5 error unknown-field: Unknown field "hok" in an item of "lsmhooks"']);
  check(`\uFEFFkind: TracingPolicy\r\n`, [
    '1:1 error missing-field: The policy lacks the field "apiVersion"',
    '1:1 error missing-field: The policy lacks the field "metadata"',
    '1:1 error missing-field: The policy lacks the field "spec"',
  ]);
});

test('duplicate keys are errors, and the rest is still checked', () => {
  check(`${good}    hook: file_lock\n    mesage: hello\n`, [
    '8:5 error duplicate-key: The key "hook" appears twice in this map; it is on line 7 already',
    '9:5 error unknown-field: Unknown field "mesage" in an item of "lsmhooks"',
  ]);
});

test('syntax errors', () => {
  check(`${good}\t- hook: file_lock\n`, ['8:1 error yaml-syntax: Tabs are not allowed as indentation']);
  check('kind: "TracingPolicy\n', ['2:1 error yaml-syntax: Missing closing "quote']);
  check('kind: TracingPolicy\n- a\n', ['2:1 error yaml-syntax: Implicit keys need to be on a single line']);
});

test('tags, keys and merges that mean nothing here', () => {
  check(good.replace('file_open', '!secret file_open'), ['7:11 error yaml-tag: Unresolved tag: !secret']);
  check(`${good}    ? [a]\n    : b\n`, ['8:7 error bad-key: The key of a map must be a word']);
  check(`${good}    <<: words\n`, ['8:9 error bad-merge: "<<" merges maps, this is not one']);
});

test('aliases without an anchor, and in a circle', () => {
  check(good.replace('file_open', '*hook'), ['7:11 error unknown-alias: There is no anchor "&hook" before this alias']);
  check('a: &a\n  b: *a\n', ['2:3 error yaml-alias: The document contains itself through an alias']);
});

test('aliases of aliases do not expand without bound', () => {
  const levels = Array.from({ length: 30 }, (_, level) => `l${level + 1}: &l${level + 1} [*l${level}, *l${level}]`);
  const { documents, diagnostics } = parsePolicies(`l0: &l0 [a, b]\n${levels.join('\n')}\n`, 'bomb.yaml');
  expect(documents).toEqual([]);
  expect(diagnostics).toMatchObject([{ code: 'yaml-alias', severity: 'error' }]);
});

test('files that are too long or nested too deeply', () => {
  check(' '.repeat(maxPolicyLength + 1), [
    `1:1 error file-too-large: The file is ${maxPolicyLength + 1} characters long; the bound is ${maxPolicyLength}`,
  ]);
  const { documents, diagnostics } = parsePolicies('['.repeat(100_000), 'deep.yaml');
  expect(documents).toEqual([]);
  expect(diagnostics.every((found) => found.code === 'yaml-syntax')).toBe(true);
  expect(diagnostics.length).toBe(1);
});

test('a redefined anchor means what it meant where the alias stands', () => {
  const { documents } = parsePolicies('a: &x 1\nb: &y [*x]\nc: &x 2\nd: *y\ne: *x\n', 'anchors.yaml');
  const values = documents[0]!.root.entries.map(({ value }) => (value.kind === 'scalar' ? value.text : value.kind));
  expect(values).toEqual(['1', 'list', '2', 'list', '2']);
});
