import { exitOpcode, jumpOpcode } from './opcodes.ts';
import type { SlotBuffer } from './slot-buffer.ts';

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
export function shortenJumps(code: SlotBuffer, targets: Int32Array): Shortened {
  const final = new Int32Array(targets.length);
  for (const [index, target] of targets.entries()) {
    final[index] = target === noJump ? noJump : lastTarget(code, targets, target);
  }
  const kept = reachedFrom(code, final);
  takeOutStepsOn(code, final, kept);
  return { targets: final, kept };
}

/** Follows jumps without condition; a circle of them ends somewhere in it. */
function lastTarget(code: SlotBuffer, targets: Int32Array, first: number): number {
  let target = first;
  for (let steps = 0; steps < code.length && code.opcode(target) === jumpOpcode; steps++) {
    target = targets[target]!;
  }
  return target;
}

/** Instructions that some run may reach from the first. */
function reachedFrom(code: SlotBuffer, targets: Int32Array): Uint8Array {
  const reached = new Uint8Array(code.length);
  const starts = [0];
  for (let start = starts.pop(); start !== undefined; start = starts.pop()) {
    for (let index = start; index < code.length && reached[index] === 0; index++) {
      reached[index] = 1;
      const opcode = code.opcode(index);
      if (targets[index] !== noJump) starts.push(targets[index]!);
      if (opcode === jumpOpcode || opcode === exitOpcode) break;
    }
  }
  return reached;
}

/** From the end: what a jump leads over may consist of such jumps. */
function takeOutStepsOn(code: SlotBuffer, targets: Int32Array, kept: Uint8Array): void {
  let following = code.length;
  /** By index, the first instruction from there on that is kept. */
  const firstKept = new Int32Array(code.length + 1).fill(following);
  for (let index = code.length - 1; index >= 0; index--) {
    const target = targets[index]!;
    const isJump = code.opcode(index) === jumpOpcode;
    if (isJump && target > index && firstKept[target] === following) kept[index] = 0;
    if (kept[index] === 1) following = index;
    firstKept[index] = following;
  }
}
