import { type FunctionBuilder, type Label, R2, type Register } from '../ebpf/function-builder.ts';
import { type Branches, branchesFor } from './outline.ts';

/** A number of 64 bits as two unsigned halves: a program has tens of thousands, and BigInt is slow. */
export interface Word {
  readonly low: number;
  readonly high: number;
}

export function compareWords(left: Word, right: Word): number {
  return left.high - right.high || left.low - right.low;
}

/** A constant that a register may hold, and the code for it, which may fall through. */
export interface SearchCase {
  readonly key: Word;
  readonly emit: (code: FunctionBuilder, branches: Branches | undefined) => void;
  /** Estimated instructions. */
  readonly weight: number;
}

export interface Search {
  readonly register: Register;
  /** Gives the register its value, in a function of its own. */
  readonly load: (code: FunctionBuilder) => void;
  /** Undefined: all in place, which holds for everything inside a branch. */
  readonly branches: Branches | undefined;
}

/**
 * Finds the register among constants in logarithmic time and emits the code for each; it goes on behind all of them.
 * Keys are in ascending order. Uses R2.
 */
export function emitSearch(code: FunctionBuilder, search: Search, cases: readonly SearchCase[]): void {
  const weight = cases.reduce((sum, item) => sum + item.weight, 0);
  const inPlace = { ...search, branches: undefined };
  const branches = branchesFor(search.branches, weight);
  if (branches !== undefined) {
    branches.emit(code, (body) => {
      search.load(body);
      emitCases(body, inPlace, cases);
    });
    return;
  }
  const isShort = search.branches === undefined || weight <= search.branches.longest;
  emitCases(code, isShort ? inPlace : search, cases);
}

function emitCases(code: FunctionBuilder, search: Search, cases: readonly SearchCase[]): void {
  const end = code.newLabel('end');
  if (cases.length <= 3) emitFew(code, search, cases, end);
  else emitHalves(code, search, cases, end);
  code.place(end);
}

function emitFew(code: FunctionBuilder, search: Search, cases: readonly SearchCase[], end: Label): void {
  for (const { key, emit } of cases) {
    const next = code.newLabel('next');
    jumpUnlessEqual(code, search.register, key, next);
    emit(code, search.branches);
    code.jump(end).place(next);
  }
}

function emitHalves(code: FunctionBuilder, search: Search, cases: readonly SearchCase[], end: Label): void {
  const middle = cases.length >> 1;
  const right = code.newLabel('right');
  const { low, high } = cases[middle]!.key;
  code.loadHalves(R2, low, high);
  code.jumpReg('ge', search.register, R2, right);
  emitSearch(code, search, cases.slice(0, middle));
  code.jump(end).place(right);
  emitSearch(code, search, cases.slice(middle));
}

export function fitsImmediate(value: bigint): boolean {
  return value >= -0x8000_0000n && value <= 0x7fff_ffffn;
}

function jumpUnlessEqual(code: FunctionBuilder, register: Register, { low, high }: Word, target: Label): void {
  /* An immediate is extended by its sign. */
  if ((low | 0) >> 31 === (high | 0)) {
    code.jumpImm('ne', register, low | 0, target);
    return;
  }
  code.loadHalves(R2, low, high);
  code.jumpReg('ne', register, R2, target);
}
