import { AssembledFunction } from './built-function.ts';
import type { BuiltFunction, Relocation, SourceLine } from './instruction.ts';
import {
  aluOperation,
  callOpcode,
  exitOpcode,
  instructionClass,
  jumpOpcode,
  jumpOperation,
  loadImmediate64,
  modeMemory,
  pseudoCall,
  sourceImmediate,
  sourceRegister,
  widthBits,
} from './opcodes.ts';
import { noJump, shortenJumps } from './shorten-jumps.ts';
import { SlotBuffer } from './slot-buffer.ts';

export type { BuiltFunction };

/** R0 result, R1-R5 arguments (lost in calls), R6-R9 kept over calls, R10 the frame pointer (read-only). */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;

export const R0 = 0;
export const R1 = 1;
export const R2 = 2;
export const R3 = 3;
export const R4 = 4;
export const R5 = 5;
export const R6 = 6;
export const R7 = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;

/** `div`, `mod` and `rsh` are unsigned; `arsh` shifts the sign in. */
export type AluOp = 'add' | 'sub' | 'mul' | 'div' | 'mod' | 'or' | 'and' | 'xor' | 'lsh' | 'rsh' | 'arsh';

/** Unsigned unless it starts with `s` (`slt`); `set` jumps when `register & operand` is not 0. */
export type Condition = 'eq' | 'ne' | 'gt' | 'ge' | 'lt' | 'le' | 'sgt' | 'sge' | 'slt' | 'sle' | 'set';

/** Bytes of a memory access. */
export type AccessSize = 1 | 2 | 4 | 8;

/** A place in one function, made by `newLabel`. */
export interface Label {
  readonly hint: string;
  /** Of the labels with this hint. */
  readonly number: number;
  readonly owner: FunctionBuilder;
}

function nameOf({ hint, number }: Label): string {
  return number === 0 ? hint : `${hint}.${number}`;
}

interface Jump {
  readonly index: number;
  readonly label: Label;
}

/**
 * Assembles one function. Methods append one instruction each (`loadImm64` and `loadMapPointer` fill two slots) and
 * return the builder; jumps go to labels, which `build` turns into distances. Misuse is our own bug and throws an Error
 * naming the function and the instruction.
 */
export class FunctionBuilder {
  readonly name: string;
  readonly #slots = new SlotBuffer();
  readonly #sources: (SourceLine | undefined)[] = [];
  readonly #relocations = new Map<number, Relocation>();
  readonly #jumps: Jump[] = [];
  readonly #places = new Map<Label, number>();
  /** By hint, how many labels have it: programs have thousands of one. */
  readonly #labelCounts = new Map<string, number>();
  #source: SourceLine | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Slots so far: the index of the next instruction. */
  get length(): number {
    return this.#slots.length;
  }

  /** Attributes the following instructions to a source line; undefined: to none. */
  line(source: SourceLine | undefined): this {
    this.#source = source;
    return this;
  }

  /** A label to jump to before or after it is placed. The hint is what printers show, made unique by a number. */
  newLabel(hint = 'L'): Label {
    const number = this.#labelCounts.get(hint) ?? 0;
    this.#labelCounts.set(hint, number + 1);
    return { hint, number, owner: this };
  }

  /** Makes the label stand for the next instruction. */
  place(label: Label): this {
    this.#checkOwner(label);
    if (this.#places.has(label)) throw this.#error(`label "${nameOf(label)}" is placed twice`);
    this.#places.set(label, this.length);
    return this;
  }

  /** dst = imm, sign-extended from 32 bits. */
  movImm(dst: Register, imm: number): this {
    return this.#aluImm(instructionClass.alu64, aluOperation.mov, dst, this.#signed32(imm));
  }

  movReg(dst: Register, src: Register): this {
    return this.#aluReg(instructionClass.alu64, aluOperation.mov, dst, src);
  }

  /** dst = imm, zero-extended from 32 bits. */
  mov32Imm(dst: Register, imm: number): this {
    return this.#aluImm(instructionClass.alu32, aluOperation.mov, dst, this.#any32(imm));
  }

  /** dst = low 32 bits of src, zero-extended. */
  mov32Reg(dst: Register, src: Register): this {
    return this.#aluReg(instructionClass.alu32, aluOperation.mov, dst, src);
  }

  /** dst = value (from -2^63 to 2^64-1), always in two slots. */
  loadImm64(dst: Register, value: bigint): this {
    return this.#loadImm64(dst, this.#unsigned64(value));
  }

  /** dst = value (from -2^63 to 2^64-1), in the shortest encoding. A number has to be a safe integer. */
  loadImm(dst: Register, value: bigint | number): this {
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw this.#error(`immediate ${value} is not a safe integer: pass a bigint`);
    }
    const unsigned = this.#unsigned64(BigInt(value));
    const signed = BigInt.asIntN(64, unsigned);
    if (signed === BigInt.asIntN(32, signed)) return this.movImm(dst, Number(signed));
    if (unsigned <= 0xffff_ffffn) return this.mov32Imm(dst, Number(unsigned));
    return this.#loadImm64(dst, unsigned);
  }

  /** dst = the number of two 32-bit halves, signed or not, in the shortest encoding. */
  loadHalves(dst: Register, low: number, high: number): this {
    this.#checkWritable(dst);
    if ((low | 0) >> 31 === (high | 0)) return this.movImm(dst, low | 0);
    if (high === 0) return this.mov32Imm(dst, low);
    return this.#append(loadImmediate64, dst, 0, 0, low | 0).#append(0, 0, 0, 0, high | 0);
  }

  /** dst op= imm, the immediate sign-extended from 32 bits. */
  aluImm(op: AluOp, dst: Register, imm: number): this {
    this.#checkOperand(op, imm, 64);
    return this.#aluImm(instructionClass.alu64, aluOperation[op], dst, this.#signed32(imm));
  }

  aluReg(op: AluOp, dst: Register, src: Register): this {
    return this.#aluReg(instructionClass.alu64, aluOperation[op], dst, src);
  }

  /** Low halves only; the upper half of dst becomes 0. The immediate is any 32-bit value, signed or not. */
  alu32Imm(op: AluOp, dst: Register, imm: number): this {
    this.#checkOperand(op, imm, 32);
    return this.#aluImm(instructionClass.alu32, aluOperation[op], dst, this.#any32(imm));
  }

  alu32Reg(op: AluOp, dst: Register, src: Register): this {
    return this.#aluReg(instructionClass.alu32, aluOperation[op], dst, src);
  }

  neg(dst: Register): this {
    return this.#aluImm(instructionClass.alu64, aluOperation.neg, dst, 0);
  }

  /** The low bits of dst to big endian; for 16 and 32 the rest becomes 0. */
  byteSwap(dst: Register, bits: 16 | 32 | 64): this {
    this.#checkWritable(dst);
    const opcode = instructionClass.alu32 | aluOperation.end | sourceRegister;
    return this.#append(opcode, dst, 0, 0, bits);
  }

  /** dst = *(base + offset), zero-extended. */
  load(size: AccessSize, dst: Register, base: Register, offset: number): this {
    this.#checkWritable(dst);
    const opcode = instructionClass.loadRegister | modeMemory | widthBits[size];
    return this.#append(opcode, dst, base, this.#offset16(offset), 0);
  }

  /** *(base + offset) = low bytes of src. */
  store(size: AccessSize, base: Register, offset: number, src: Register): this {
    const opcode = instructionClass.storeRegister | modeMemory | widthBits[size];
    return this.#append(opcode, base, src, this.#offset16(offset), 0);
  }

  /** *(base + offset) = imm; 8 bytes are sign-extended from 32 bits. */
  storeImm(size: AccessSize, base: Register, offset: number, imm: number): this {
    const opcode = instructionClass.store | modeMemory | widthBits[size];
    const value = size === 8 ? this.#signed32(imm) : this.#any32(imm);
    return this.#append(opcode, base, 0, this.#offset16(offset), value);
  }

  jump(label: Label): this {
    return this.#jump(jumpOpcode, 0, 0, 0, label);
  }

  /** Jumps when all 64 bits of the register compare so with the immediate, sign-extended from 32 bits. */
  jumpImm(condition: Condition, register: Register, imm: number, label: Label): this {
    const opcode = instructionClass.jump64 | jumpOperation[condition] | sourceImmediate;
    return this.#jump(opcode, register, 0, this.#signed32(imm), label);
  }

  jumpReg(condition: Condition, register: Register, src: Register, label: Label): this {
    const opcode = instructionClass.jump64 | jumpOperation[condition] | sourceRegister;
    return this.#jump(opcode, register, src, 0, label);
  }

  /** Compares low halves only. The immediate is any 32-bit value, signed or not. Since 5.1. */
  jump32Imm(condition: Condition, register: Register, imm: number, label: Label): this {
    const opcode = instructionClass.jump32 | jumpOperation[condition] | sourceImmediate;
    return this.#jump(opcode, register, 0, this.#any32(imm), label);
  }

  jump32Reg(condition: Condition, register: Register, src: Register, label: Label): this {
    const opcode = instructionClass.jump32 | jumpOperation[condition] | sourceRegister;
    return this.#jump(opcode, register, src, 0, label);
  }

  /** Calls a kernel helper by number (`helper-ids.ts`). */
  callHelper(id: number): this {
    return this.#append(callOpcode, 0, 0, 0, this.#signed32(id));
  }

  /** Calls a function of the same object or one declared as extern there. */
  callFunction(name: string): this {
    return this.#append(callOpcode, 0, pseudoCall, 0, -1, { kind: 'call', symbol: name });
  }

  /** dst = the map; a variable in `.maps` of the same object. */
  loadMapPointer(dst: Register, mapName: string): this {
    return this.#loadImm64(dst, 0n, { kind: 'map', symbol: mapName });
  }

  /** dst = the address of a global variable of the same object. */
  loadVariablePointer(dst: Register, name: string): this {
    return this.#loadImm64(dst, 0n, { kind: 'variable', symbol: name });
  }

  exit(): this {
    return this.#append(exitOpcode, 0, 0, 0, 0);
  }

  /** Resolves the labels and shortens jumps. Throws when a label is not placed or a jump is farther than 16 bits reach. */
  build(): BuiltFunction {
    const written = new Int32Array(this.length).fill(noJump);
    const names = new Map<number, Label>();
    for (const jump of this.#jumps) {
      const target = this.#target(jump);
      written[jump.index] = target;
      names.set(target, jump.label);
    }
    const { targets, kept } = shortenJumps(this.#slots, written);
    const places = placesOf(kept);
    const slots = new SlotBuffer();
    const sources: (SourceLine | undefined)[] = [];
    const relocations = new Map<number, Relocation>();
    const labels = new Map<number, string>();
    for (let index = 0; index < this.length; index++) {
      if (kept[index] === 0) continue;
      const relocation = this.#relocations.get(index);
      if (relocation !== undefined) relocations.set(slots.length, relocation);
      sources.push(this.#sources[index]);
      const target = targets[index]!;
      if (target === noJump) {
        slots.appendFrom(this.#slots, index, undefined);
        continue;
      }
      const place = places[target]!;
      const label = names.get(target)!;
      if (!labels.has(place)) labels.set(place, nameOf(label));
      slots.appendFrom(this.#slots, index, this.#distance(slots.length, place, label));
    }
    return new AssembledFunction({ name: this.name, code: slots.finish(), sources, relocations, labels });
  }

  #target({ index, label }: Jump): number {
    const target = this.#places.get(label);
    if (target === undefined) throw this.#error(`label "${nameOf(label)}" is never placed`, index);
    if (target === this.length) throw this.#error(`label "${nameOf(label)}" stands after the last instruction`, index);
    return target;
  }

  #distance(index: number, target: number, label: Label): number {
    const distance = target - index - 1;
    if (distance !== toSigned16(distance)) {
      throw this.#error(`label "${nameOf(label)}" is ${distance} instructions away: a jump reaches 32767`, index);
    }
    return distance;
  }

  #aluImm(kind: number, operation: number, dst: Register, imm: number): this {
    this.#checkWritable(dst);
    return this.#append(kind | operation | sourceImmediate, dst, 0, 0, imm);
  }

  #aluReg(kind: number, operation: number, dst: Register, src: Register): this {
    this.#checkWritable(dst);
    return this.#append(kind | operation | sourceRegister, dst, src, 0, 0);
  }

  #loadImm64(dst: Register, value: bigint, relocation?: Relocation): this {
    this.#checkWritable(dst);
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    return this.#append(loadImmediate64, dst, 0, 0, low, relocation).#append(0, 0, 0, 0, high);
  }

  #jump(opcode: number, dst: number, src: number, imm: number, label: Label): this {
    this.#checkOwner(label);
    this.#jumps.push({ index: this.length, label });
    return this.#append(opcode, dst, src, 0, imm);
  }

  #append(opcode: number, dst: number, src: number, offset: number, imm: number, relocation?: Relocation): this {
    if (relocation !== undefined) this.#relocations.set(this.length, relocation);
    this.#sources.push(this.#source);
    this.#slots.append(opcode, dst, src, offset, imm);
    return this;
  }

  #signed32(value: number): number {
    if (value !== (value | 0)) throw this.#error(`immediate ${value} does not fit 32 bits signed: use loadImm`);
    return value | 0;
  }

  #any32(value: number): number {
    if (value !== (value | 0) && value !== value >>> 0) throw this.#error(`immediate ${value} does not fit 32 bits`);
    return value | 0;
  }

  #unsigned64(value: bigint): bigint {
    if (value < -(1n << 63n) || value >= 1n << 64n) throw this.#error(`immediate ${value} does not fit 64 bits`);
    return BigInt.asUintN(64, value);
  }

  #offset16(offset: number): number {
    if (offset !== toSigned16(offset)) throw this.#error(`memory offset ${offset} does not fit 16 bits signed`);
    return offset;
  }

  /** The verifier refuses these with a message that does not name the operation. */
  #checkOperand(op: AluOp, imm: number, bits: 32 | 64): void {
    if ((op === 'div' || op === 'mod') && imm === 0) throw this.#error(`${op} by the immediate 0`);
    const shift = op === 'lsh' || op === 'rsh' || op === 'arsh';
    if (shift && (imm < 0 || imm >= bits))
      throw this.#error(`${op} by ${imm}: a shift of ${bits} bits takes 0 to ${bits - 1}`);
  }

  #checkWritable(dst: Register): void {
    if (dst === R10) throw this.#error('R10 is the frame pointer and cannot be written');
  }

  #checkOwner(label: Label): void {
    if (label.owner !== this) throw this.#error(`label "${nameOf(label)}" belongs to function "${label.owner.name}"`);
  }

  #error(problem: string, index = this.length): Error {
    return new Error(`${this.name}, instruction ${index}: ${problem}`);
  }
}

/** By old index, the new one; of what is taken out, that of what follows. */
function placesOf(kept: Uint8Array): Int32Array {
  const places = new Int32Array(kept.length);
  for (let index = 0, place = 0; index < kept.length; index++) {
    places[index] = place;
    place += kept[index]!;
  }
  return places;
}

function toSigned16(value: number): number {
  return (value << 16) >> 16;
}
