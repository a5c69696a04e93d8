import type { Instruction } from '../ebpf/instruction.ts';
import { aluOperation, operationMask, sourceRegister } from '../ebpf/opcodes.ts';
import { type AbstractValue, knownNumber, pointerTo, unknownData } from './abstract-value.ts';

/** What an arithmetic instruction leaves in its register, as far as it is known. */
export function calculate(
  { opcode, dst, src, imm }: Instruction,
  registers: readonly AbstractValue[],
  is32: boolean,
): AbstractValue {
  const operation = opcode & operationMask;
  const right = opcode & sourceRegister && operation !== aluOperation.end ? registers[src]! : knownNumber(BigInt(imm));
  const left = registers[dst]!;
  if (operation === aluOperation.mov) {
    return right.kind === 'number' && is32 ? knownNumber(BigInt.asUintN(32, right.value)) : right;
  }
  if (left.kind === 'number' && right.kind === 'number')
    return calculateNumbers(operation, left.value, right.value, is32);
  if (left.kind === 'pointer') return movePointer(left, operation, right);
  if (operation === aluOperation.add && right.kind === 'pointer') return { ...right };
  return left.kind === 'unknown' ? left : right.kind === 'unknown' ? right : unknownData;
}

function movePointer(
  left: AbstractValue & { kind: 'pointer' },
  operation: number,
  right: AbstractValue,
): AbstractValue {
  if (operation !== aluOperation.add && operation !== aluOperation.sub) return unknownData;
  if (right.kind === 'pointer') return unknownData;
  const distance = right.kind === 'number' ? Number(BigInt.asIntN(64, right.value)) : 0;
  return pointerTo(left.to, left.offset + (operation === aluOperation.add ? distance : -distance));
}

function calculateNumbers(operation: number, left: bigint, right: bigint, is32: boolean): AbstractValue {
  const width = is32 ? 32 : 64;
  const result = arithmetic(operation, BigInt.asUintN(width, left), BigInt.asUintN(width, right), width);
  return result === undefined ? unknownData : knownNumber(BigInt.asUintN(width, result));
}

function arithmetic(operation: number, left: bigint, right: bigint, width: number): bigint | undefined {
  switch (operation) {
    case aluOperation.add:
      return left + right;
    case aluOperation.sub:
      return left - right;
    case aluOperation.mul:
      return left * right;
    case aluOperation.or:
      return left | right;
    case aluOperation.and:
      return left & right;
    case aluOperation.xor:
      return left ^ right;
    case aluOperation.lsh:
      return left << (right & BigInt(width - 1));
    case aluOperation.rsh:
      return left >> (right & BigInt(width - 1));
    default:
      return undefined;
  }
}
