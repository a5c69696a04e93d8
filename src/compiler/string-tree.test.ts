import { expect, test } from 'vitest';
import { interpret } from '../../test/filter/interpreter.ts';
import { Random } from '../../test/filter/random.ts';
import { FunctionBuilder, R9 } from '../ebpf/function-builder.ts';
import type { BuiltFunction } from '../ebpf/instruction.ts';
import { frame } from '../events/wire.ts';
import { noEffect } from './effects.ts';
import { emitPostfixTree, emitPrefixTree, type Pattern } from './string-tree.ts';

const source = { file: 'policy.yaml', line: 1, text: 'values' };
/** The string lies behind the frame, with room on both sides. */
const stringStart = 16384;
const memoryBytes = 32768;

/** Pattern i sets match bit i; `\0` at the end of a text makes it exact. */
function treeOf(texts: readonly string[], side: 'prefix' | 'postfix'): BuiltFunction {
  const patterns = texts.map((text, index): Pattern => {
    return { text: Buffer.from(text), effect: { ...noEffect, matches: [index] }, source };
  });
  const code = new FunctionBuilder(side);
  if (side === 'prefix') emitPrefixTree(code, R9, 0, patterns);
  else emitPostfixTree(code, R9, 0, patterns);
  return code.exit().build();
}

function run(tree: BuiltFunction, text: string): { hits: number[]; steps: number } {
  const bytes = Buffer.from(text);
  const memory = Buffer.alloc(memoryBytes);
  /* What stands before the string must not take part in a comparison. */
  memory.fill('a', stringStart - 512, stringStart);
  memory.set(bytes, stringStart);
  const start = tree.name === 'prefix' ? stringStart : stringStart + bytes.length;
  const { steps } = interpret(tree, memory, { 7: 0n, 8: BigInt(bytes.length), 9: BigInt(start) });
  const hits: number[] = [];
  for (let bit = 0; bit < 1024; bit++) {
    if ((memory[frame.at.matches + (bit >> 3)]! >> (bit & 7)) & 1) hits.push(bit);
  }
  return { hits, steps };
}

function check(side: 'prefix' | 'postfix', texts: readonly string[], calls: Readonly<Record<string, number[]>>): void {
  const tree = treeOf(texts, side);
  for (const [text, hits] of Object.entries(calls))
    expect({ text, hits: run(tree, text).hits }).toEqual({ text, hits });
}

test('a prefix tree finds every pattern, shorter ones of others included', () => {
  check('prefix', ['/etc/', '/etc/passwd', '/etc/passwd\0', '/', '/etc/ssh', ''], {
    '/etc/passwd': [0, 1, 2, 3, 5],
    '/etc/passwd-': [0, 1, 3, 5],
    '/etc/passw': [0, 3, 5],
    '/etc/ssh/config': [0, 3, 4, 5],
    '/etc': [3, 5],
    etc: [5],
    '': [5],
  });
});

test('patterns that end at, before and behind the end of a word', () => {
  check('prefix', ['1234567', '12345678', '123456789', '12345678\0', '1234567890123456', '1234567890123456\0'], {
    '123456': [],
    '1234567': [0],
    '12345678': [0, 1, 3],
    '123456789': [0, 1, 2],
    '1234567890123456': [0, 1, 2, 4, 5],
    '12345678901234567': [0, 1, 2, 4],
    '12345679': [0],
  });
});

test('an exact empty text', () => {
  check('prefix', ['\0'], { '': [0], a: [] });
});

test('a postfix tree finds every pattern and reads nothing before the string', () => {
  check('postfix', ['d', 'passwd', '/passwd', '/etc/passwd', 'aaaaaaaa', ''], {
    '/etc/passwd': [0, 1, 2, 3, 5],
    passwd: [0, 1, 5],
    d: [0, 5],
    aaaaaaa: [5],
    aaaaaaaa: [4, 5],
    baaaaaaaa: [4, 5],
    'aaaaaaa\xe9': [5],
    '': [5],
  });
});

test('bytes above 127 compare as bytes', () => {
  check('prefix', ['é', '\u{1f600}\u{1f600}', '\u{1f600}\u{1f600}\u{1f600}'], {
    éa: [0],
    '\u{1f600}\u{1f600}': [1],
    '\u{1f600}\u{1f600}\u{1f600}!': [1, 2],
  });
});

test('random patterns match as startsWith and endsWith do', () => {
  const random = new Random(1);
  for (let round = 0; round < 60; round++) {
    const text = () => random.picks(['a', 'a', 'b', 'é'], random.below(20)).join('');
    const texts = [...new Set(Array.from({ length: random.between(1, 40) }, text))];
    const prefixes = treeOf(texts, 'prefix');
    const postfixes = treeOf(texts, 'postfix');
    for (let call = 0; call < 60; call++) {
      const string = random.pick([text(), random.pick(texts) + text(), text() + random.pick(texts)]);
      const indexes = [...texts.keys()];
      expect(run(prefixes, string).hits).toEqual(indexes.filter((index) => string.startsWith(texts[index]!)));
      expect(run(postfixes, string).hits).toEqual(indexes.filter((index) => string.endsWith(texts[index]!)));
    }
  }
});

test('a thousand patterns cost a few comparisons more than ten', () => {
  const stepsOf = (count: number) => {
    const tree = treeOf(
      Array.from({ length: count }, (_, index) => `/srv/${1000 + index}/secret/`),
      'prefix',
    );
    return Math.max(run(tree, '/srv/1007/secret/key').steps, run(tree, '/srv/0/public/key').steps);
  };
  expect(stepsOf(1000)).toBeLessThan(stepsOf(10) + 40);
});
