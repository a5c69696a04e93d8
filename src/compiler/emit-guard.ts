import { type FunctionBuilder, type Label, R0, R1, R2, R8, R9, R10, type Register } from '../ebpf/function-builder.ts';
import { processState } from '../events/wire.ts';
import { noEffect } from './effects.ts';
import { emitJumpUnlessAnyBit, matchWeight, patternsOf } from './emit-tree.ts';
import { binaryEnd, emitNumber, emitRaw, isSigned } from './emit-value.ts';
import { type GuardedValue, type GuardTest, guardTests, lastComponent, pieceOf } from './guard-tests.ts';
import type { HookCode } from './hook-code.ts';
import type { PlanValue } from './hook-plan.ts';
import { matchKey } from './match-key.ts';
import { emitNumberTree } from './number-tree.ts';
import { hitBranches } from './outline.ts';
import { emitPostfixTree, emitPrefixTree, type Pattern, type StringTreeOptions } from './string-tree.ts';

/** Sixteen bytes below the frame pointer hold the piece of a string, eight below them whether a first test has hit. */
const guardSize = 16;
const flagOffset = -24;

/** Tests of one value, and where a hit leads. */
interface Look {
  readonly tests: readonly GuardTest[];
  readonly hit: Label;
}

/**
 * Emits the guard: it lets a call pass before a frame is claimed when no selector can match, judged by what is cheap
 * to see: numbers, the binary, the first bytes of a string, the last bytes of a file's name. What it lets through is
 * examined in full. Emits nothing when some selector has none of them.
 */
export function emitGuard(code: FunctionBuilder, hook: HookCode, pass: Label): void {
  const values = guardTests(hook);
  if (values === undefined) return;
  const examine = code.newLabel('examine');
  const second = code.newLabel('second_tests');
  emitFirstTests(code, hook, values, { examine, second });
  code.jump(pass);
  const again = values.filter((value) => value.second.length > 0);
  if (again.length > 0) {
    code.place(second);
    for (const { value, second: tests } of again) emitLooks(code, hook, value, [{ tests, hit: examine }], examine);
    code.jump(pass);
  }
  code.place(examine);
}

function emitFirstTests(
  code: FunctionBuilder,
  hook: HookCode,
  values: readonly GuardedValue[],
  { examine, second }: { readonly examine: Label; readonly second: Label },
): void {
  const lastAlone = values.findLastIndex(({ alone }) => alone.length > 0);
  /* A first test that hits before the last of those that stand alone must wait for them. */
  const hasFlag = values.some(({ first }, index) => first.length > 0 && index < lastAlone);
  if (hasFlag) code.storeImm(8, R10, flagOffset, 0);
  for (const [index, { value, alone, first }] of values.entries()) {
    if (alone.length + first.length === 0) continue;
    const waits = first.length > 0 && index < lastAlone;
    const flag = code.newLabel('flag');
    const next = code.newLabel('next_value');
    const looks = [
      { tests: alone, hit: examine },
      { tests: first, hit: waits ? flag : second },
    ];
    emitLooks(code, hook, value, looks, examine);
    if (waits) code.jump(next).place(flag).storeImm(8, R10, flagOffset, 1).place(next);
  }
  if (hasFlag) code.load(8, R1, R10, flagOffset).jumpImm('ne', R1, 0, second);
}

/** Estimated instructions of the guard, rather too many. */
export function guardWeight(hook: HookCode): number {
  const tests = (guardTests(hook) ?? []).flatMap(({ alone, first, second }) => [...alone, ...first, ...second]);
  return tests.reduce((sum, { match }) => sum + matchWeight(match, 1), 0);
}

/** Falls through when nothing hits; what cannot be told by a piece goes to `unknown`. */
function emitLooks(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  all: readonly Look[],
  unknown: Label,
): void {
  const looks = all.filter(({ tests }) => tests.length > 0).map((look) => ({ ...look, tests: distinct(look.tests) }));
  const end = code.newLabel('guard');
  code.line(looks[0]!.tests[0]!.test.source);
  if (value.source.kind === 'binary') emitBinaryLooks(code, hook, looks, end);
  else if (value.slot < 0) emitNumberLooks(code, hook, value, looks);
  else emitPieceLooks(code, hook, value, looks, { end, unknown });
  code.place(end);
}

function distinct(tests: readonly GuardTest[]): GuardTest[] {
  return [...new Map(tests.map((test) => [matchKey(test.match), test])).values()];
}

function emitBinaryLooks(code: FunctionBuilder, hook: HookCode, looks: readonly Look[], end: Label): void {
  code.callFunction('find_process').jumpImm('eq', R0, 0, end).movReg(R9, R0);
  code.load(4, R8, R9, processState.at.binary_length);
  for (const { tests, hit } of looks) {
    const options = hitOptions(hook, [R8, R9], hit);
    const entries = tests.map((test) => ({ ...test, effect: noEffect }));
    const [forward, backward] = [false, true].map((postfix) => entries.flatMap((entry) => patternsOf(entry, postfix)));
    if (forward!.length > 0) emitPrefixTree(code, R9, processState.at.binary, forward!, options);
    if (backward!.length > 0) emitPostfixTree(code, R9, binaryEnd, backward!, options);
  }
}

/** Any hit is as good as another. */
function hitOptions(hook: HookCode, registers: readonly Register[], hit: Label): StringTreeOptions {
  const { branches, jumpToHit } = hitBranches(hook.outlined, { name: 'guard', registers }, hit);
  return { emitHits: jumpToHit, hitWeight: 1, branches };
}

function emitNumberLooks(code: FunctionBuilder, hook: HookCode, value: PlanValue, looks: readonly Look[]): void {
  emitNumber(code, hook, value);
  for (const { tests, hit } of looks) {
    const sets = tests.flatMap(({ match, test }) =>
      match.kind === 'ranges' ? [{ ranges: match.ranges, hit: true, source: test.source }] : [],
    );
    const mask = tests.reduce((bits, { match }) => (match.kind === 'mask' ? bits | match.mask : bits), 0n);
    if (sets.length > 0) {
      const { branches, jumpToHit } = hitBranches(hook.outlined, { name: 'guard', registers: [R8] }, hit);
      emitNumberTree(code, sets, { signed: isSigned(value), emitHits: jumpToHit, hitWeight: 1, branches });
    }
    if (mask === 0n) continue;
    const noBit = code.newLabel('bit');
    emitJumpUnlessAnyBit(code, mask, noBit);
    code.jump(hit).place(noBit);
  }
}

function emitPieceLooks(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  looks: readonly Look[],
  { end, unknown }: { readonly end: Label; readonly unknown: Label },
): void {
  const { side, reader } = pieceOf(hook, value)!;
  emitRaw(code, hook, value, R1);
  code.movReg(R2, R10).aluImm('add', R2, -guardSize).callFunction(reader);
  code.movReg(R8, R0);
  /* Too long for a name: MUST_WALK. A string that cannot be read matches no test that is not negated. */
  if (side === 'end') code.jumpImm('gt', R8, 0xff, unknown);
  else code.jumpImm('sle', R8, 0, end);
  code.movReg(R9, R10);
  for (const { tests, hit } of looks) {
    const options = hitOptions(hook, [R8, R9], hit);
    const patterns = uniquePatterns(tests, side);
    if (side === 'end') emitPostfixTree(code, R9, 0, patterns, options);
    else emitPrefixTree(code, R9, -guardSize, patterns, options);
  }
}

/** What is left of the texts in the piece, each once. */
function uniquePatterns(tests: readonly GuardTest[], side: 'start' | 'end'): Pattern[] {
  const patterns = new Map<string, Pattern>();
  for (const { match, test } of tests) {
    if (match.kind !== 'strings') continue;
    for (const value of match.values) {
      const text = side === 'end' ? lastComponent(value).slice(-guardSize) : startOf(value, match.match === 'equal');
      patterns.set(Buffer.from(text).toString('latin1'), { text, effect: noEffect, source: test.source });
    }
  }
  return [...patterns.values()];
}

/** The last byte of the piece is a NUL where the string goes on: it takes no part. */
function startOf(text: Uint8Array, exact: boolean): Uint8Array {
  if (text.length > guardSize - 1) return text.subarray(0, guardSize - 1);
  return exact ? Buffer.concat([text, Buffer.of(0)]) : text;
}
