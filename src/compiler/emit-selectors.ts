import { type FunctionBuilder, type Label, R1, R2, R6, R7 } from '../ebpf/function-builder.ts';
import { frame } from '../events/wire.ts';
import { emitEffect, selectorEffect } from './effects.ts';
import { emitMatchInPlace } from './emit-tree.ts';
import { type HookCode, readerName, valueById } from './hook-code.ts';
import type { PlanSpec, PlanTest } from './hook-plan.ts';
import { type CodePart, emitPart } from './outline.ts';
import { openTests } from './value-trees.ts';

/**
 * Emits the blocks of the specifications that a tree only proposes: bit i of `frame.candidates` stands for the i-th.
 * Groups without a candidate are skipped in logarithmic time.
 */
export function emitCandidates(code: FunctionBuilder, hook: HookCode): void {
  const specs = hook.plan.specs.filter((spec) => spec.candidate >= 0);
  for (let word = 0; 64 * word < specs.length; word++) {
    const group = specs.slice(64 * word, 64 * (word + 1));
    emitPart(code, groupPart(hook, group, frame.at.candidates + 8 * word), hook.outlined);
  }
}

/** Specifications whose candidate bits are in the word at `offset`. */
function groupPart(hook: HookCode, specs: readonly PlanSpec[], offset: number): CodePart {
  const middle = specs.length >> 1;
  const half = (part: readonly PlanSpec[]) => groupPart(hook, part, offset);
  return {
    name: `try_${specs[0]!.candidate}_to_${specs.at(-1)!.candidate}`,
    emit: (code) => emitGroup(code, hook, specs, offset),
    guard: (code, skip) => emitJumpUnlessSet(code, offset, candidateMask(specs), skip),
    halves: () => (specs.length < 2 ? undefined : [half(specs.slice(0, middle)), half(specs.slice(middle))]),
  };
}

function candidateMask(specs: readonly PlanSpec[]): bigint {
  return specs.reduce((bits, spec) => bits | (1n << BigInt(spec.candidate % 64)), 0n);
}

function emitGroup(code: FunctionBuilder, hook: HookCode, specs: readonly PlanSpec[], offset: number): void {
  const end = code.newLabel('group');
  emitJumpUnlessSet(code, offset, candidateMask(specs), end);
  if (specs.length === 1) {
    emitSpec(code, hook, specs[0]!);
  } else {
    const middle = specs.length >> 1;
    emitGroup(code, hook, specs.slice(0, middle), offset);
    emitGroup(code, hook, specs.slice(middle), offset);
  }
  code.place(end);
}

/**
 * The selectors of one specification in their order: the first that matches acts, the others are not tried. Nothing is
 * written that no run can reach: the verifier refuses it.
 */
function emitSpec(code: FunctionBuilder, hook: HookCode, spec: PlanSpec): void {
  const end = code.newLabel('spec');
  for (const selector of spec.selectors) {
    const tests = openTests(spec, selector);
    if (tests.some(neverHolds)) continue;
    const next = code.newLabel('selector');
    for (const test of tests) emitTest(code, hook, test, next);
    code.line(selector.source);
    emitEffect(code, selectorEffect(selector));
    if (tests.length === 0) break;
    code.jump(end);
    code.place(next);
  }
  code.place(end);
}

/** `GT` the greatest number of the type. */
function neverHolds({ match, negate }: PlanTest): boolean {
  return !negate && match.kind === 'ranges' && match.ranges.length === 0;
}

/** Falls through when the test holds, else jumps to `fail`. */
function emitTest(code: FunctionBuilder, hook: HookCode, test: PlanTest, fail: Label): void {
  const value = valueById(hook, test.value);
  code.line(test.source);
  emitEnsureRead(code, hook, value.id);
  const pass = code.newLabel('pass');
  /* What cannot be read matches exactly the negated tests. */
  const onMatch = test.negate ? fail : pass;
  const onMiss = test.negate ? pass : fail;
  if (test.match.kind === 'strings') {
    emitJumpIfSet(code, frame.at.atoms + 8 * (test.atom >> 6), 1n << BigInt(test.atom & 63), onMatch);
    code.jump(onMiss);
  } else {
    emitMatchInPlace(code, value, test.component, test.match, onMiss, onMiss);
    code.jump(onMatch);
  }
  code.place(pass);
}

/** Reads a value, and evaluates its trees, unless this run has done so. */
export function emitEnsureRead(code: FunctionBuilder, hook: HookCode, id: number): void {
  if (hook.eager.has(id)) return;
  const known = code.newLabel('known');
  emitJumpIfSet(code, frame.at.done, 1n << BigInt(id), known);
  code
    .movReg(R1, R7)
    .movReg(R2, R6)
    .callFunction(readerName(valueById(hook, id)));
  code.place(known);
}

function emitJumpIfSet(code: FunctionBuilder, offset: number, mask: bigint, target: Label): void {
  code.load(8, R1, R7, offset);
  if (mask < 0x8000_0000n) {
    code.jumpImm('set', R1, Number(mask), target);
    return;
  }
  code.loadImm64(R2, mask);
  code.jumpReg('set', R1, R2, target);
}

export function emitJumpUnlessSet(code: FunctionBuilder, offset: number, mask: bigint, target: Label): void {
  const set = code.newLabel('set');
  emitJumpIfSet(code, offset, mask, set);
  code.jump(target);
  code.place(set);
}
