import { expect, test } from 'vitest';
import { checkPolicies } from './check.ts';
import { examplePolicies } from './example-policies.ts';
import { parsePolicies } from './parse.ts';

const seed = 20_261_120;
const cases = 1500;

test(`random changes to good policies give a policy or an error (seed ${seed})`, () => {
  const random = randomSource(seed);
  let accepted = 0;
  for (let count = 0; count < cases; count++) {
    let text = pick(random, examplePolicies);
    for (let changes = 1 + integer(random, 4); changes > 0; changes--) text = pick(random, mutations)(random, text);
    accepted += checkOne(text);
  }
  // Both outcomes must be met often, or the changes are too wild or too tame to show anything.
  expect(accepted).toBeGreaterThan(cases / 20);
  expect(accepted).toBeLessThan(cases * 0.9);
});

/** The number of policies. Fails when a document gave both a policy and an error, or neither. */
function checkOne(text: string): number {
  const { policies, diagnostics } = checkPolicies(text, 'fuzz.yaml');
  const errors = diagnostics.filter((found) => found.severity === 'error');
  for (const { line, column, message } of diagnostics) {
    expect(line, text).toBeGreaterThan(0);
    expect(column, text).toBeGreaterThan(0);
    expect(message, text).not.toMatch(/undefined|\[object/);
  }
  const parsed = parsePolicies(text, 'fuzz.yaml');
  if (parsed.diagnostics.length > 0) {
    // Documents that could not be read have no place of their own to look for an error in.
    expect(errors.length, text).toBeGreaterThan(0);
    expect(policies.length, text).toBeLessThanOrEqual(parsed.documents.length);
    return policies.length;
  }
  expect(parsed.documents.length, text).toBeGreaterThan(0);
  const starts = parsed.documents.map((document) => document.root.position.line);
  for (const [index, start] of starts.entries()) {
    const end = starts[index + 1] ?? Number.POSITIVE_INFINITY;
    const isRefused = errors.some((found) => found.line >= start && found.line < end);
    const isPolicy = policies.some((policy) => policy.position.line === start);
    expect(isRefused !== isPolicy, text).toBe(true);
  }
  return policies.length;
}

type Random = () => number;
type Mutation = (random: Random, text: string) => string;

const words = [
  '',
  '~',
  '{}',
  '[]',
  'true',
  '-1',
  '0',
  '99999999999999999999',
  '0x',
  'Equal',
  'NotEqual',
  'Prefix',
  'Sigkill',
  'Override',
  'sock',
  'string',
  'int',
  'auto',
  '*a',
  '&a',
  '!t',
  '"',
  "'",
  '<<',
  ': ',
  '- ',
  '\t',
  '\0',
  '\uFEFF',
  '/etc',
  '10.0.0.0/8',
  'kprobes:',
  'matchArgs:',
  'values:',
  'constructor',
  '__proto__',
  '---\n',
  '...\n',
  '|\n',
  '🙂',
  '1:2',
  'host_ns',
  'CAP_BPF',
];

const mutations: readonly Mutation[] = [
  (random, text) => onLine(random, text, () => []),
  (random, text) => onLine(random, text, (line) => [line, line]),
  (random, text) => onLine(random, text, (line) => [`  ${line}`]),
  (random, text) => onLine(random, text, (line) => [line.replace(/^ {2}/, '')]),
  (random, text) => onLine(random, text, (line) => [line.replace(/:.*/, `: ${pick(random, words)}`)]),
  (random, text) => onLine(random, text, (line) => [line.replace(/\w+/, (word) => word.slice(1))]),
  (random, text) => onLine(random, text, (line) => [line.replace(/\w+(?=:)/, (word) => word.toUpperCase())]),
  (random, text) => onLine(random, text, (line) => [line, pick(random, text.split('\n'))]),
  (random, text) => onLine(random, text, (line) => [line.replace(/"([^"]*)"/, () => pick(random, words))]),
  (random, text) => insert(text, integer(random, text.length), pick(random, words)),
  (random, text) => {
    const at = integer(random, text.length);
    return text.slice(0, at) + text.slice(at + 1 + integer(random, 8));
  },
];

function onLine(random: Random, text: string, change: (line: string) => string[]): string {
  const lines = text.split('\n');
  const at = integer(random, lines.length);
  lines.splice(at, 1, ...change(lines[at]!));
  return lines.join('\n');
}

function insert(text: string, at: number, part: string): string {
  return text.slice(0, at) + part + text.slice(at);
}

function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[integer(random, items.length)]!;
}

function integer(random: Random, below: number): number {
  return Math.floor(random() * below);
}

/** mulberry32: small, and the same on every machine. */
function randomSource(start: number): Random {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
