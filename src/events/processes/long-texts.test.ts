import { expect, test } from 'vitest';
import { argvBytes } from '../test-record.ts';
import { processFlags } from '../wire.ts';
import { argumentsText } from './arguments.ts';
import { variablesOf } from './environment.ts';
import { LongTexts } from './long-texts.ts';
import { type ProcessImage, textOf, unknownImage, wholeRange } from './process.ts';

function image(argv: readonly string[], environment: readonly string[] = []): ProcessImage {
  const [args, variables] = [wholeRange(argvBytes(argv)), wholeRange(argvBytes(environment))];
  return { ...unknownImage, args, environment: variables, holders: 1 };
}

const long = 'x'.repeat(10_000);

test('of the oldest long texts only the beginning stays, and that is said', () => {
  const texts = new LongTexts(50_000);
  const images = Array.from({ length: 7 }, (_, index) => image(['program', `${index}${long}`]));
  for (const one of images) texts.add(one);
  expect(texts.cuts).toBe(3);
  for (const [index, { args, cutFlags }] of images.entries()) {
    const text = argumentsText(args);
    expect(text.length).toBe(index < 3 ? 4096 - 'program '.length : long.length + 1);
    expect(`${index}${long}`.startsWith(text)).toBe(true);
    expect(cutFlags).toBe(index < 3 ? processFlags.TRUNC_ARGS : 0);
  }
});

test('texts of programs that no process has any more do not count', () => {
  const texts = new LongTexts(30_000);
  const ended = Array.from({ length: 100 }, (_, index) => image(['program', `${index}${long}`]));
  for (const one of ended) {
    texts.add(one);
    texts.forget(one);
  }
  texts.add({ ...image(['program', long]), holders: 0 });
  for (const one of [image(['one', long]), image(['other', long])]) texts.add(one);
  expect(texts.cuts).toBe(0);
});

test('short texts are not counted, and an image that is added again counts once', () => {
  const texts = new LongTexts(30_000);
  const short = image(['program', 'argument'], ['HOME=/']);
  for (let count = 0; count < 100_000; count++) texts.add(short);
  const again = image(['program', long]);
  for (let count = 0; count < 10; count++) texts.add(again);
  expect(texts.cuts).toBe(0);
  expect([short.cutFlags, again.cutFlags]).toEqual([0, 0]);
});

test('of an environment whole variables stay', () => {
  const texts = new LongTexts(10_000);
  const { ...one } = image(['program'], [`A=${'a'.repeat(4000)}`, `B=${'b'.repeat(200)}`, `C=${long}`]);
  texts.add(one);
  expect(one.cutFlags).toBe(processFlags.ERROR_ENVS);
  expect([...variablesOf(one.environment)].map(({ name }) => textOf(name))).toEqual(['A']);
  expect(argumentsText(one.args)).toBe('');
});
