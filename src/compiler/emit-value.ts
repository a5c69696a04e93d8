import {
  type FunctionBuilder,
  type Label,
  R0,
  R1,
  R2,
  R3,
  R4,
  R5,
  R6,
  R7,
  R8,
  R9,
  type Register,
} from '../ebpf/function-builder.ts';
import { helpers } from '../ebpf/helper-ids.ts';
import { frame, frameValue, limits, namespaceOrder, processState, STRING_STRIDE, valueStatus } from '../events/wire.ts';
import { domainOf, familyOf } from '../policy/argument-types.ts';
import type { StackKind } from '../policy/model.ts';
import { accessTo, type HookCode } from './hook-code.ts';
import type { PlanValue } from './hook-plan.ts';
import type { TracepointField } from './kernel-facts.ts';

const registersOfCall = {
  x86_64: ['di', 'si', 'dx', 'cx', 'r8', 'r9'],
  aarch64: ['regs'],
} as const;
/* The fourth argument of a system call is in r10: the instruction itself overwrites rcx. */
const registersOfSyscall = { x86_64: ['di', 'si', 'dx', 'r10', 'r8', 'r9'], aarch64: ['regs'] } as const;

/** Bytes from the start of the frame. */
export function valueOffset(value: PlanValue, field: keyof typeof frameValue.at): number {
  return frame.at.values + value.id * frameValue.size + frameValue.at[field];
}

export function slotOffset(value: PlanValue): number {
  return frame.at.strings + value.slot * STRING_STRIDE;
}

/** Where the path of the binary ends in the process state. */
export const binaryEnd = processState.at.binary_tail + limits.BINARY_TAIL;

/** How the string of a value lies in memory: paths are built from their end. */
export function alignmentOf(value: PlanValue): 'left' | 'right' | undefined {
  if (value.source.kind === 'binary') return undefined;
  switch (value.type) {
    case 'string':
    case 'filename':
      return 'left';
    case 'file':
    case 'path':
    case 'fd':
    case 'dentry':
    case 'linux_binprm':
      return 'right';
    default:
      return undefined;
  }
}

/**
 * Emits the reading of a value into the frame. A number is then in R8 too. The binary is not copied: it is compared in
 * the process state.
 */
export function emitRead(code: FunctionBuilder, hook: HookCode, value: PlanValue): void {
  if (value.source.kind === 'binary') return;
  if (value.source.kind === 'stack') {
    emitStack(code, value, value.source.of);
    return;
  }
  if (value.slot >= 0) {
    emitSize(code, hook, value.source);
    emitRaw(code, hook, value, R4);
    code.movReg(R1, R7).movImm(R2, value.id).movImm(R3, value.slot);
    if (value.type === 'char_buf') code.movReg(R5, R8);
    code.callFunction(readerFunction(hook, value));
    return;
  }
  emitNumber(code, hook, value);
  code.store(8, R7, valueOffset(value, 'number'), R8);
}

/** The context has to be this program's own: the helper finds the registers by it. */
function emitStack(code: FunctionBuilder, value: PlanValue, kind: StackKind): void {
  const failed = code.newLabel('no_stack');
  const end = code.newLabel('stack');
  code.movReg(R1, R6).movReg(R2, R7).aluImm('add', R2, slotOffset(value));
  code.movImm(R3, 8 * limits.STACK_DEPTH).movImm(R4, kind === 'user' ? userStackFlag : 0);
  code.callHelper(helpers.get_stack.id).storeImm(4, R7, valueOffset(value, 'status'), 0);
  code.jumpImm('sgt', R0, 8 * limits.STACK_DEPTH, failed).jumpImm('sge', R0, 0, end);
  code.place(failed).movImm(R0, 0).storeImm(4, R7, valueOffset(value, 'status'), valueStatus.UNREADABLE);
  code.place(end);
  code.store(4, R7, valueOffset(value, 'length'), R0).store(4, R7, valueOffset(value, 'mode'), R0);
  code.movImm(R0, slotOffset(value)).store(8, R7, valueOffset(value, 'number'), R0);
}

/** `BPF_F_USER_STACK` */
const userStackFlag = 1 << 8;

/** R8 = the size of a buffer, which lies in another parameter. */
function emitSize(code: FunctionBuilder, hook: HookCode, source: PlanValue['source']): void {
  if (source.kind === 'parameter' && source.sizeIndex !== undefined) emitParameter(code, hook, source.sizeIndex, R8);
}

function readerFunction(hook: HookCode, value: PlanValue): string {
  if (hook.given) return 'read_given';
  /* Since 6.2: a pointer to the mount around a vfsmount can be given its type. */
  const typed = accessTo(hook, value) === 'cast' ? 'typed_' : '';
  switch (value.type) {
    case 'string':
      return 'read_string';
    case 'file':
    case 'path':
      return `read_${typed}${value.type}`;
    case 'filename':
    case 'fd':
    case 'dentry':
    case 'sock':
    case 'socket':
    case 'sockaddr':
    case 'cred':
    case 'user_namespace':
    case 'char_buf':
      return `read_${value.type}`;
    case 'linux_binprm':
      return `read_${typed}binprm`;
    default:
      throw new Error(`a value of type ${value.type} has no string slot`);
  }
}

/** R8 = the number, brought to the width and sign of its type. */
export function emitNumber(code: FunctionBuilder, hook: HookCode, value: PlanValue): void {
  const { source } = value;
  switch (source.kind) {
    case 'parameter':
    case 'field':
      emitRaw(code, hook, value, R8);
      emitNarrow(code, R8, value.type);
      return;
    case 'pid':
      code.callHelper(helpers.get_current_pid_tgid.id).movReg(R8, R0).aluImm('rsh', R8, 32);
      return;
    case 'namespacePid':
      code.callFunction('read_own_namespace_pid').mov32Reg(R8, R0);
      return;
    case 'namespace':
      code.movImm(R1, namespaceOrder.indexOf(source.namespace)).callFunction('read_namespace').mov32Reg(R8, R0);
      return;
    case 'capabilities':
      code.callFunction(`read_${source.set}`).movReg(R8, R0);
      return;
    case 'binary':
    case 'stack':
      throw new Error(`a ${source.kind} is not a number`);
    default:
      source satisfies never;
  }
}

/** The raw parameter or field, as the kernel passes it, into a register. */
export function emitRaw(code: FunctionBuilder, hook: HookCode, value: PlanValue, to: Register): void {
  if (value.source.kind === 'field') {
    emitField(code, value.source.field, to);
    return;
  }
  if (value.source.kind !== 'parameter') throw new Error(`${value.source.kind} is not a parameter`);
  emitParameter(code, hook, value.source.index, to);
}

function emitParameter(code: FunctionBuilder, hook: HookCode, index: number, to: Register): void {
  const { attach } = hook.plan;
  if (attach.syscall) {
    emitSyscallArgument(code, hook, index, to);
  } else if (attach.mechanism === 'kprobe') {
    code.load(8, to, R6, registerOffset(hook, registersOfCall, index));
  } else {
    code.load(8, to, R6, 8 * index);
  }
}

function emitSyscallArgument(code: FunctionBuilder, hook: HookCode, index: number, to: Register): void {
  switch (hook.plan.attach.mechanism) {
    case 'fentry':
      code.load(8, to, R6, 0).load(8, to, to, registerOffset(hook, registersOfSyscall, index));
      return;
    case 'kprobe':
      code.load(8, R1, R6, registerOffset(hook, registersOfCall, 0));
      code.aluImm('add', R1, registerOffset(hook, registersOfSyscall, index));
      code.callFunction('read_word').movReg(to, R0);
      return;
    case 'syscall_tracepoint':
      code.load(8, to, R6, 16 + 8 * index);
      return;
    default:
      throw new Error(`system calls are not attached by ${hook.plan.attach.mechanism}`);
  }
}

function registerOffset(
  hook: HookCode,
  names: Readonly<Record<'x86_64' | 'aarch64', readonly string[]>>,
  index: number,
): number {
  const { machine, ptRegs } = hook.facts;
  if (machine === 'aarch64') return (ptRegs['regs'] ?? 0) + 8 * index;
  const offset = ptRegs[names[machine][index] ?? ''];
  if (offset === undefined) throw new Error(`parameter ${index} is not in a register`);
  return offset;
}

function emitField(code: FunctionBuilder, field: TracepointField, to: Register): void {
  if (field.shape === 'array') {
    code.movReg(to, R6).aluImm('add', to, field.offset);
    return;
  }
  if (field.shape === 'dataLocation') {
    /* Low half: where the data starts in the record. */
    code.load(2, R1, R6, field.offset).movReg(to, R6).aluReg('add', to, R1);
    return;
  }
  code.load(field.size as 1 | 2 | 4 | 8, to, R6, field.offset);
}

/** Brings a register of the kernel to the width and sign of the type. */
function emitNarrow(code: FunctionBuilder, register: Register, type: PlanValue['type']): void {
  const widths: Readonly<Record<string, number>> = {
    sint8: 8,
    uint8: 8,
    sint16: 16,
    uint16: 16,
    sint32: 32,
    uint32: 32,
    capability: 32,
  };
  const width = widths[type];
  if (width === undefined) return;
  if (type === 'uint32') {
    code.mov32Reg(register, register);
    return;
  }
  code.aluImm('lsh', register, 64 - width);
  code.aluImm(domainOf(type).signed ? 'arsh' : 'rsh', register, 64 - width);
}

export function isSigned(value: PlanValue): boolean {
  return familyOf(value.type) === 'integer' && domainOf(value.type).signed;
}

/**
 * R9 = base of the string and R8 = its length, for `at` bytes behind R9 the string starts, or ends for `end`. Jumps to
 * `unreadable` when there is none.
 */
export function emitStringPointer(
  code: FunctionBuilder,
  value: PlanValue,
  side: 'start' | 'end',
  unreadable: Label,
): number {
  if (value.source.kind === 'binary') {
    code.callFunction('find_process').jumpImm('eq', R0, 0, unreadable).movReg(R9, R0);
    code.load(4, R8, R9, processState.at.binary_length);
    return side === 'start' ? processState.at.binary : binaryEnd;
  }
  const right = alignmentOf(value) === 'right';
  /* A path that was not followed to its root has no start, a string that was cut has no end. */
  const unknown =
    right && side === 'start' ? valueStatus.UNRESOLVED : !right && side === 'end' ? valueStatus.TRUNCATED : 0;
  code.load(4, R1, R7, valueOffset(value, 'status')).jumpImm('set', R1, valueStatus.UNREADABLE | unknown, unreadable);
  code.load(4, R8, R7, valueOffset(value, 'length'));
  /* Added to the register: the last slots are farther from the start of the frame than a load's offset reaches. */
  if (right ? side === 'end' : side === 'start') {
    code.movReg(R9, R7).aluImm('add', R9, slotOffset(value));
    return right ? limits.STRING_SIZE : 0;
  }
  /* The other side moves with the length, which the verifier has to see bounded. */
  code.jumpImm('gt', R8, limits.STRING_SIZE, unreadable);
  code.movReg(R9, R7).aluImm('add', R9, slotOffset(value));
  if (right) {
    code
      .movImm(R1, limits.STRING_SIZE)
      .aluReg('sub', R1, R8)
      .aluImm('and', R1, 2 * limits.STRING_SIZE - 1);
    code.aluReg('add', R9, R1);
  } else {
    code.aluReg('add', R9, R8);
  }
  return 0;
}

/** `to` = the field of the structure in the value's slot that starts `at` bytes into it. */
export function emitSlotField(code: FunctionBuilder, size: 4 | 8, to: Register, value: PlanValue, at: number): void {
  code.movReg(to, R7).aluImm('add', to, slotOffset(value)).load(size, to, to, at);
}
