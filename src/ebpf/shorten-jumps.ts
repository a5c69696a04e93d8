import type { Instruction } from './instruction.ts';
import { exitOpcode, jumpOpcode } from './opcodes.ts';

/** Instructions whose jumps are still between indexes. */
export interface Jumping {
  readonly instructions: readonly Instruction[];
  /** By index of a jump, the index it goes to. */
  readonly targets: ReadonlyMap<number, number>;
}

export interface Shortened extends Jumping {
  /** By old index, the new one; of what was taken out, that of what followed. */
  readonly places: readonly number[];
}

/**
 * Makes jumps that lead to another jump go where that one goes, and takes out the jumps that nothing needs any more:
 * those to the next instruction, and those that no run reaches. The kernel would take each out by itself, but moves
 * the whole program for every one.
 */
export function shortenJumps({ instructions, targets }: Jumping): Shortened {
  const final = new Map([...targets].map(([index, target]) => [index, lastTarget(instructions, targets, target)]));
  const kept = keptInstructions(instructions, final);
  const place = newPlaces(kept);
  const result = instructions.filter((_, index) => kept[index]);
  const moved = new Map<number, number>();
  for (const [index, target] of final) if (kept[index]) moved.set(place[index]!, place[target]!);
  return { instructions: result, targets: moved, places: place };
}

/** Follows jumps without condition; a circle of them ends where it is entered again. */
function lastTarget(instructions: readonly Instruction[], targets: ReadonlyMap<number, number>, first: number): number {
  let target = first;
  for (let steps = 0; steps < targets.size && instructions[target]?.opcode === jumpOpcode; steps++) {
    const next = targets.get(target);
    if (next === undefined) return target;
    target = next;
  }
  return target;
}

function keptInstructions(instructions: readonly Instruction[], targets: ReadonlyMap<number, number>): boolean[] {
  const reached = new Set(targets.values());
  const kept = instructions.map(() => true);
  let previous: Instruction | undefined;
  for (const [index, instruction] of instructions.entries()) {
    const follows = previous?.opcode !== jumpOpcode && previous?.opcode !== exitOpcode;
    if (instruction.opcode === jumpOpcode && !follows && !reached.has(index)) kept[index] = false;
    else previous = instruction;
  }
  /* From the end: what a jump leads over may consist of such jumps. */
  let following = instructions.length;
  const firstKept = [...kept, true].map(() => following);
  for (let index = instructions.length - 1; index >= 0; index--) {
    const target = targets.get(index);
    const leadsOn =
      instructions[index]!.opcode === jumpOpcode &&
      target !== undefined &&
      target > index &&
      firstKept[target] === following;
    if (leadsOn) kept[index] = false;
    if (kept[index]) following = index;
    firstKept[index] = following;
  }
  return kept;
}

/** By old index, the new one; of what is taken out, that of what follows. */
function newPlaces(kept: readonly boolean[]): number[] {
  let place = 0;
  return [...kept, true].map((keep) => (keep ? place++ : place));
}
