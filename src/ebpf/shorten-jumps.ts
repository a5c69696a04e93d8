import type { Instruction } from './instruction.ts';
import { exitOpcode, jumpOpcode } from './opcodes.ts';

export const noJump = -1;

/** What is left of a function, all by the indexes it had before. */
export interface Shortened {
  /** By index of a jump, the index it goes to; `noJump` for other instructions. */
  readonly targets: Int32Array;
  /** 0: the instruction is taken out. */
  readonly kept: Uint8Array;
}

/**
 * Makes jumps that lead to another jump go where that one goes, and takes out those to the next instruction, for each
 * of which the kernel would move the whole program; and what no run reaches, which the kernel refuses. `targets` is as
 * in the result.
 */
export function shortenJumps(instructions: readonly Instruction[], targets: Int32Array): Shortened {
  const final = targets.map((target) => (target === noJump ? noJump : lastTarget(instructions, targets, target)));
  const kept = reachedFrom(instructions, final);
  takeOutStepsOn(instructions, final, kept);
  return { targets: final, kept };
}

/** Follows jumps without condition; a circle of them ends somewhere in it. */
function lastTarget(instructions: readonly Instruction[], targets: Int32Array, first: number): number {
  let target = first;
  for (let steps = 0; steps < instructions.length && instructions[target]?.opcode === jumpOpcode; steps++) {
    target = targets[target]!;
  }
  return target;
}

/** Instructions that some run may reach from the first. */
function reachedFrom(instructions: readonly Instruction[], targets: Int32Array): Uint8Array {
  const reached = new Uint8Array(instructions.length);
  const starts = [0];
  for (let start = starts.pop(); start !== undefined; start = starts.pop()) {
    for (let index = start; index < instructions.length && reached[index] === 0; index++) {
      reached[index] = 1;
      const { opcode } = instructions[index]!;
      if (targets[index] !== noJump) starts.push(targets[index]!);
      if (opcode === jumpOpcode || opcode === exitOpcode) break;
    }
  }
  return reached;
}

/** From the end: what a jump leads over may consist of such jumps. */
function takeOutStepsOn(instructions: readonly Instruction[], targets: Int32Array, kept: Uint8Array): void {
  let following = instructions.length;
  /** By index, the first instruction from there on that is kept. */
  const firstKept = new Int32Array(instructions.length + 1).fill(following);
  for (let index = instructions.length - 1; index >= 0; index--) {
    const target = targets[index]!;
    const isJump = instructions[index]!.opcode === jumpOpcode;
    if (isJump && target > index && firstKept[target] === following) kept[index] = 0;
    if (kept[index] === 1) following = index;
    firstKept[index] = following;
  }
}
