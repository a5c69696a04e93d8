/** Numbers from 0 up to 1, 1 not included. */
export type Random = () => number;
type Mutation = (random: Random, text: string) => string;

/** One of the texts with one to four random changes, most of which break it. For tests. */
export function mutatePolicy(random: Random, texts: readonly string[]): string {
  let text = pick(random, texts);
  for (let changes = 1 + integer(random, 4); changes > 0; changes--) text = pick(random, mutations)(random, text);
  return text;
}

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
export function randomSource(start: number): Random {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
