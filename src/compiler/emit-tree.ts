import { type FunctionBuilder, type Label, R1, R2, R7, R8, R9 } from '../ebpf/function-builder.ts';
import { sockValue } from '../events/wire.ts';
import type { Component } from '../policy/operand.ts';
import type { Network } from '../policy/operand-networks.ts';
import { mergeRanges, type Range } from '../policy/operand-ranges.ts';
import { fitsImmediate } from './binary-search.ts';
import { type Effect, emitEffect, joinEffects } from './effects.ts';
import { emitSlotField, emitStringPointer, isSigned, valueOffset } from './emit-value.ts';
import type { HookCode } from './hook-code.ts';
import type { PlanMatch, PlanValue } from './hook-plan.ts';
import { emitNumberTree, type NumberSet } from './number-tree.ts';
import { type CodePart, emitPart } from './outline.ts';
import { emitPostfixTree, emitPrefixTree, type Pattern } from './string-tree.ts';
import type { TreeEntry, ValueTree } from './value-trees.ts';

const addressFamilies = { 4: 2, 6: 10 } as const;
const fileTypeMask = 0o170000;

/** Emits the trees over a value that has been read: afterwards the frame holds the effects of all its hits. */
export function emitTrees(code: FunctionBuilder, hook: HookCode, value: PlanValue, tree: ValueTree): void {
  emitPart(code, treePart(value, tree.entries, `tree_${value.id}`), hook.outlined);
}

/** Hits of all trees add up, so that any division of the entries means the same. */
function treePart(value: PlanValue, entries: readonly TreeEntry[], name: string): CodePart {
  return {
    name,
    emit: (code) => emitEntries(code, value, entries),
    halves: () => {
      const [left, right] = divideEntries(entries);
      if (right.length === 0) return undefined;
      return [treePart(value, left, `${name}l`), treePart(value, right, `${name}r`)];
    },
  };
}

function divideEntries(entries: readonly TreeEntry[]): [TreeEntry[], TreeEntry[]] {
  const middle = entries.length >> 1;
  if (middle > 0) return [entries.slice(0, middle), entries.slice(middle)];
  const entry = entries[0]!;
  const [left, right] = divideMatch(entry.match);
  return [[{ ...entry, match: left }], right === undefined ? [] : [{ ...entry, match: right }]];
}

function divideMatch(match: PlanMatch): [PlanMatch, PlanMatch | undefined] {
  const halves = <Item>(items: readonly Item[]): [Item[], Item[]] | undefined =>
    items.length < 2 ? undefined : [items.slice(0, items.length >> 1), items.slice(items.length >> 1)];
  switch (match.kind) {
    case 'mask':
      return [match, undefined];
    case 'ranges': {
      const ranges = halves(match.ranges);
      return ranges
        ? [
            { ...match, ranges: ranges[0] },
            { ...match, ranges: ranges[1] },
          ]
        : [match, undefined];
    }
    case 'strings': {
      const values = halves(match.values);
      return values
        ? [
            { ...match, values: values[0] },
            { ...match, values: values[1] },
          ]
        : [match, undefined];
    }
    case 'networks': {
      const networks = halves(match.networks);
      return networks
        ? [
            { ...match, networks: networks[0] },
            { ...match, networks: networks[1] },
          ]
        : [match, undefined];
    }
    default:
      return match satisfies never;
  }
}

function emitEntries(code: FunctionBuilder, value: PlanValue, all: readonly TreeEntry[]): void {
  const end = code.newLabel(`tree_${value.id}`);
  for (const [component, entries] of groupByComponent(all)) {
    if (component === 'saddr' || component === 'daddr') emitNetworkTrees(code, value, component, entries, end);
    else if (entries[0]!.match.kind === 'strings') emitStringTrees(code, value, entries, end);
    else emitNumberTrees(code, value, component, entries, end);
  }
  code.place(end);
}

function groupByComponent(entries: readonly TreeEntry[]): Map<Component, TreeEntry[]> {
  const groups = new Map<Component, TreeEntry[]>();
  for (const entry of entries) groups.set(entry.component, [...(groups.get(entry.component) ?? []), entry]);
  return groups;
}

function emitStringTrees(code: FunctionBuilder, value: PlanValue, entries: readonly TreeEntry[], end: Label): void {
  const forward = entries.flatMap((entry) => patternsOf(entry, false));
  const backward = entries.flatMap((entry) => patternsOf(entry, true));
  code.line(entries[0]!.test.source);
  if (forward.length > 0) {
    const offset = emitStringPointer(code, value, 'start', end);
    emitPrefixTree(code, R9, offset, forward);
  }
  if (backward.length > 0) {
    const offset = emitStringPointer(code, value, 'end', end);
    emitPostfixTree(code, R9, offset, backward);
  }
}

/** The texts of an entry that a prefix tree, or a postfix tree, finds. An exact match is a prefix that ends with the NUL. */
export function patternsOf(entry: TreeEntry, backward: boolean): Pattern[] {
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
  value: PlanValue,
  component: Component,
  entries: readonly TreeEntry[],
  end: Label,
): void {
  code.line(entries[0]!.test.source);
  emitComponent(code, value, component, end);
  const after = code.newLabel('numbers');
  const sets = entries.flatMap((entry): NumberSet<Effect>[] =>
    entry.match.kind === 'ranges' ? [{ ranges: entry.match.ranges, hit: entry.effect, source: entry.test.source }] : [],
  );
  if (sets.length > 0) {
    emitNumberTree(code, sets, isSigned(value), (hits) => emitEffect(code, joinEffects(hits)), after);
  }
  code.place(after);
  for (const { match, effect, test } of entries) {
    if (match.kind !== 'mask') continue;
    const miss = code.newLabel('mask');
    code.line(test.source);
    emitJumpUnlessAnyBit(code, match.mask, miss);
    emitEffect(code, effect);
    code.place(miss);
  }
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
    emitNumberTree(code, sets, false, (hits) => emitEffect(code, joinEffects(hits)), after);
    code.jump(after);
    code.place(otherFamily);
  }
  const wide = entries.filter((entry) => ipv6Networks(entry.match).length > 0);
  if (wide.length > 0) emitJumpUnlessFamily(code, value, 6, after, end);
  for (const entry of wide) {
    const hit = code.newLabel('ipv6_hit');
    const miss = code.newLabel('ipv6_miss');
    code.line(entry.test.source);
    emitIpv6Match(code, value, component, ipv6Networks(entry.match), hit);
    code.jump(miss).place(hit);
    emitEffect(code, entry.effect);
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
  value: PlanValue,
  component: 'saddr' | 'daddr',
  networks: readonly Network[],
  hit: Label,
): void {
  const at = sockValue.at[component];
  for (const { address, prefixLength } of networks) {
    if (prefixLength === 0) {
      /* Always taken; the verifier refuses what stands behind a jump without condition. */
      code.jumpImm('ne', R7, 0, hit);
      continue;
    }
    const next = code.newLabel('network');
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
    code.jump(hit).place(next);
  }
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
 * Falls through when the number or address matches and jumps to `fail` when it does not: a test in place, for what no
 * tree has decided. Unreadable values go to `unreadable`.
 */
export function emitMatchInPlace(
  code: FunctionBuilder,
  value: PlanValue,
  component: Component,
  match: Exclude<PlanMatch, { kind: 'strings' }>,
  fail: Label,
  unreadable: Label,
): void {
  switch (match.kind) {
    case 'mask':
      emitComponent(code, value, component, unreadable);
      emitJumpUnlessAnyBit(code, match.mask, fail);
      return;
    case 'ranges':
      emitComponent(code, value, component, unreadable);
      emitRangesInPlace(code, match.ranges, isSigned(value), fail);
      return;
    case 'networks': {
      const pass = code.newLabel('in_network');
      const otherFamily = code.newLabel('not_ipv4');
      const ranges = ipv4Ranges(match);
      if (ranges.length > 0) {
        emitJumpUnlessFamily(code, value, 4, otherFamily, unreadable);
        emitSlotField(code, 4, R8, value, sockValue.at[component as 'saddr']);
        code.byteSwap(R8, 32);
        emitRangesInPlace(code, ranges, false, fail);
        code.jump(pass);
      }
      code.place(otherFamily);
      emitJumpUnlessFamily(code, value, 6, fail, unreadable);
      emitIpv6Match(code, value, component as 'saddr' | 'daddr', ipv6Networks(match), pass);
      code.jump(fail);
      code.place(pass);
      return;
    }
    default:
      match satisfies never;
  }
}

function emitRangesInPlace(
  code: FunctionBuilder,
  ranges: readonly { min: bigint; max: bigint }[],
  signed: boolean,
  fail: Label,
): void {
  emitNumberTree(code, [{ ranges, hit: true, source: undefined }], signed, () => {}, fail);
}
