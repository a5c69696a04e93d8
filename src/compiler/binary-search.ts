import { type FunctionBuilder, type Label, R2, type Register } from '../ebpf/function-builder.ts';
import { type Branches, branchesFor } from './outline.ts';

/** A constant that a register may hold, and the code for it, which may fall through. */
export interface SearchCase {
  readonly key: bigint;
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
 * Keys are unsigned 64-bit numbers in ascending order. Uses R2.
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
  code.loadImm(R2, cases[middle]!.key);
  code.jumpReg('ge', search.register, R2, right);
  emitSearch(code, search, cases.slice(0, middle));
  code.jump(end).place(right);
  emitSearch(code, search, cases.slice(middle));
}

export function fitsImmediate(value: bigint): boolean {
  return value >= -0x8000_0000n && value <= 0x7fff_ffffn;
}

function jumpUnlessEqual(code: FunctionBuilder, register: Register, key: bigint, target: Label): void {
  const signed = BigInt.asIntN(64, key);
  if (fitsImmediate(signed)) {
    code.jumpImm('ne', register, Number(signed), target);
    return;
  }
  code.loadImm64(R2, key);
  code.jumpReg('ne', register, R2, target);
}
