import { jumpOperation } from '../ebpf/opcodes.ts';
import type { AbstractValue } from './abstract-value.ts';

/** How the comparisons of a run end that depend on what the call is about. */
export interface Choices {
  /** Whether two values, one of them data, are equal. */
  readonly equal: () => boolean;
  /** Whether data is above a bound. */
  readonly above: () => boolean;
}

/** Comparisons in C functions mostly look for what went wrong: nothing is equal, nothing is beyond its bound. */
export const usual: Choices = { equal: () => false, above: () => false };
/** The end of a search: what is looked for is found. */
export const found: Choices = { equal: () => true, above: () => false };

/** Whether a conditional jump with these operands is taken. `operation` is of `jumpOperation`. */
export function isTaken(operation: number, left: AbstractValue, right: AbstractValue, choices: Choices): boolean {
  if (left.kind === 'number' && right.kind === 'number') return holds(operation, left.value, right.value);
  if (isNull(left) || isNull(right)) {
    const other = isNull(left) ? right : left;
    if (other.kind === 'pointer') return pointerWithNull(operation, other.to === 'kernel');
  }
  return decide(operation, isData(operation, left) || isData(operation, right) ? choices : usual);
}

/** Bounds and states are checked, data is compared. A text that is too short for a pattern is data too. */
function isData(operation: number, value: AbstractValue): boolean {
  if (value.kind !== 'unknown') return false;
  if (value.nature === 'length') return operation === jumpOperation.lt;
  return value.nature !== 'status';
}

function isNull(value: AbstractValue): boolean {
  return value.kind === 'number' && value.value === 0n;
}

/** Addresses of the kernel are negative numbers. */
function pointerWithNull(operation: number, ofKernel: boolean): boolean {
  switch (operation) {
    case jumpOperation.eq:
    case jumpOperation.le:
      return false;
    case jumpOperation.slt:
    case jumpOperation.sle:
      return ofKernel;
    case jumpOperation.sgt:
    case jumpOperation.sge:
      return !ofKernel;
    default:
      return true;
  }
}

function decide(operation: number, choices: Choices): boolean {
  switch (operation) {
    case jumpOperation.eq:
      return choices.equal();
    case jumpOperation.ne:
      return !choices.equal();
    case jumpOperation.set:
      return choices.equal();
    case jumpOperation.gt:
    case jumpOperation.ge:
    case jumpOperation.sge:
      return choices.above();
    case jumpOperation.sgt:
      /* `> -1` of a pointer: an address of user space. */
      return !choices.above();
    case jumpOperation.slt:
    case jumpOperation.sle:
      return choices.above();
    default:
      return !choices.above();
  }
}

function holds(operation: number, left: bigint, right: bigint): boolean {
  const signedLeft = BigInt.asIntN(64, left);
  const signedRight = BigInt.asIntN(64, right);
  switch (operation) {
    case jumpOperation.eq:
      return left === right;
    case jumpOperation.ne:
      return left !== right;
    case jumpOperation.gt:
      return left > right;
    case jumpOperation.ge:
      return left >= right;
    case jumpOperation.lt:
      return left < right;
    case jumpOperation.le:
      return left <= right;
    case jumpOperation.set:
      return (left & right) !== 0n;
    case jumpOperation.sgt:
      return signedLeft > signedRight;
    case jumpOperation.sge:
      return signedLeft >= signedRight;
    case jumpOperation.slt:
      return signedLeft < signedRight;
    default:
      return signedLeft <= signedRight;
  }
}
