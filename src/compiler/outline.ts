import {
  FunctionBuilder,
  type Label,
  R0,
  R1,
  R2,
  R3,
  R6,
  R7,
  R8,
  R9,
  type Register,
} from '../ebpf/function-builder.ts';

/** Instructions that a program or function has at most: a jump reaches as many in either direction. */
export const longestFunction = 30_000;
/** Of the functions that a longer program is divided into: few calls, and fewer functions than a kernel takes (256). */
export const longestPart = 12_000;

/** Where the parts of a program that is too long go. */
export interface Outlined {
  readonly functions: FunctionBuilder[];
  /** Estimated instructions of a function beyond which a part is divided. */
  readonly longest: number;
}

/** A step of a program that works on the frame (R7) and the context (R6) alone, and falls through at its end. */
export interface CodePart {
  /** Of the function that the part becomes when the program is too long. */
  readonly name: string;
  /** Estimated instructions, rather too many. */
  readonly weight: number;
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
  const halves = part.weight > outlined.longest ? part.halves() : undefined;
  if (halves !== undefined) {
    for (const half of halves) emitPart(code, half, outlined);
    return;
  }
  const body = newFunction(outlined, part.name).movReg(R7, R1).movReg(R6, R2);
  part.emit(body);
  body.movImm(R0, 0).exit();
  const skip = code.newLabel('skip');
  part.guard?.(code, skip);
  code.movReg(R1, R7).movReg(R2, R6).callFunction(body.name);
  code.place(skip);
}

function newFunction({ functions }: Outlined, hint: string): FunctionBuilder {
  const taken = new Set(functions.map(({ name }) => name));
  let name = hint;
  for (let count = functions.length; taken.has(name); count++) name = `${hint}_${count}`;
  const body = new FunctionBuilder(name);
  functions.push(body);
  return body;
}

/** Takes the branches of a decision tree that is too long out of the function it is emitted in. */
export interface Branches {
  /** Estimated instructions of one branch that becomes a function; smaller ones stay where they are. */
  readonly longest: number;
  /**
   * Emits a branch as a function and its call. The body finds R7, R8 and R9 as they are at the call and falls through
   * at its end.
   */
  readonly emit: (code: FunctionBuilder, body: (code: FunctionBuilder) => void) => void;
}

/** Below this part of the longest branch a call is not worth it. */
const smallestShare = 16;

/** Undefined when a branch of this weight stays in place: it is short, or so long that it is divided first. */
export function branchesFor(branches: Branches | undefined, weight: number): Branches | undefined {
  if (branches === undefined || weight > branches.longest) return undefined;
  return weight * smallestShare > branches.longest ? branches : undefined;
}

export interface BranchOptions {
  readonly name: string;
  /** Registers that have a value at every call, of R7, R8 and R9. */
  readonly registers: readonly Register[];
  /** What is behind the body, where it has set R0; by default the function returns 0. */
  readonly finish?: (body: FunctionBuilder) => void;
  /** What is behind the call. */
  readonly afterCall?: (code: FunctionBuilder) => void;
}

/** Branches as functions of up to three parameters, for R7, R8 and R9. */
export function outlinedBranches(outlined: Outlined | undefined, options: BranchOptions): Branches | undefined {
  if (outlined === undefined) return undefined;
  const passed = [
    [R1, R7],
    [R2, R8],
    [R3, R9],
  ] as const;
  const moves = passed.filter(([, register]) => options.registers.includes(register));
  const finish = options.finish ?? ((body) => body.movImm(R0, 0).exit());
  return {
    longest: outlined.longest,
    emit: (code, emitBody) => {
      const body = newFunction(outlined, options.name);
      for (const [parameter, register] of moves) body.movReg(register, parameter);
      emitBody(body);
      finish(body);
      for (const [parameter, register] of passed) {
        if (options.registers.includes(register)) code.movReg(parameter, register);
        else code.movImm(parameter, 0);
      }
      code.callFunction(body.name);
      options.afterCall?.(code);
    },
  };
}

/** Branches that look for one hit: each returns 1 for it. */
export interface HitBranches {
  readonly branches: Branches | undefined;
  /** To the label of the code that the tree began in, from its branches by way of their calls. */
  readonly jumpToHit: (code: FunctionBuilder) => void;
}

export function hitBranches(
  outlined: Outlined | undefined,
  { name, registers }: Pick<BranchOptions, 'name' | 'registers'>,
  hit: Label,
): HitBranches {
  const labels = new Map<FunctionBuilder, Label>([[hit.owner, hit]]);
  const labelIn = (code: FunctionBuilder): Label => {
    const label = labels.get(code) ?? code.newLabel('hit');
    labels.set(code, label);
    return label;
  };
  const finish = (body: FunctionBuilder): void => {
    const label = labels.get(body);
    body.movImm(R0, 0).exit();
    if (label !== undefined) body.place(label).movImm(R0, 1).exit();
  };
  const afterCall = (code: FunctionBuilder) => code.jumpImm('ne', R0, 0, labelIn(code));
  return {
    branches: outlinedBranches(outlined, { name, registers, finish, afterCall }),
    jumpToHit: (code) => code.jump(labelIn(code)),
  };
}
