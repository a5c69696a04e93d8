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
 * Makes jumps that lead to another jump go where that one goes, and takes out the jumps that nothing needs any more:
 * those to the next instruction, and those that no run reaches. The kernel would take each out by itself, but moves
 * the whole program for every one. `targets` is as in the result.
 */
export function shortenJumps(instructions: readonly Instruction[], targets: Int32Array): Shortened {
  const final = targets.map((target) => (target === noJump ? noJump : lastTarget(instructions, targets, target)));
  const kept = new Uint8Array(instructions.length).fill(1);
  takeOutUnreached(instructions, final, kept);
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

function takeOutUnreached(instructions: readonly Instruction[], targets: Int32Array, kept: Uint8Array): void {
  const reached = new Uint8Array(instructions.length);
  for (const target of targets) if (target !== noJump) reached[target] = 1;
  let follows = true;
  for (const [index, { opcode }] of instructions.entries()) {
    if (opcode === jumpOpcode && !follows && reached[index] === 0) kept[index] = 0;
    else follows = opcode !== jumpOpcode && opcode !== exitOpcode;
  }
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
