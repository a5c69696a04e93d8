import type { Mechanism } from '../compiler/hook-plan.ts';
import type { Instruction } from '../ebpf/instruction.ts';
import {
  aluOperation,
  callOpcode,
  classMask,
  exitOpcode,
  instructionClass,
  loadImmediate64,
  operationMask,
  sourceRegister,
} from '../ebpf/opcodes.ts';

/**
 * What things cost, in machine instructions of x86_64. All numbers were counted by QEMU (`-icount`, `mitigations=off`) on
 * Debian's 6.12, attaching on 5.10 and 7.2 too, with `test/cost/measure-costs.ts`, which prints them again.
 */

/** Calling a function of the program and coming back: call, endbr64, the patchable nop, frame pointer, leave, ret. */
export const functionCall = 9;
/** Saving a register that the caller keeps, and getting it back. */
export const savedRegister = 2;
export const stackSetup = 1;
/** Before a load through a pointer into the kernel that may be wrong, the range of the address is checked. */
export const addressCheck = { withOffset: 7, withoutOffset: 6 } as const;
/** `bpf_loop` is inlined: counting and the call of each turn, without what the callback does. */
export const loopTurn = 7;

/** How an entry or a return program is attached. */
export type AttachMechanism = Mechanism | 'fexit' | 'kretprobe' | 'syscall_exit';

type AttachCosts = Readonly<Record<AttachMechanism, number>>;

/**
 * From the hooked function into an attached program and back, with the smallest program there is (open and close of a
 * file; getppid for raw_syscalls), from a kernel version on. What the first program on system calls costs all of them is
 * in the numbers of tracepoints.
 */
const attachCosts: readonly { readonly since: readonly [number, number]; readonly costs: AttachCosts }[] = [
  {
    since: [7, 0],
    costs: {
      fentry: 107,
      lsm: 158,
      fmod_ret: 168,
      fexit: 162,
      kprobe: 310,
      kretprobe: 601,
      raw_tracepoint: 173,
      tracepoint: 340,
      syscall_tracepoint: 497,
      syscall_exit: 396,
    },
  },
  {
    since: [5, 12],
    costs: {
      fentry: 127,
      lsm: 184,
      fmod_ret: 197,
      fexit: 191,
      kprobe: 357,
      kretprobe: 634,
      raw_tracepoint: 136,
      tracepoint: 355,
      syscall_tracepoint: 595,
      syscall_exit: 436,
    },
  },
  {
    /* Trampolines do not look for recursion yet. */
    since: [0, 0],
    costs: {
      fentry: 19,
      lsm: 55,
      fmod_ret: 58,
      fexit: 25,
      kprobe: 244,
      kretprobe: 509,
      raw_tracepoint: 87,
      tracepoint: 248,
      syscall_tracepoint: 504,
      syscall_exit: 335,
    },
  },
];

/** Instructions between the hooked function and the first of an attached program, and back. */
export function attachCost(mechanism: AttachMechanism, [major, minor]: readonly [number, number, number]): number {
  const table = attachCosts.find(({ since }) => major > since[0] || (major === since[0] && minor >= since[1]))!;
  return table.costs[mechanism];
}

/** Machine instructions that one eBPF instruction becomes; calls and returns are counted with what is called. */
export function instructionCost({ opcode, imm }: Instruction): number {
  if (opcode === loadImmediate64) return 1;
  if (opcode === callOpcode || opcode === exitOpcode) return 0;
  switch (opcode & classMask) {
    case instructionClass.load:
      /* The second half of a 64-bit immediate. */
      return 0;
    case instructionClass.jump64:
    case instructionClass.jump32:
      /* Compare and jump. */
      return (opcode & operationMask) === 0 ? 1 : 2;
    case instructionClass.alu64:
    case instructionClass.alu32:
      return aluCost(opcode, imm);
    default:
      return 1;
  }
}

function aluCost(opcode: number, imm: number): number {
  const byRegister = (opcode & sourceRegister) !== 0;
  switch (opcode & operationMask) {
    case aluOperation.div:
    case aluOperation.mod:
      return 8;
    case aluOperation.lsh:
    case aluOperation.rsh:
    case aluOperation.arsh:
      return byRegister ? 3 : 1;
    case aluOperation.end:
      return imm === 16 ? 2 : 1;
    default:
      return 1;
  }
}
