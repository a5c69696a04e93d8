import { type FunctionBuilder, type Label, R2, R8 } from '../ebpf/function-builder.ts';
import type { SourceLine } from '../ebpf/instruction.ts';
import type { Range } from '../policy/operand-ranges.ts';
import { fitsImmediate } from './binary-search.ts';

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

/**
 * Emits a binary search for the number in R8 over the ends of all ranges. `emitHits` writes the code for the sets
 * that hold the number, which falls through; numbers in no set go to `miss`. Uses R2.
 */
export function emitNumberTree<Hit>(
  code: FunctionBuilder,
  sets: readonly NumberSet<Hit>[],
  signed: boolean,
  emitHits: (hits: readonly Hit[]) => void,
  miss: Label,
): void {
  const end = code.newLabel('number');
  const intervals = intervalsOf(sets, signed);
  const emitRange = (from: number, to: number): void => {
    if (to - from === 1) {
      const { hits, source } = intervals[from]!;
      if (hits.length === 0) {
        code.jump(miss);
        return;
      }
      if (source !== undefined) code.line(source);
      emitHits(hits);
      code.jump(end);
      return;
    }
    const middle = (from + to) >> 1;
    const right = code.newLabel('above');
    if (intervals[middle]!.source !== undefined) code.line(intervals[middle]!.source);
    emitJumpIfAtLeast(code, intervals[middle]!.start, signed, right);
    emitRange(from, middle);
    code.place(right);
    emitRange(middle, to);
  };
  if (intervals.length === 1 && intervals[0]!.hits.length === 0) {
    code.jump(miss);
  } else if (!emitSingle(code, intervals, emitHits, miss)) {
    emitRange(0, intervals.length);
  }
  code.place(end);
}

/** One number alone is compared for equality. */
function emitSingle<Hit>(
  code: FunctionBuilder,
  intervals: readonly Interval<Hit>[],
  emitHits: (hits: readonly Hit[]) => void,
  miss: Label,
): boolean {
  const [below, only, above] = intervals;
  if (intervals.length !== 3 || below!.hits.length > 0 || above!.hits.length > 0) return false;
  if (above!.start !== only!.start + 1n) return false;
  if (only!.source !== undefined) code.line(only!.source);
  if (fitsImmediate(BigInt.asIntN(64, only!.start))) {
    code.jumpImm('ne', R8, Number(BigInt.asIntN(64, only!.start)), miss);
  } else {
    code.loadImm64(R2, only!.start);
    code.jumpReg('ne', R8, R2, miss);
  }
  emitHits(only!.hits);
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
