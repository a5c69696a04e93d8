import type { ObjectInstruction } from '../ebpf/object-functions.ts';
import {
  callOpcode,
  classMask,
  exitOpcode,
  instructionClass,
  jumpOpcode,
  loadImmediate64,
  operationMask,
  sourceRegister,
  widthBits,
  widthMask,
} from '../ebpf/opcodes.ts';
import { type AbstractValue, knownNumber, pointerTo, unknownData, zero } from './abstract-value.ts';
import { calculate } from './arithmetic.ts';
import type { Assumptions } from './assumptions.ts';
import { type Choices, found, isTaken, usual } from './choices.ts';
import { FrameMemory } from './frame-memory.ts';
import { helperModel, kernelFunctions, lookupCosts } from './helper-costs.ts';
import { addressCheck, functionCall, instructionCost, loopTurn, savedRegister, stackSetup } from './machine-costs.ts';

export interface Code {
  readonly name: string;
  readonly instructions: readonly ObjectInstruction[];
}

/** What a program and the functions it calls are made of. */
export interface Codebase {
  /** Generated with the program: they are part of its decisions. */
  readonly generated: ReadonlyMap<string, Code>;
  /** The C functions of the runtime object. */
  readonly runtime: ReadonlyMap<string, Code>;
  /** The verifier knows where arguments point to, so that loads through them are not checked (Linux 6.2). */
  readonly trustedArguments: boolean;
}

/** The runtime has a defect, or uses an instruction or a helper that has no cost yet. */
export class UnknownCost extends Error {
  override readonly name = 'UnknownCost';
}

/** More than any program the verifier accepts does in one run. */
const mostSteps = 1_000_000;
const helperId = { mapLookup: 1, loop: 181 } as const;
const atomicMode = 0xc0;
const modeBits = 0xe0;
const exchange = 0xe1;
const callArguments = [1, 2, 3, 4, 5] as const;

/**
 * Runs a program on what is known before it runs: constants, and the bits that it sets in its frame itself. Comparisons
 * with anything else end as `choices` says. Counts machine instructions.
 */
export class Machine {
  /** Machine instructions so far. */
  cost = 0;
  /** Names of the runtime's functions that were called. */
  readonly called = new Set<string>();
  readonly #code: Codebase;
  readonly #assumed: Assumptions;
  readonly #choices: Choices;
  readonly #memo: RuntimeMemo;
  readonly #frame = new FrameMemory();
  #steps = 0;

  constructor(code: Codebase, assumed: Assumptions, choices: Choices, memo: RuntimeMemo) {
    this.#code = code;
    this.#assumed = assumed;
    this.#choices = choices;
    this.#memo = memo;
  }

  /** Whether a selector matched so far. */
  get matched(): boolean {
    return this.#frame.matched;
  }

  /** The program itself: what its attachment costs is not counted. */
  run(program: Code): AbstractValue {
    const registers = freshRegisters();
    registers[1] = pointerTo('context');
    this.cost += registerCost(program);
    return this.#execute(program, registers, this.#choices, false);
  }

  #execute(code: Code, registers: AbstractValue[], choices: Choices, isRuntime: boolean): AbstractValue {
    const stack = new Map<number, AbstractValue>();
    const visits = new Map<number, number>();
    let present = choices;
    let at = 0;
    for (;;) {
      if (++this.#steps > mostSteps) throw new UnknownCost(`${code.name} does not end`);
      const instruction = code.instructions[at];
      if (instruction === undefined) throw new UnknownCost(`${code.name} runs out of its code at ${at}`);
      const { opcode } = instruction;
      this.cost += instructionCost(instruction);
      const kind = opcode & classMask;
      if (opcode === exitOpcode) return registers[0]!;
      if (opcode === callOpcode) {
        registers[0] = this.#call(instruction, code, registers, stack, present, isRuntime);
        for (const register of callArguments) registers[register] = unknownData;
      } else if (kind === instructionClass.jump64 || kind === instructionClass.jump32) {
        if (isRuntime && this.#isWornOut(visits, at)) present = found;
        if (opcode === jumpOpcode || this.#jumps(instruction, registers, present)) at += instruction.offset;
      } else if (opcode === loadImmediate64) {
        registers[instruction.dst] = immediateOf(instruction, code.instructions[at + 1]);
        at++;
      } else if (kind === instructionClass.alu64 || kind === instructionClass.alu32) {
        registers[instruction.dst] = calculate(instruction, registers, kind === instructionClass.alu32);
      } else if (kind === instructionClass.loadRegister) {
        registers[instruction.dst] = this.#load(instruction, registers[instruction.src]!, stack);
      } else {
        this.#store(instruction, registers, stack);
      }
      at++;
    }
  }

  /** A loop of the runtime goes along the components of a path: then it finds its end. */
  #isWornOut(visits: Map<number, number>, at: number): boolean {
    const count = (visits.get(at) ?? 0) + 1;
    visits.set(at, count);
    return count > this.#assumed.pathComponents;
  }

  #jumps({ opcode, dst, src, imm }: ObjectInstruction, registers: readonly AbstractValue[], choices: Choices): boolean {
    const right = opcode & sourceRegister ? registers[src]! : knownNumber(BigInt(imm));
    return isTaken(opcode & operationMask, registers[dst]!, right, choices);
  }

  #load(instruction: ObjectInstruction, base: AbstractValue, stack: Map<number, AbstractValue>): AbstractValue {
    const { offset } = instruction;
    if (base.kind === 'pointer' && base.to !== 'kernel') {
      const at = base.offset + offset;
      if (base.to === 'stack') return stack.get(at) ?? unknownData;
      if (base.to === 'frame') return this.#frame.load(at);
      if (base.to === 'context') return { kind: 'unknown', nature: 'argument' };
      return loadConstant(base, instruction) ?? unknownData;
    }
    const isTrusted = base.kind === 'unknown' && base.nature === 'argument' && this.#code.trustedArguments;
    if (!isTrusted) this.cost += offset === 0 ? addressCheck.withoutOffset : addressCheck.withOffset;
    return pointerOrData;
  }

  #store(instruction: ObjectInstruction, registers: AbstractValue[], stack: Map<number, AbstractValue>): void {
    const { opcode, dst, src, offset, imm } = instruction;
    const base = registers[dst]!;
    if ((opcode & modeBits) === atomicMode) {
      /* What is taken is free. */
      if (imm === exchange) registers[src] = zero;
      return;
    }
    const isImmediate = (opcode & classMask) === instructionClass.store;
    const value = isImmediate ? knownNumber(BigInt(imm)) : registers[src]!;
    if (base.kind !== 'pointer') return;
    const at = base.offset + offset;
    if (base.to === 'stack') stack.set(at, value);
    if (base.to === 'frame') this.#frame.store(at, value);
  }

  #call(
    instruction: ObjectInstruction,
    caller: Code,
    registers: AbstractValue[],
    stack: Map<number, AbstractValue>,
    choices: Choices,
    isRuntime: boolean,
  ): AbstractValue {
    const name = instruction.relocation?.symbol;
    if (name === undefined) return this.#callHelper(instruction.imm, caller, registers, stack);
    const kernelFunction = kernelFunctions[name];
    if (kernelFunction !== undefined) {
      this.cost += kernelFunction.cost;
      return kernelFunction.result;
    }
    const generated = this.#code.generated.get(name);
    if (generated !== undefined) {
      this.cost += functionCall + registerCost(generated);
      return this.#execute(generated, calleeRegisters(registers), choices, isRuntime);
    }
    return this.#callRuntime(name, registers, isRuntime);
  }

  /** The same function with arguments of the same kind costs the same each time. */
  #callRuntime(name: string, registers: readonly AbstractValue[], isNested: boolean): AbstractValue {
    if (!isNested) this.called.add(name);
    const code = this.#code.runtime.get(name);
    if (code === undefined) throw new UnknownCost(`the runtime has no function ${name}`);
    const key = `${name} ${callArguments.map((register) => describe(registers[register]!)).join()}`;
    const known = this.#memo.get(key);
    if (known !== undefined) {
      this.cost += known.cost;
      return known.result;
    }
    const before = this.cost;
    this.cost += functionCall + registerCost(code);
    const returned = this.#execute(code, calleeRegisters(registers), usual, true);
    const result = resultOf(name, returned);
    this.#memo.set(key, { cost: this.cost - before, result });
    return result;
  }

  #callHelper(
    id: number,
    caller: Code,
    registers: readonly AbstractValue[],
    stack: Map<number, AbstractValue>,
  ): AbstractValue {
    if (id === helperId.loop) return this.#callLoop(caller, registers);
    const model = helperModel(id);
    if (model === undefined) throw new UnknownCost(`helper ${id}, called by ${caller.name}, has no measured cost`);
    const first = registers[1]!;
    if (id === helperId.mapLookup) return this.#lookUp(first, model.cost(undefined, this.#assumed));
    const size = model.sizeIn === undefined ? undefined : registers[model.sizeIn]!;
    this.cost += model.cost(size?.kind === 'number' ? Number(size.value) : undefined, this.#assumed);
    if (first.kind === 'pointer' && first.to === 'stack') forget(stack, first.offset, size);
    return model.result;
  }

  #lookUp(map: AbstractValue, hashCost: number): AbstractValue {
    const name = mapNames.get(map) ?? '';
    this.cost += lookupCosts[name] ?? hashCost;
    if (name === 'pending' && !this.#assumed.returnAwaited) return zero;
    return pointerTo('map');
  }

  /** `bpf_loop(count, callback, context, 0)`: one turn for each component, and one that finds the end. */
  #callLoop(caller: Code, registers: readonly AbstractValue[]): AbstractValue {
    const callbackName = callbackNames.get(registers[2]!);
    const callback = callbackName === undefined ? undefined : this.#code.runtime.get(callbackName);
    if (callback === undefined) throw new UnknownCost(`${caller.name} loops over a function that is not known`);
    const limit = registers[1]!.kind === 'number' ? Number(registers[1]!.value) : this.#assumed.pathComponents;
    const turns = Math.min(this.#assumed.pathComponents, limit);
    this.cost += turns * this.#turnCost(callback, registers, usual) + this.#turnCost(callback, registers, found);
    return unknownData;
  }

  #turnCost(callback: Code, registers: readonly AbstractValue[], choices: Choices): number {
    const before = this.cost;
    const arguments_ = freshRegisters();
    arguments_[1] = unknownData;
    /* The context is on the stack of the caller: its words are not known, but loads are not checked. */
    arguments_[2] = pointerTo('map', registers[3]!.kind === 'pointer' ? registers[3]!.offset : 0);
    this.cost += loopTurn + functionCall + registerCost(callback);
    this.#execute(callback, arguments_, choices, true);
    const cost = this.cost - before;
    this.cost = before;
    return cost;
  }
}

export type RuntimeMemo = Map<string, { readonly cost: number; readonly result: AbstractValue }>;

/** Addresses of maps and callbacks are values of their own. */
const mapNames = new WeakMap<AbstractValue, string>();
const callbackNames = new WeakMap<AbstractValue, string>();
const constants = new WeakMap<AbstractValue, Uint8Array>();
const pointerOrData: AbstractValue = unknownData;
const widths = new Map<number, number>(Object.entries(widthBits).map(([bytes, bits]) => [bits, Number(bytes)]));

/** What a load from read-only data finds. */
function loadConstant(base: AbstractValue, { opcode, offset }: ObjectInstruction): AbstractValue | undefined {
  const bytes = constants.get(base);
  const width = widths.get(opcode & widthMask)!;
  if (bytes === undefined || offset < 0 || offset + width > bytes.length) return undefined;
  let value = 0n;
  for (let at = width - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[offset + at]!);
  return knownNumber(value);
}

function immediateOf(first: ObjectInstruction, second: ObjectInstruction | undefined): AbstractValue {
  if (first.callback !== undefined) {
    const value = pointerTo('map');
    callbackNames.set(value, first.callback);
    return value;
  }
  if (first.relocation !== undefined) {
    const value = pointerTo('map');
    mapNames.set(value, first.relocation.symbol);
    if (first.constant !== undefined) constants.set(value, first.constant);
    return value;
  }
  return knownNumber((BigInt(second?.imm ?? 0) << 32n) | BigInt(first.imm >>> 0));
}

function freshRegisters(): AbstractValue[] {
  const registers = Array<AbstractValue>(11).fill(unknownData);
  registers[10] = pointerTo('stack');
  return registers;
}

/** A pointer to the caller's stack is memory like any other for the function that is called. */
function calleeRegisters(registers: readonly AbstractValue[]): AbstractValue[] {
  const fresh = freshRegisters();
  for (const register of callArguments) {
    const value = registers[register]!;
    fresh[register] = value.kind === 'pointer' && value.to === 'stack' ? pointerTo('map', value.offset) : value;
  }
  return fresh;
}

function resultOf(name: string, returned: AbstractValue): AbstractValue {
  if (name.startsWith('claim_frame')) return pointerTo('frame');
  if (name.startsWith('tail_of_') || name === 'start_of_string') return { kind: 'unknown', nature: 'length' };
  return returned.kind === 'pointer' && returned.to === 'stack' ? unknownData : returned;
}

function describe(value: AbstractValue): string {
  switch (value.kind) {
    case 'number':
      return `${value.value}`;
    case 'pointer':
      return value.to;
    default:
      return value.nature;
  }
}

function forget(stack: Map<number, AbstractValue>, from: number, size: AbstractValue | undefined): void {
  const to = size?.kind === 'number' ? from + Number(size.value) : 0;
  for (const at of [...stack.keys()]) if (at >= from && at < to) stack.delete(at);
}

const costOfRegisters = new WeakMap<Code, number>();

/** Saving what the caller keeps in R6 to R9, and room on the stack. */
function registerCost(code: Code): number {
  const known = costOfRegisters.get(code);
  if (known !== undefined) return known;
  const saved = new Set<number>();
  let usesStack = false;
  for (const { opcode, dst, src } of code.instructions) {
    for (const register of [dst, src]) if (register >= 6 && register <= 9) saved.add(register);
    if ((dst === 10 || src === 10) && opcode !== 0) usesStack = true;
  }
  const cost = saved.size * savedRegister + (usesStack ? stackSetup : 0);
  costOfRegisters.set(code, cost);
  return cost;
}
