import { FunctionBuilder, type Label, R0, R1, R2, R6, R7 } from '../ebpf/function-builder.ts';

/** A jump reaches as many instructions in either direction: what fits this has no jump that is too far. */
export const longestFunction = 32767;

/** Where parts go that become functions of their own. */
export interface Outlined {
  readonly functions: FunctionBuilder[];
  /** Instructions of a function beyond which a part is divided. */
  readonly longest: number;
}

/** A step of a program that works on the frame (R7) and the context (R6) alone, and falls through at its end. */
export interface CodePart {
  /** Of the function that the part becomes when the program is too long. */
  readonly name: string;
  readonly emit: (code: FunctionBuilder) => void;
  /** Jumps to `skip` when there is nothing to do: spares the call. */
  readonly guard?: (code: FunctionBuilder, skip: Label) => void;
  /** Parts that do the same one after the other; undefined when there is nothing to divide. */
  readonly halves: () => readonly [CodePart, CodePart] | undefined;
}

/**
 * Emits a part in place; or, when parts become functions, as functions of two parameters (frame and context) that are
 * short enough for their jumps, and calls them.
 */
export function emitPart(code: FunctionBuilder, part: CodePart, outlined: Outlined | undefined): void {
  if (outlined === undefined) {
    part.emit(code);
    return;
  }
  const body = new FunctionBuilder(part.name);
  body.movReg(R7, R1).movReg(R6, R2);
  part.emit(body);
  body.movImm(R0, 0).exit();
  const halves = body.length > outlined.longest ? part.halves() : undefined;
  if (halves !== undefined) {
    for (const half of halves) emitPart(code, half, outlined);
    return;
  }
  outlined.functions.push(body);
  const skip = code.newLabel('skip');
  part.guard?.(code, skip);
  code.movReg(R1, R7).movReg(R2, R6).callFunction(part.name);
  code.place(skip);
}
