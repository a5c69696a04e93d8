import { type FunctionBuilder, type Label, R0, R1, R2, R8, R9, R10, type Register } from '../ebpf/function-builder.ts';
import { processState } from '../events/wire.ts';
import { noEffect } from './effects.ts';
import { emitJumpUnlessAnyBit, matchWeight, patternsOf } from './emit-tree.ts';
import { binaryEnd, emitNumber, emitRaw, isSigned } from './emit-value.ts';
import { accessTo, type HookCode } from './hook-code.ts';
import type { PlanValue } from './hook-plan.ts';
import { emitNumberTree } from './number-tree.ts';
import { hitBranches } from './outline.ts';
import { emitPostfixTree, emitPrefixTree, type Pattern, type StringTreeOptions } from './string-tree.ts';
import type { TreeEntry, ValueTree } from './value-trees.ts';

/** Sixteen bytes below the frame pointer hold the piece of a string. */
const guardSize = 16;

/**
 * Emits the guard: it lets a call pass before a frame is claimed when no selector can match, judged by what is cheap
 * to see: numbers, the binary, the first bytes of a string, the last bytes of a file's name. What it lets through is
 * examined in full. Emits nothing when some value tells too little.
 */
export function emitGuard(code: FunctionBuilder, hook: HookCode, pass: Label): void {
  const values = guardedValues(hook);
  if (values === undefined) return;
  const examine = code.newLabel('examine');
  for (const value of values) emitValueGuard(code, hook, value, hook.trees.get(value.id)!, examine);
  code.jump(pass).place(examine);
}

/** Estimated instructions of the guard, rather too many. */
export function guardWeight(hook: HookCode): number {
  const values = guardedValues(hook) ?? [];
  const entries = values.flatMap((value) => hook.trees.get(value.id)!.entries);
  return entries.reduce((sum, { match }) => sum + matchWeight(match, 1), 0);
}

/** The values whose pieces the guard looks at; undefined when there is no guard. */
export function guardedValues(hook: HookCode): readonly PlanValue[] | undefined {
  const values = hook.plan.values.filter((value) => hook.eager.has(value.id));
  const searches = hook.plan.specs.map((spec) => spec.search);
  if (searches.includes('always') || searches.includes('tried')) return undefined;
  return values.every((value) => canGuard(hook, value, hook.trees.get(value.id))) ? values : undefined;
}

/** Where the piece of a value that a guard looks at comes from; undefined when it would need the whole value. */
function pieceOf(hook: HookCode, value: PlanValue): { side: 'start' | 'end'; reader: string } | undefined {
  if (hook.given || value.source.kind === 'field') return undefined;
  const access = accessTo(hook, value);
  switch (value.type) {
    case 'string':
      return { side: 'start', reader: 'start_of_string' };
    case 'file':
    case 'path':
      return { side: 'end', reader: `tail_of_${access}_${value.type}` };
    case 'linux_binprm':
      return { side: 'end', reader: `tail_of_${access}_binprm` };
    default:
      return undefined;
  }
}

function canGuard(hook: HookCode, value: PlanValue, tree: ValueTree | undefined): boolean {
  if (tree === undefined) return false;
  if (value.source.kind === 'binary' || value.slot < 0) return true;
  const side = pieceOf(hook, value)?.side;
  return side !== undefined && tree.entries.every((entry) => hasPiece(entry, side));
}

function hasPiece({ component, match }: TreeEntry, side: 'start' | 'end'): boolean {
  if (component !== 'self' || match.kind !== 'strings') return false;
  if (side === 'start') return match.match !== 'postfix';
  /* The path of the root has no last component. */
  return match.match !== 'prefix' && match.values.every((text) => lastComponent(text).length > 0);
}

function lastComponent(text: Uint8Array): Uint8Array {
  return text.subarray(text.lastIndexOf(0x2f) + 1);
}

function emitValueGuard(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  tree: ValueTree,
  examine: Label,
): void {
  const end = code.newLabel('guard');
  code.line(tree.entries[0]?.test.source);
  if (value.source.kind === 'binary') emitBinaryGuard(code, hook, tree.entries, examine, end);
  else if (value.slot < 0) emitNumberGuard(code, hook, value, tree.entries, examine);
  else emitPieceGuard(code, hook, value, tree.entries, examine, end);
  code.place(end);
}

function emitBinaryGuard(
  code: FunctionBuilder,
  hook: HookCode,
  entries: readonly TreeEntry[],
  examine: Label,
  end: Label,
): void {
  code.callFunction('find_process').jumpImm('eq', R0, 0, end).movReg(R9, R0);
  code.load(4, R8, R9, processState.at.binary_length);
  const options = hitOptions(hook, [R8, R9], examine);
  const [forward, backward] = [false, true].map((postfix) => entries.flatMap((entry) => patternsOf(entry, postfix)));
  if (forward!.length > 0) emitPrefixTree(code, R9, processState.at.binary, forward!, options);
  if (backward!.length > 0) emitPostfixTree(code, R9, binaryEnd, backward!, options);
}

/** Any hit is a reason to examine the call. */
function hitOptions(hook: HookCode, registers: readonly Register[], examine: Label): StringTreeOptions {
  const { branches, jumpToHit } = hitBranches(hook.outlined, { name: 'guard', registers }, examine);
  return { emitHits: jumpToHit, hitWeight: 1, branches };
}

function emitNumberGuard(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  entries: readonly TreeEntry[],
  examine: Label,
): void {
  emitNumber(code, hook, value);
  const sets = entries.flatMap(({ match, test }) =>
    match.kind === 'ranges' ? [{ ranges: match.ranges, hit: true, source: test.source }] : [],
  );
  const mask = entries.reduce((bits, { match }) => (match.kind === 'mask' ? bits | match.mask : bits), 0n);
  if (sets.length > 0) {
    const { branches, jumpToHit } = hitBranches(hook.outlined, { name: 'guard', registers: [R8] }, examine);
    emitNumberTree(code, sets, { signed: isSigned(value), emitHits: jumpToHit, hitWeight: 1, branches });
  }
  if (mask === 0n) return;
  const noBit = code.newLabel('bit');
  emitJumpUnlessAnyBit(code, mask, noBit);
  code.jump(examine).place(noBit);
}

function emitPieceGuard(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  entries: readonly TreeEntry[],
  examine: Label,
  end: Label,
): void {
  const { side, reader } = pieceOf(hook, value)!;
  emitRaw(code, hook, value, R1);
  code.movReg(R2, R10).aluImm('add', R2, -guardSize).callFunction(reader);
  const patterns = uniquePatterns(entries, side);
  code.movReg(R9, R10);
  const options = hitOptions(hook, [R8, R9], examine);
  if (side === 'end') {
    /* Too long for a name: MUST_WALK. */
    code.movReg(R8, R0).jumpImm('gt', R8, 0xff, examine);
    emitPostfixTree(code, R9, 0, patterns, options);
    return;
  }
  /* A string that cannot be read matches nothing that could propose a selector. */
  code.movReg(R8, R0).jumpImm('sle', R8, 0, end);
  emitPrefixTree(code, R9, -guardSize, patterns, options);
}

/** What is left of the texts in the piece, each once. */
function uniquePatterns(entries: readonly TreeEntry[], side: 'start' | 'end'): Pattern[] {
  const patterns = new Map<string, Pattern>();
  for (const { match, test } of entries) {
    if (match.kind !== 'strings') continue;
    for (const value of match.values) {
      const text = side === 'end' ? lastComponent(value).slice(-guardSize) : startOf(value, match.match === 'equal');
      patterns.set(Buffer.from(text).toString('hex'), { text, effect: noEffect, source: test.source });
    }
  }
  return [...patterns.values()];
}

/** The last byte of the piece is a NUL where the string goes on: it takes no part. */
function startOf(text: Uint8Array, exact: boolean): Uint8Array {
  if (text.length > guardSize - 1) return text.subarray(0, guardSize - 1);
  return exact ? Buffer.concat([text, Buffer.of(0)]) : text;
}
