import { type FunctionBuilder, type Label, R1, R2, R6, R7 } from '../ebpf/function-builder.ts';
import { frame } from '../events/wire.ts';
import {
  atomBits,
  candidateBits,
  emitBlocks,
  emitClearWords,
  emitJumpIfSet,
  emitJumpUnlessSet,
  plainWords,
  wordCount,
} from './bit-words.ts';
import { emitEffect, selectorEffect } from './effects.ts';
import { emitMatchInPlace, matchWeight } from './emit-tree.ts';
import { type HookCode, readerName, valueById } from './hook-code.ts';
import type { PlanSpec, PlanTest } from './hook-plan.ts';
import { type CodePart, emitPart } from './outline.ts';
import { effectWeight } from './string-tree.ts';
import { firstValue, neverHolds, openTests } from './value-trees.ts';

/**
 * Emits the code of the specifications that a tree only proposes: bit i of `frame.candidates` stands for the i-th.
 * Groups without a candidate are skipped in logarithmic time; all bits are cleared.
 */
export function emitCandidates(code: FunctionBuilder, hook: HookCode): void {
  const specs = candidateSpecs(hook);
  const words = wordCount(specs.length);
  const emitWords = (first: number, end: number) => {
    emitPart(code, groupPart(hook, specs.slice(64 * first, 64 * end)), hook.outlined);
    emitClearWords(code, candidateBits, first, end);
  };
  for (let word = 0; word < Math.min(words, plainWords); word++) emitWords(word, word + 1);
  emitBlocks(code, candidateBits, words, emitWords);
}

function candidateSpecs({ plan }: HookCode): PlanSpec[] {
  return plan.specs.filter((spec) => spec.candidate >= 0).sort((left, right) => left.candidate - right.candidate);
}

/** Estimated instructions of `emitCandidates`, rather too many. */
export function candidatesWeight(hook: HookCode): number {
  return candidateSpecs(hook).reduce((sum, spec) => sum + specWeight(spec), 0);
}

function specWeight(spec: PlanSpec): number {
  return spec.selectors.reduce((sum, selector) => {
    const tests = openTests(spec, selector).map((test) => 10 + inPlaceWeight(test));
    return tests.reduce((total, weight) => total + weight, sum + effectWeight + 2);
  }, 12);
}

function inPlaceWeight({ match }: PlanTest): number {
  return match.kind === 'strings' ? 0 : matchWeight(match, 1);
}

/** Specifications with consecutive candidate bits. */
function groupPart(hook: HookCode, specs: readonly PlanSpec[]): CodePart {
  /* Words stay whole while they can: their bits are tested together. */
  const words = Math.ceil(specs.length / 64);
  const middle = words > 1 ? 64 * (words >> 1) : specs.length >> 1;
  return {
    name: `try_${specs[0]!.candidate}_to_${specs.at(-1)!.candidate}`,
    weight: specs.reduce((sum, spec) => sum + specWeight(spec), 0),
    emit: (code) => {
      for (let first = 0; first < specs.length; first += 64) emitGroup(code, hook, specs.slice(first, first + 64));
    },
    guard: (code, skip) => {
      if (words === 1) emitJumpUnlessSet(code, wordOffset(specs), candidateMask(specs), skip);
    },
    halves: () =>
      specs.length < 2 ? undefined : [groupPart(hook, specs.slice(0, middle)), groupPart(hook, specs.slice(middle))],
  };
}

function wordOffset(specs: readonly PlanSpec[]): number {
  return candidateBits.offset + 8 * (specs[0]!.candidate >> 6);
}

function candidateMask(specs: readonly PlanSpec[]): bigint {
  return specs.reduce((bits, spec) => bits | (1n << BigInt(spec.candidate % 64)), 0n);
}

/** Values that have been read wherever the code is reached: by id. */
type Known = ReadonlySet<number>;

function emitGroup(code: FunctionBuilder, hook: HookCode, specs: readonly PlanSpec[], known: Known = new Set()): void {
  const end = code.newLabel('group');
  emitJumpUnlessSet(code, wordOffset(specs), candidateMask(specs), end);
  /* Whichever of them is proposed needs the value: read in each of them, it would be verified in each. */
  const first = firstValue(specs[0]!);
  const shared = first !== undefined && specs.every((spec) => firstValue(spec) === first) ? [first] : [];
  for (const id of shared) emitEnsureRead(code, hook, id, known);
  const all = new Set([...known, ...shared]);
  if (specs.length === 1) {
    emitSpec(code, hook, specs[0]!, all);
  } else {
    const middle = specs.length >> 1;
    emitGroup(code, hook, specs.slice(0, middle), all);
    emitGroup(code, hook, specs.slice(middle), all);
  }
  code.place(end);
}

/**
 * The selectors of one specification in their order: the first that matches acts, the others are not tried. Nothing is
 * written that no run can reach: the verifier refuses it.
 */
function emitSpec(code: FunctionBuilder, hook: HookCode, spec: PlanSpec, known: Known): void {
  const end = code.newLabel('spec');
  for (const selector of spec.selectors) {
    const tests = openTests(spec, selector);
    if (tests.some(neverHolds)) continue;
    const next = code.newLabel('selector');
    for (const test of tests) emitTest(code, hook, test, known, next);
    code.line(selector.source);
    emitEffect(code, selectorEffect(selector));
    if (tests.length === 0) break;
    code.jump(end);
    code.place(next);
  }
  code.place(end);
}

/** Falls through when the test holds, else jumps to `fail`. */
function emitTest(code: FunctionBuilder, hook: HookCode, test: PlanTest, known: Known, fail: Label): void {
  const value = valueById(hook, test.value);
  code.line(test.source);
  emitEnsureRead(code, hook, value.id, known);
  const pass = code.newLabel('pass');
  /* What cannot be read matches exactly the negated tests. */
  const onMatch = test.negate ? fail : pass;
  const onMiss = test.negate ? pass : fail;
  if (test.match.kind === 'strings') {
    emitJumpIfSet(code, atomBits.offset + 8 * (test.atom >> 6), 1n << BigInt(test.atom & 63), onMatch);
  } else {
    emitMatchInPlace(code, hook, test, onMatch, onMiss);
  }
  code.jump(onMiss);
  code.place(pass);
}

/** Reads a value, and evaluates its trees, unless this run has done so. */
export function emitEnsureRead(code: FunctionBuilder, hook: HookCode, id: number, known: Known = new Set()): void {
  if (hook.eager.has(id) || known.has(id)) return;
  const done = code.newLabel('known');
  emitJumpIfSet(code, frame.at.done, 1n << BigInt(id), done);
  code
    .movReg(R1, R7)
    .movReg(R2, R6)
    .callFunction(readerName(valueById(hook, id)));
  code.place(done);
}
