import { type FunctionBuilder, type Label, R1, R2, R7, R8, R9 } from '../ebpf/function-builder.ts';
import { sockValue } from '../events/wire.ts';
import type { Component } from '../policy/operand.ts';
import type { Network } from '../policy/operand-networks.ts';
import { mergeRanges, type Range } from '../policy/operand-ranges.ts';
import { fitsImmediate } from './binary-search.ts';
import { type Effect, emitEffect, joinEffects } from './effects.ts';
import { emitSlotField, emitStringPointer, isSigned, valueOffset } from './emit-value.ts';
import { type HookCode, valueById } from './hook-code.ts';
import type { PlanMatch, PlanTest, PlanValue } from './hook-plan.ts';
import { emitNumberTree, intervalWeight, type NumberSet, type NumberTreeOptions } from './number-tree.ts';
import { hitBranches, outlinedBranches } from './outline.ts';
import { effectWeight, emitPostfixTree, emitPrefixTree, type Pattern, patternWeight } from './string-tree.ts';
import type { TreeEntry, ValueTree } from './value-trees.ts';

const addressFamilies = { 4: 2, 6: 10 } as const;
const fileTypeMask = 0o170000;

/** Emits the trees over a value that has been read: afterwards the frame holds the effects of all its hits. */
export function emitTrees(code: FunctionBuilder, hook: HookCode, value: PlanValue, { entries: all }: ValueTree): void {
  const end = code.newLabel(`tree_${value.id}`);
  for (const [component, entries] of Map.groupBy(all, (entry) => entry.component)) {
    if (component === 'saddr' || component === 'daddr') emitNetworkTrees(code, hook, value, component, entries, end);
    else if (entries[0]!.match.kind === 'strings') emitStringTrees(code, hook, value, entries, end);
    else emitNumberTrees(code, hook, value, component, entries, end);
  }
  code.place(end);
}

/** Estimated instructions of the trees over a value, rather too many. */
export function treeWeight({ entries }: ValueTree): number {
  return entries.reduce((sum, { match }) => sum + matchWeight(match, effectWeight), 0);
}

const networkWeight = 14;

/** Estimated instructions to look for a match, when `hit` instructions are written for each value. */
export function matchWeight(match: PlanMatch, hit: number): number {
  switch (match.kind) {
    case 'mask':
      return 6 + hit;
    case 'ranges':
      return 2 * match.ranges.length * (intervalWeight + hit);
    case 'networks':
      return match.networks.length * (networkWeight + hit);
    case 'strings':
      return match.values.reduce((sum, text) => sum + patternWeight(text, hit), 0);
    default:
      return match satisfies never;
  }
}

function emitStringTrees(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  entries: readonly TreeEntry[],
  end: Label,
): void {
  const branches = outlinedBranches(hook.outlined, { name: `tree_${value.id}`, registers: [R7, R8, R9] });
  const forward = entries.flatMap((entry) => patternsOf(entry, false));
  const backward = entries.flatMap((entry) => patternsOf(entry, true));
  code.line(entries[0]!.test.source);
  if (forward.length > 0) {
    const offset = emitStringPointer(code, value, 'start', end);
    emitPrefixTree(code, R9, offset, forward, { branches });
  }
  if (backward.length > 0) {
    const offset = emitStringPointer(code, value, 'end', end);
    emitPostfixTree(code, R9, offset, backward, { branches });
  }
}

/** The texts of an entry that a prefix tree, or a postfix tree, finds. An exact match is a prefix that ends with the NUL. */
export function patternsOf(entry: Pick<TreeEntry, 'match' | 'effect' | 'test'>, backward: boolean): Pattern[] {
  const { match, effect, test } = entry;
  if (match.kind !== 'strings' || (match.match === 'postfix') !== backward) return [];
  return match.values.map((text) => ({
    text: match.match === 'equal' ? Buffer.concat([text, Buffer.of(0)]) : text,
    effect,
    source: test.source,
  }));
}

function emitNumberTrees(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  component: Component,
  entries: readonly TreeEntry[],
  end: Label,
): void {
  code.line(entries[0]!.test.source);
  emitComponent(code, value, component, end);
  const sets = entries.flatMap((entry): NumberSet<Effect>[] =>
    entry.match.kind === 'ranges' ? [{ ranges: entry.match.ranges, hit: entry.effect, source: entry.test.source }] : [],
  );
  if (sets.length > 0) emitNumberTree(code, sets, numberTreeOptions(hook, value, isSigned(value)));
  for (const { match, effect, test } of entries) {
    if (match.kind !== 'mask') continue;
    const miss = code.newLabel('mask');
    code.line(test.source);
    emitJumpUnlessAnyBit(code, match.mask, miss);
    emitEffect(code, effect);
    code.place(miss);
  }
}

function numberTreeOptions(hook: HookCode, value: PlanValue, signed: boolean): NumberTreeOptions<Effect> {
  return {
    signed,
    emitHits: (code, hits) => emitEffect(code, joinEffects(hits)),
    hitWeight: effectWeight,
    branches: outlinedBranches(hook.outlined, { name: `tree_${value.id}`, registers: [R7, R8] }),
  };
}

/** R8 = the part of the value that is compared; `unreadable` when there is none. */
export function emitComponent(code: FunctionBuilder, value: PlanValue, component: Component, unreadable: Label): void {
  if (value.slot < 0) {
    code.load(8, R8, R7, valueOffset(value, 'number'));
    return;
  }
  code.load(4, R1, R7, valueOffset(value, 'status')).jumpImm('set', R1, 1, unreadable);
  switch (component) {
    case 'fileType':
      code.load(4, R8, R7, valueOffset(value, 'mode')).aluImm('and', R8, fileTypeMask);
      return;
    case 'sport':
    case 'dport':
    case 'protocol':
    case 'family':
    case 'state':
      emitSlotField(code, 4, R8, value, sockValue.at[component]);
      return;
    default:
      throw new Error(`${component} of a ${value.type} is not a number`);
  }
}

/** Skips to `miss` when no bit of the mask is set in R8. Uses R1. */
export function emitJumpUnlessAnyBit(code: FunctionBuilder, mask: bigint, miss: Label): void {
  const hit = code.newLabel('bits');
  const signed = BigInt.asIntN(64, mask);
  if (fitsImmediate(signed)) {
    code.jumpImm('set', R8, Number(signed), hit);
  } else {
    code.loadImm64(R1, mask);
    code.jumpReg('set', R8, R1, hit);
  }
  code.jump(miss);
  code.place(hit);
}

function emitNetworkTrees(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  component: 'saddr' | 'daddr',
  entries: readonly TreeEntry[],
  end: Label,
): void {
  const after = code.newLabel(component);
  code.line(entries[0]!.test.source);
  const sets = entries.map((entry) => ({
    ranges: ipv4Ranges(entry.match),
    hit: entry.effect,
    source: entry.test.source,
  }));
  if (sets.some((set) => set.ranges.length > 0)) {
    const otherFamily = code.newLabel('not_ipv4');
    emitJumpUnlessFamily(code, value, 4, otherFamily, end);
    emitSlotField(code, 4, R8, value, sockValue.at[component]);
    code.byteSwap(R8, 32);
    emitNumberTree(code, sets, numberTreeOptions(hook, value, false));
    code.jump(after);
    code.place(otherFamily);
  }
  const wide = entries.map((entry) => ({ ...entry, networks: ipv6Networks(entry.match) }));
  if (wide.some(({ networks }) => networks.length > 0)) emitJumpUnlessFamily(code, value, 6, after, end);
  for (const { networks, effect, test } of wide) {
    if (networks.length === 0) continue;
    const hit = code.newLabel('ipv6_hit');
    const miss = code.newLabel('ipv6_miss');
    code.line(test.source);
    emitIpv6Match(code, hook, value, component, networks, hit);
    code.jump(miss).place(hit);
    emitEffect(code, effect);
    code.place(miss);
  }
  code.place(after);
}

function emitJumpUnlessFamily(
  code: FunctionBuilder,
  value: PlanValue,
  family: 4 | 6,
  otherFamily: Label,
  unreadable: Label,
): void {
  emitComponent(code, value, 'family', unreadable);
  code.jumpImm('ne', R8, addressFamilies[family], otherFamily);
}

/** Jumps to `hit` when the IPv6 address is in one of the networks, else falls through. Uses R1, R2, R8. */
function emitIpv6Match(
  code: FunctionBuilder,
  hook: HookCode,
  value: PlanValue,
  component: 'saddr' | 'daddr',
  networks: readonly Network[],
  hit: Label,
): void {
  const at = sockValue.at[component];
  const { branches, jumpToHit } = hitBranches(
    hook.outlined,
    { name: `${component}_${value.id}`, registers: [R7] },
    hit,
  );
  const mostInPlace = branches === undefined ? networks.length : Math.floor(branches.longest / networkWeight);
  if (networks.length <= mostInPlace) {
    for (const network of networks) emitNetworkMatch(code, value, at, network, jumpToHit);
    return;
  }
  for (let first = 0; first < networks.length; first += mostInPlace) {
    const some = networks.slice(first, first + mostInPlace);
    branches!.emit(code, (body) => {
      for (const network of some) emitNetworkMatch(body, value, at, network, jumpToHit);
    });
  }
}

function emitNetworkMatch(
  code: FunctionBuilder,
  value: PlanValue,
  at: number,
  { address, prefixLength }: Network,
  jumpToHit: (code: FunctionBuilder) => void,
): void {
  const next = code.newLabel('network');
  if (prefixLength === 0) {
    /* Never taken; the verifier refuses what stands behind a jump without condition. */
    code.jumpImm('eq', R7, 0, next);
  }
  for (const half of [0, 1]) {
    const bits = Math.min(Math.max(prefixLength - 64 * half, 0), 64);
    if (bits === 0) continue;
    const word = Buffer.from(address).readBigUInt64BE(8 * half);
    emitSlotField(code, 8, R8, value, at + 8 * half);
    code.byteSwap(R8, 64);
    if (bits < 64) code.aluImm('rsh', R8, 64 - bits);
    code.loadImm(R2, word >> BigInt(64 - bits));
    code.jumpReg('ne', R8, R2, next);
  }
  jumpToHit(code);
  code.place(next);
}

/** IPv4 networks as ranges of the address read as a number; networks may lie in one another. */
function ipv4Ranges(match: PlanMatch): Range[] {
  if (match.kind !== 'networks') return [];
  const ranges = match.networks
    .filter((network) => network.family === 4)
    .map(({ address, prefixLength }) => {
      const min = BigInt(Buffer.from(address).readUInt32BE(0));
      return { min, max: min + (1n << BigInt(32 - prefixLength)) - 1n };
    });
  return mergeRanges(ranges);
}

function ipv6Networks(match: PlanMatch): Network[] {
  return match.kind === 'networks' ? match.networks.filter((network) => network.family === 6) : [];
}

/**
 * Jumps to `hit` when the number or address matches, and falls through when it does not: a test in place, for what no
 * tree has decided. Unreadable values go to `unreadable`.
 */
export function emitMatchInPlace(
  code: FunctionBuilder,
  hook: HookCode,
  { value: id, component, match }: PlanTest,
  hit: Label,
  unreadable: Label,
): void {
  const value = valueById(hook, id);
  switch (match.kind) {
    case 'mask': {
      const miss = code.newLabel('no_bit');
      emitComponent(code, value, component, unreadable);
      emitJumpUnlessAnyBit(code, match.mask, miss);
      code.jump(hit).place(miss);
      return;
    }
    case 'ranges':
      emitComponent(code, value, component, unreadable);
      emitRangesInPlace(code, hook, match.ranges, isSigned(value), hit);
      return;
    case 'networks': {
      const miss = code.newLabel('no_network');
      const otherFamily = code.newLabel('not_ipv4');
      const ranges = ipv4Ranges(match);
      const wide = ipv6Networks(match);
      if (ranges.length > 0) {
        emitJumpUnlessFamily(code, value, 4, otherFamily, unreadable);
        emitSlotField(code, 4, R8, value, sockValue.at[component as 'saddr']);
        code.byteSwap(R8, 32);
        emitRangesInPlace(code, hook, ranges, false, hit);
        code.jump(miss);
      }
      code.place(otherFamily);
      if (wide.length > 0) {
        emitJumpUnlessFamily(code, value, 6, miss, unreadable);
        emitIpv6Match(code, hook, value, component as 'saddr' | 'daddr', wide, hit);
      }
      code.place(miss);
      return;
    }
    case 'strings':
      throw new Error('strings are compared by trees');
    default:
      match satisfies never;
  }
}

function emitRangesInPlace(
  code: FunctionBuilder,
  hook: HookCode,
  ranges: readonly Range[],
  signed: boolean,
  hit: Label,
): void {
  const { branches, jumpToHit } = hitBranches(hook.outlined, { name: 'ranges', registers: [R8] }, hit);
  const options = { signed, emitHits: jumpToHit, hitWeight: 1, branches };
  emitNumberTree(code, [{ ranges, hit: true, source: undefined }], options);
}
