import { type FunctionBuilder, R1, R8, type Register } from '../ebpf/function-builder.ts';
import type { SourceLine } from '../ebpf/instruction.ts';
import { compareWords, emitSearch, type SearchCase, type Word } from './binary-search.ts';
import { type Effect, emitEffect, joinEffects } from './effects.ts';
import type { Branches } from './outline.ts';

/** A text that a string has to start or end with. */
export interface Pattern {
  readonly text: Uint8Array;
  readonly effect: Effect;
  readonly source: SourceLine;
}

const wordSize = 8;

/** Writes what is done for patterns that the string matches; the code has to fall through or leave. May use R1 and R2. */
export type EmitHits = (code: FunctionBuilder, patterns: readonly Pattern[]) => void;

export interface StringTreeOptions {
  /** By default their effects. */
  readonly emitHits?: EmitHits;
  /** Estimated instructions of `emitHits`. */
  readonly hitWeight?: number;
  /** Where branches go that are too long; undefined: the tree is emitted in one piece. */
  readonly branches?: Branches | undefined;
}

const emitEffects: EmitHits = (code, hits) => emitEffect(code, joinEffects(hits.map((pattern) => pattern.effect)));

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
  { emitHits = emitEffects, hitWeight = effectWeight, branches }: StringTreeOptions = {},
): void {
  const side: Side = {
    emitHits,
    hitWeight,
    load: (to, depth) => to.load(8, R1, base, offset + wordSize * depth),
    /* The first bytes of a word are its low ones: shift the others out at the top. */
    alignPart: (to, length) => to.aluImm('lsh', R1, 8 * (wordSize - length)),
    word: (text, depth) => readWord(text, wordSize * depth),
    partKey: (text, depth, length) => readWord(text.subarray(wordSize * depth), length - wordSize),
    needsLength: false,
  };
  emitNode(code, side, { patterns, depth: 0 }, branches);
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
  { emitHits = emitEffects, hitWeight = effectWeight, branches }: StringTreeOptions = {},
): void {
  const side: Side = {
    emitHits,
    hitWeight,
    load: (to, depth) => to.load(8, R1, base, offset - wordSize * (depth + 1)),
    alignPart: (to, length) => to.aluImm('rsh', R1, 8 * (wordSize - length)),
    word: (text, depth) => readWord(text, text.length - wordSize * (depth + 1)),
    partKey: (text, _depth, length) => readWord(text.subarray(0, length), 0),
    needsLength: true,
  };
  emitNode(code, side, { patterns, depth: 0 }, branches);
}

/** Estimated instructions of a pattern in a tree, rather too many; `hit` of what is done for it. */
export function patternWeight(text: Uint8Array, hit: number): number {
  return hit + 7 + 4 * Math.ceil((text.length + 1) / wordSize);
}

/** Load, or and store of two words and one of blocks, each mask in two slots. */
export const effectWeight = 18;

/** What differs between the start and the end of a string. */
interface Side {
  readonly emitHits: EmitHits;
  readonly hitWeight: number;
  /** R1 = the word at this depth. */
  readonly load: (code: FunctionBuilder, depth: number) => void;
  /** Leaves `length` bytes of the word in R1, in the place where `partKey` has them. */
  readonly alignPart: (code: FunctionBuilder, length: number) => void;
  readonly word: (text: Uint8Array, depth: number) => Word;
  readonly partKey: (text: Uint8Array, depth: number, length: number) => Word;
  readonly needsLength: boolean;
}

/** Patterns that agree in the words before this depth. */
interface TreeNode {
  readonly patterns: readonly Pattern[];
  readonly depth: number;
}

/** Little-endian word at `at`, which may lie before the text; bytes outside the text are 0. */
function readWord(text: Uint8Array, at: number): Word {
  return { low: readHalf(text, at), high: readHalf(text, at + 4) };
}

function readHalf(text: Uint8Array, at: number): number {
  const byte = (index: number) => text[at + index] ?? 0;
  return (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
}

function emitNode(code: FunctionBuilder, side: Side, node: TreeNode, branches: Branches | undefined): void {
  /* By the number of bytes that are left, up to a word. */
  const byRest = Map.groupBy(node.patterns, ({ text }) => Math.min(text.length - wordSize * node.depth, wordSize));
  const complete = byRest.get(0);
  if (complete !== undefined) emitHit(code, side, complete);
  for (let length = 1; length < wordSize; length++) {
    const patterns = byRest.get(length);
    if (patterns !== undefined) emitPart(code, side, { patterns, depth: node.depth }, length, branches);
  }
  const longer = byRest.get(wordSize);
  if (longer !== undefined) emitWords(code, side, { patterns: longer, depth: node.depth }, branches);
}

/** Patterns that end inside the word at this depth, all with the same number of bytes in it. */
function emitPart(
  code: FunctionBuilder,
  side: Side,
  { patterns, depth }: TreeNode,
  length: number,
  branches: Branches | undefined,
): void {
  code.line(patterns[0]!.source);
  const load = (to: FunctionBuilder) => {
    side.load(to, depth);
    side.alignPart(to, length);
  };
  load(code);
  const groups = groupByKey(patterns, (pattern) => side.partKey(pattern.text, depth, length));
  const cases = groups.map(([key, group]): SearchCase => {
    return { key, weight: weightOf(side, group), emit: (to) => emitHit(to, side, group) };
  });
  emitSearch(code, { register: R1, load, branches }, cases);
}

/** Patterns that go on behind the word at this depth. */
function emitWords(
  code: FunctionBuilder,
  side: Side,
  { patterns, depth }: TreeNode,
  branches: Branches | undefined,
): void {
  code.line(patterns[0]!.source);
  const load = (to: FunctionBuilder) => side.load(to, depth);
  load(code);
  const groups = groupByKey(patterns, (pattern) => side.word(pattern.text, depth));
  const cases = groups.map(([key, group]): SearchCase => {
    const node = { patterns: group, depth: depth + 1 };
    return { key, weight: weightOf(side, group), emit: (to, inner) => emitNode(to, side, node, inner) };
  });
  emitSearch(code, { register: R1, load, branches }, cases);
}

function weightOf({ hitWeight }: Side, patterns: readonly Pattern[]): number {
  return patterns.reduce((sum, { text }) => sum + patternWeight(text, hitWeight), 0);
}

function emitHit(code: FunctionBuilder, side: Side, patterns: readonly Pattern[]): void {
  const end = code.newLabel('hit');
  code.line(patterns[0]!.source);
  if (side.needsLength) code.jumpImm('lt', R8, patterns[0]!.text.length, end);
  side.emitHits(code, patterns);
  code.place(end);
}

/** In the order of the keys. */
function groupByKey(patterns: readonly Pattern[], keyOf: (pattern: Pattern) => Word): [Word, Pattern[]][] {
  const keyed = patterns.map((pattern) => ({ pattern, key: keyOf(pattern) }));
  keyed.sort((left, right) => compareWords(left.key, right.key));
  const groups: [Word, Pattern[]][] = [];
  for (const { pattern, key } of keyed) {
    const last = groups.at(-1);
    if (last !== undefined && compareWords(last[0], key) === 0) last[1].push(pattern);
    else groups.push([key, [pattern]]);
  }
  return groups;
}
