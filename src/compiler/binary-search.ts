import { type FunctionBuilder, type Label, R2, type Register } from '../ebpf/function-builder.ts';

/** A constant that a register may hold, and the code for it: it has to end with a jump. */
export interface SearchCase {
  readonly key: bigint;
  readonly emit: () => void;
}

/**
 * Finds `register` among constants in logarithmic time and jumps to `miss` when it is none of them. Keys are unsigned
 * 64-bit numbers in ascending order. Uses R2.
 */
export function emitSearch(code: FunctionBuilder, register: Register, cases: readonly SearchCase[], miss: Label): void {
  if (cases.length <= 3) {
    for (const { key, emit } of cases) {
      const next = code.newLabel('next');
      jumpUnlessEqual(code, register, key, next);
      emit();
      code.place(next);
    }
    code.jump(miss);
    return;
  }
  const middle = cases.length >> 1;
  const right = code.newLabel('right');
  code.loadImm(R2, cases[middle]!.key);
  code.jumpReg('ge', register, R2, right);
  emitSearch(code, register, cases.slice(0, middle), miss);
  code.place(right);
  emitSearch(code, register, cases.slice(middle), miss);
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
