import type { BuiltFunction, Instruction } from '../../src/ebpf/instruction.ts';
import {
  aluOperation,
  classMask,
  exitOpcode,
  instructionClass,
  jumpOperation,
  loadImmediate64,
  operationMask,
  sourceRegister,
  widthBits,
  widthMask,
} from '../../src/ebpf/opcodes.ts';

export interface RunResult {
  /** R0 to R10, unsigned. */
  readonly registers: readonly bigint[];
  /** Instructions that were executed. */
  readonly steps: number;
}

/** Longer runs are endless loops. */
const mostSteps = 100_000;

/**
 * Runs a function without calls on plain memory, so that generated code is tested without a kernel. Addresses are byte
 * offsets in `memory`. Throws on instructions that the compiler's trees do not use, and on accesses outside the memory.
 */
export function interpret(code: BuiltFunction, memory: Buffer, start: Readonly<Record<number, bigint>>): RunResult {
  const registers = Array.from({ length: 11 }, (_, index) => start[index] ?? 0n);
  let at = 0;
  for (let steps = 1; steps <= mostSteps; steps++) {
    const instruction = code.instructions[at];
    if (instruction === undefined) throw new Error(`${code.name} runs out of its code at ${at}`);
    if (instruction.opcode === exitOpcode) return { registers, steps };
    at += 1 + step(instruction, code.instructions[at + 1], registers, memory);
  }
  throw new Error(`${code.name} does not end`);
}

/** Executes one instruction; returns how many slots to skip. */
function step(instruction: Instruction, second: Instruction | undefined, registers: bigint[], memory: Buffer): number {
  const { opcode, dst, src, offset, imm } = instruction;
  if (opcode === loadImmediate64) {
    registers[dst] = BigInt.asUintN(64, (BigInt(second!.imm) << 32n) | BigInt(imm >>> 0));
    return 1;
  }
  const operand = (opcode & sourceRegister) !== 0 ? registers[src]! : BigInt.asUintN(64, BigInt(imm));
  switch (opcode & classMask) {
    case instructionClass.alu64:
      registers[dst] = BigInt.asUintN(64, calculate(opcode & operationMask, registers[dst]!, operand));
      return 0;
    case instructionClass.alu32:
      registers[dst] = BigInt.asUintN(32, calculate(opcode & operationMask, registers[dst]!, operand));
      return 0;
    case instructionClass.loadRegister:
      registers[dst] = readMemory(memory, Number(registers[src]) + offset, opcode & widthMask);
      return 0;
    case instructionClass.store:
      writeMemory(memory, Number(registers[dst]) + offset, opcode & widthMask, BigInt.asUintN(64, BigInt(imm)));
      return 0;
    case instructionClass.storeRegister:
      writeMemory(memory, Number(registers[dst]) + offset, opcode & widthMask, registers[src]!);
      return 0;
    case instructionClass.jump64:
      return holds(opcode & operationMask, registers[dst]!, operand) ? offset : 0;
    default:
      throw new Error(`opcode 0x${opcode.toString(16)} is not interpreted`);
  }
}

function calculate(operation: number, left: bigint, right: bigint): bigint {
  switch (operation) {
    case aluOperation.mov:
      return right;
    case aluOperation.add:
      return left + right;
    case aluOperation.sub:
      return left - right;
    case aluOperation.or:
      return left | right;
    case aluOperation.and:
      return left & right;
    case aluOperation.lsh:
      return left << right;
    case aluOperation.rsh:
      return left >> right;
    case aluOperation.arsh:
      return BigInt.asIntN(64, left) >> right;
    default:
      throw new Error(`ALU operation 0x${operation.toString(16)} is not interpreted`);
  }
}

function holds(operation: number, left: bigint, right: bigint): boolean {
  const signedLeft = BigInt.asIntN(64, left);
  const signedRight = BigInt.asIntN(64, right);
  switch (operation) {
    case jumpOperation.always:
      return true;
    case jumpOperation.eq:
      return left === right;
    case jumpOperation.ne:
      return left !== right;
    case jumpOperation.set:
      return (left & right) !== 0n;
    case jumpOperation.gt:
      return left > right;
    case jumpOperation.ge:
      return left >= right;
    case jumpOperation.lt:
      return left < right;
    case jumpOperation.le:
      return left <= right;
    case jumpOperation.sgt:
      return signedLeft > signedRight;
    case jumpOperation.sge:
      return signedLeft >= signedRight;
    case jumpOperation.slt:
      return signedLeft < signedRight;
    case jumpOperation.sle:
      return signedLeft <= signedRight;
    default:
      throw new Error(`jump 0x${operation.toString(16)} is not interpreted`);
  }
}

function readMemory(memory: Buffer, at: number, width: number): bigint {
  if (width === widthBits[8]) return memory.readBigUInt64LE(at);
  if (width === widthBits[4]) return BigInt(memory.readUInt32LE(at));
  return BigInt(width === widthBits[2] ? memory.readUInt16LE(at) : memory.readUInt8(at));
}

function writeMemory(memory: Buffer, at: number, width: number, value: bigint): void {
  if (width === widthBits[8]) memory.writeBigUInt64LE(value, at);
  else if (width === widthBits[4]) memory.writeUInt32LE(Number(value & 0xffff_ffffn), at);
  else throw new Error('stores of less than 4 bytes are not interpreted');
}
