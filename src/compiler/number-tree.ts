import { type FunctionBuilder, type Label, R2, R8 } from '../ebpf/function-builder.ts';
import type { SourceLine } from '../ebpf/instruction.ts';
import type { Range } from '../policy/operand-ranges.ts';
import { fitsImmediate } from './binary-search.ts';
import { type Branches, branchesFor } from './outline.ts';

/** Numbers, and what is done for them. */
export interface NumberSet<Hit> {
  readonly ranges: readonly Range[];
  readonly hit: Hit;
  /** Undefined: the caller's line stays. */
  readonly source: SourceLine | undefined;
}

/** From `start` up to the next interval the same hits apply. */
interface Interval<Hit> {
  readonly start: bigint;
  readonly hits: readonly Hit[];
  readonly source: SourceLine | undefined;
}

export interface NumberTreeOptions<Hit> {
  readonly signed: boolean;
  /** Writes the code for the sets that hold the number; it has to fall through or leave. */
  readonly emitHits: (code: FunctionBuilder, hits: readonly Hit[]) => void;
  /** Estimated instructions of `emitHits`, rather too many. */
  readonly hitWeight: number;
  /** Where branches go that are too long: functions that get R8; undefined: the tree is emitted in one piece. */
  readonly branches: Branches | undefined;
}

/** What the parts of one tree share. */
interface NumberTree<Hit> extends NumberTreeOptions<Hit> {
  readonly intervals: readonly Interval<Hit>[];
}

/** Estimated instructions of an interval without those of its hits: compare with a constant, jump. */
export const intervalWeight = 5;

/**
 * Emits a binary search for the number in R8 over the ends of all ranges; it goes on behind the tree whether a set
 * holds the number or not. Uses R2.
 */
export function emitNumberTree<Hit>(
  code: FunctionBuilder,
  sets: readonly NumberSet<Hit>[],
  options: NumberTreeOptions<Hit>,
): void {
  const tree = { ...options, intervals: intervalsOf(sets, options.signed) };
  if (!emitSingle(code, tree)) emitRange(code, tree, 0, tree.intervals.length);
}

function emitRange<Hit>(code: FunctionBuilder, tree: NumberTree<Hit>, from: number, to: number): void {
  const { intervals, hitWeight, emitHits } = tree;
  if (to - from === 1) {
    const { hits, source } = intervals[from]!;
    if (hits.length === 0) return;
    if (source !== undefined) code.line(source);
    emitHits(code, hits);
    return;
  }
  const branches = branchesFor(tree.branches, (to - from) * (intervalWeight + hitWeight));
  if (branches !== undefined) {
    branches.emit(code, (body) => emitHalves(body, { ...tree, branches: undefined }, from, to));
  } else {
    emitHalves(code, tree, from, to);
  }
}

function emitHalves<Hit>(code: FunctionBuilder, tree: NumberTree<Hit>, from: number, to: number): void {
  const middle = (from + to) >> 1;
  const { start, source } = tree.intervals[middle]!;
  const [right, end] = [code.newLabel('above'), code.newLabel('number')];
  if (source !== undefined) code.line(source);
  emitJumpIfAtLeast(code, start, tree.signed, right);
  emitRange(code, tree, from, middle);
  code.jump(end).place(right);
  emitRange(code, tree, middle, to);
  code.place(end);
}

/** One number alone is compared for equality. */
function emitSingle<Hit>(code: FunctionBuilder, { intervals, emitHits }: NumberTree<Hit>): boolean {
  const [below, only, above] = intervals;
  if (intervals.length !== 3 || below!.hits.length > 0 || above!.hits.length > 0) return false;
  if (above!.start !== only!.start + 1n) return false;
  if (only!.source !== undefined) code.line(only!.source);
  const miss = code.newLabel('number');
  if (fitsImmediate(BigInt.asIntN(64, only!.start))) {
    code.jumpImm('ne', R8, Number(BigInt.asIntN(64, only!.start)), miss);
  } else {
    code.loadImm64(R2, only!.start);
    code.jumpReg('ne', R8, R2, miss);
  }
  emitHits(code, only!.hits);
  code.place(miss);
  return true;
}

function emitJumpIfAtLeast(code: FunctionBuilder, start: bigint, signed: boolean, target: Label): void {
  const condition = signed ? 'sge' : 'ge';
  if (fitsImmediate(start) && (signed || start >= 0n)) {
    code.jumpImm(condition, R8, Number(start), target);
    return;
  }
  code.loadImm(R2, start);
  code.jumpReg(condition, R8, R2, target);
}

/** Cuts the numbers at the ends of all ranges; the first interval starts below every number. */
function intervalsOf<Hit>(sets: readonly NumberSet<Hit>[], signed: boolean): Interval<Hit>[] {
  const greatest = signed ? (1n << 63n) - 1n : (1n << 64n) - 1n;
  const changes = new Map<bigint, { enter: NumberSet<Hit>[]; leave: NumberSet<Hit>[] }>();
  const changeAt = (at: bigint) => {
    const known = changes.get(at) ?? { enter: [], leave: [] };
    changes.set(at, known);
    return known;
  };
  for (const set of sets) {
    for (const { min, max } of set.ranges) {
      changeAt(min).enter.push(set);
      changeAt(max + 1n).leave.push(set);
    }
  }
  const active = new Set<NumberSet<Hit>>();
  const intervals: Interval<Hit>[] = [{ start: -(1n << 64n), hits: [], source: undefined }];
  for (const [start, change] of [...changes].sort(([left], [right]) => (left < right ? -1 : 1))) {
    for (const set of change.leave) active.delete(set);
    for (const set of change.enter) active.add(set);
    if (start > greatest) break;
    const source = [...active][0]?.source ?? change.leave[0]?.source;
    intervals.push({ start, hits: [...active].map((set) => set.hit), source });
  }
  return intervals;
}
