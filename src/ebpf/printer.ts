import { helperName } from './helper-ids.ts';
import type { BuiltFunction, Instruction, SourceLine } from './instruction.ts';
import {
  aluOperation,
  callOpcode,
  classMask,
  exitOpcode,
  instructionClass,
  jumpOpcode,
  jumpOperation,
  loadImmediate64,
  modeMask,
  modeMemory,
  operationMask,
  pseudoCall,
  sourceRegister,
  widthBits,
  widthMask,
} from './opcodes.ts';

export type PrintableFunction = Pick<BuiltFunction, 'name' | 'instructions' | 'labels'>;

/**
 * A function as text, one instruction per line in the spelling of `bpftool prog dump`, with labels for the instructions
 * that are jumped to and a `; text @ file:line` line wherever the source line changes. Ends with a newline.
 */
export function printInstructions(fn: PrintableFunction): string {
  const lines = [`${fn.name}:`];
  let source: SourceLine | undefined;
  fn.instructions.forEach((instruction, index) => {
    const label = fn.labels.get(index);
    if (label !== undefined) lines.push(`${label}:`);
    if (instruction.source !== source) {
      source = instruction.source;
      lines.push(source ? `; ${source.text.trim()} @ ${source.file}:${source.line}` : ';');
    }
    if (instruction.opcode !== 0) lines.push(`${String(index).padStart(4)}: ${printInstruction(fn, index)}`);
  });
  return `${lines.join('\n')}\n`;
}

function printInstruction(fn: PrintableFunction, index: number): string {
  const instruction = fn.instructions[index]!;
  if (instruction.opcode === loadImmediate64) return printLoadImmediate64(instruction, fn.instructions[index + 1]);
  switch (instruction.opcode & classMask) {
    case instructionClass.alu32:
      return printAlu(instruction, 'w');
    case instructionClass.alu64:
      return printAlu(instruction, 'r');
    case instructionClass.jump32:
      return printJump(fn, index, 'w');
    case instructionClass.jump64:
      return printJump(fn, index, 'r');
    default:
      return printMemory(instruction);
  }
}

function printLoadImmediate64({ dst, imm, relocation }: Instruction, second: Instruction | undefined): string {
  if (relocation) return `r${dst} = map[${relocation.symbol}]`;
  const value = (BigInt(second?.imm ?? 0) << 32n) | BigInt(imm >>> 0);
  return `r${dst} = 0x${BigInt.asUintN(64, value).toString(16)}`;
}

const aluSigns = new Map<number, string>([
  [aluOperation.add, '+='],
  [aluOperation.sub, '-='],
  [aluOperation.mul, '*='],
  [aluOperation.div, '/='],
  [aluOperation.or, '|='],
  [aluOperation.and, '&='],
  [aluOperation.lsh, '<<='],
  [aluOperation.rsh, '>>='],
  [aluOperation.mod, '%='],
  [aluOperation.xor, '^='],
  [aluOperation.mov, '='],
  [aluOperation.arsh, 's>>='],
]);

function printAlu(instruction: Instruction, letter: 'r' | 'w'): string {
  const { opcode, dst, imm } = instruction;
  const operation = opcode & operationMask;
  if (operation === aluOperation.neg) return `${letter}${dst} = -${letter}${dst}`;
  if (operation === aluOperation.end) return `r${dst} = ${opcode & sourceRegister ? 'be' : 'le'}${imm} r${dst}`;
  const sign = aluSigns.get(operation);
  if (sign === undefined) return printUnknown(instruction);
  return `${letter}${dst} ${sign} ${printOperand(instruction, letter)}`;
}

const jumpSigns = new Map<number, string>([
  [jumpOperation.eq, '=='],
  [jumpOperation.ne, '!='],
  [jumpOperation.gt, '>'],
  [jumpOperation.ge, '>='],
  [jumpOperation.lt, '<'],
  [jumpOperation.le, '<='],
  [jumpOperation.sgt, 's>'],
  [jumpOperation.sge, 's>='],
  [jumpOperation.slt, 's<'],
  [jumpOperation.sle, 's<='],
  [jumpOperation.set, '&'],
]);

function printJump(fn: PrintableFunction, index: number, letter: 'r' | 'w'): string {
  const instruction = fn.instructions[index]!;
  const { opcode, dst, offset } = instruction;
  if (opcode === exitOpcode) return 'exit';
  if (opcode === callOpcode) return `call ${printCallee(instruction)}`;
  const target = fn.labels.get(index + 1 + offset) ?? `pc${offset < 0 ? offset : `+${offset}`}`;
  if (opcode === jumpOpcode) return `goto ${target}`;
  const sign = jumpSigns.get(opcode & operationMask);
  if (sign === undefined) return printUnknown(instruction);
  return `if ${letter}${dst} ${sign} ${printOperand(instruction, letter)} goto ${target}`;
}

function printCallee({ src, imm, relocation }: Instruction): string {
  if (relocation) return relocation.symbol;
  if (src === pseudoCall) return `pc${imm < 0 ? imm : `+${imm}`}`;
  const name = helperName(imm);
  return name === undefined ? `helper#${imm}` : `${name}#${imm}`;
}

function printOperand({ opcode, src, imm }: Instruction, letter: 'r' | 'w'): string {
  return opcode & sourceRegister ? `${letter}${src}` : `${imm}`;
}

const widthTypes = new Map<number, string>([
  [widthBits[1], 'u8'],
  [widthBits[2], 'u16'],
  [widthBits[4], 'u32'],
  [widthBits[8], 'u64'],
]);

function printMemory(instruction: Instruction): string {
  const { opcode, dst, src, offset, imm } = instruction;
  if ((opcode & modeMask) !== modeMemory) return printUnknown(instruction);
  const type = widthTypes.get(opcode & widthMask);
  const address = (base: number) => `*(${type} *)(r${base} ${offset < 0 ? offset : `+${offset}`})`;
  switch (opcode & classMask) {
    case instructionClass.loadRegister:
      return `r${dst} = ${address(src)}`;
    case instructionClass.storeRegister:
      return `${address(dst)} = r${src}`;
    case instructionClass.store:
      return `${address(dst)} = ${imm}`;
    default:
      return printUnknown(instruction);
  }
}

function printUnknown({ opcode, dst, src, offset, imm }: Instruction): string {
  return `.opcode 0x${opcode.toString(16)} dst=${dst} src=${src} offset=${offset} imm=${imm}`;
}
