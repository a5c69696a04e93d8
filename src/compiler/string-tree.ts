import { type FunctionBuilder, R1, R8, type Register } from '../ebpf/function-builder.ts';
import type { SourceLine } from '../ebpf/instruction.ts';
import { emitSearch } from './binary-search.ts';
import { type Effect, emitEffect, joinEffects } from './effects.ts';

/** A text that a string has to start or end with. */
export interface Pattern {
  readonly text: Uint8Array;
  readonly effect: Effect;
  readonly source: SourceLine;
}

const wordSize = 8;

/** Writes what is done for patterns that the string matches; the code has to fall through. May use R1 and R2. */
export type EmitHits = (patterns: readonly Pattern[]) => void;

/**
 * Emits the decision tree that finds every pattern the string at `base + offset` starts with, comparing eight bytes
 * at a time: its cost grows with the logarithm of the number of patterns. An exact match is a pattern that ends with
 * the terminating NUL. At least one word behind the longest pattern has to be readable. Uses R1, R2.
 */
export function emitPrefixTree(
  code: FunctionBuilder,
  base: Register,
  offset: number,
  patterns: readonly Pattern[],
  emitHits: EmitHits = (hits) => emitEffect(code, joinEffects(hits.map((pattern) => pattern.effect))),
): void {
  emitNode(code, patterns, 0, {
    emitHits,
    load: (depth) => code.load(8, R1, base, offset + wordSize * depth),
    /* The first bytes of a word are its low ones: shift the others out at the top. */
    alignPart: (length) => code.aluImm('lsh', R1, 8 * (wordSize - length)),
    word: (text, depth) => readWord(text, wordSize * depth),
    partKey: (text, depth, length) => readWord(text, wordSize * depth) << BigInt(8 * (wordSize - length)),
    needsLength: false,
  });
}

/**
 * The same for endings: `base + offset` is the end of the string, whose length is in R8, so that bytes before its
 * start cannot take part.
 */
export function emitPostfixTree(
  code: FunctionBuilder,
  base: Register,
  offset: number,
  patterns: readonly Pattern[],
  emitHits: EmitHits = (hits) => emitEffect(code, joinEffects(hits.map((pattern) => pattern.effect))),
): void {
  emitNode(code, patterns, 0, {
    emitHits,
    load: (depth) => code.load(8, R1, base, offset - wordSize * (depth + 1)),
    alignPart: (length) => code.aluImm('rsh', R1, 8 * (wordSize - length)),
    word: (text, depth) => readWord(text, text.length - wordSize * (depth + 1)),
    partKey: (text, _depth, length) => readWord(text.subarray(0, length), 0),
    needsLength: true,
  });
}

interface Direction {
  readonly emitHits: EmitHits;
  /** R1 = the word at this depth. */
  readonly load: (depth: number) => void;
  /** Leaves `length` bytes of the word in R1, in the place where `partKey` has them. */
  readonly alignPart: (length: number) => void;
  readonly word: (text: Uint8Array, depth: number) => bigint;
  readonly partKey: (text: Uint8Array, depth: number, length: number) => bigint;
  readonly needsLength: boolean;
}

/** Little-endian word at `at`; bytes outside the text are 0. */
function readWord(text: Uint8Array, at: number): bigint {
  let word = 0n;
  for (let index = wordSize - 1; index >= 0; index--) word = (word << 8n) | BigInt(text[at + index] ?? 0);
  return word;
}

function emitNode(code: FunctionBuilder, patterns: readonly Pattern[], depth: number, direction: Direction): void {
  const remaining = (pattern: Pattern) => pattern.text.length - wordSize * depth;
  const complete = patterns.filter((pattern) => remaining(pattern) === 0);
  if (complete.length > 0) emitHit(code, complete, direction);
  for (let length = 1; length < wordSize; length++) {
    emitPart(
      code,
      patterns.filter((pattern) => remaining(pattern) === length),
      depth,
      length,
      direction,
    );
  }
  emitWords(
    code,
    patterns.filter((pattern) => remaining(pattern) >= wordSize),
    depth,
    direction,
  );
}

/** Patterns that end inside the word at this depth, all with the same number of bytes in it. */
function emitPart(
  code: FunctionBuilder,
  patterns: readonly Pattern[],
  depth: number,
  length: number,
  direction: Direction,
): void {
  if (patterns.length === 0) return;
  const end = code.newLabel('part');
  code.line(patterns[0]!.source);
  direction.load(depth);
  direction.alignPart(length);
  const groups = groupBy(patterns, (pattern) => direction.partKey(pattern.text, depth, length));
  const cases = groups.map(([key, group]) => ({
    key,
    emit: () => {
      emitHit(code, group, direction);
      code.jump(end);
    },
  }));
  emitSearch(code, R1, cases, end);
  code.place(end);
}

/** Patterns that go on behind the word at this depth. */
function emitWords(code: FunctionBuilder, patterns: readonly Pattern[], depth: number, direction: Direction): void {
  if (patterns.length === 0) return;
  const end = code.newLabel('word');
  code.line(patterns[0]!.source);
  direction.load(depth);
  const groups = groupBy(patterns, (pattern) => direction.word(pattern.text, depth));
  const cases = groups.map(([key, group]) => ({
    key,
    emit: () => {
      emitNode(code, group, depth + 1, direction);
      code.jump(end);
    },
  }));
  emitSearch(code, R1, cases, end);
  code.place(end);
}

function emitHit(code: FunctionBuilder, patterns: readonly Pattern[], direction: Direction): void {
  const end = code.newLabel('hit');
  code.line(patterns[0]!.source);
  if (direction.needsLength) code.jumpImm('lt', R8, patterns[0]!.text.length, end);
  direction.emitHits(patterns);
  code.place(end);
}

function groupBy(patterns: readonly Pattern[], keyOf: (pattern: Pattern) => bigint): [bigint, Pattern[]][] {
  const groups = new Map<bigint, Pattern[]>();
  for (const pattern of patterns) {
    const key = BigInt.asUintN(64, keyOf(pattern));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pattern]);
    else group.push(pattern);
  }
  return [...groups].sort(([left], [right]) => (left < right ? -1 : 1));
}
