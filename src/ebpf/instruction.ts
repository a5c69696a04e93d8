/** Where an instruction comes from: a line of a policy, shown by the verifier and `bpftool prog dump`. */
export interface SourceLine {
  /** Kernels print it without its folder. */
  readonly file: string;
  /** 1-based, at most 4194303 (22 bits in the kernel's line records). */
  readonly line: number;
  /** The line itself; the only part printed by kernels before 6.9. */
  readonly text: string;
}

/** What a linker has to fill in: the address of a map or of a global variable, or the distance to a function. */
export interface Relocation {
  readonly kind: 'map' | 'variable' | 'call';
  readonly symbol: string;
}

/**
 * One 8-byte slot. A 64-bit immediate load takes two, the second with opcode 0 and the upper half in `imm`, so an
 * index in a list of instructions is the index the verifier prints.
 *
 * | byte 0 | byte 1                   | bytes 2-3      | bytes 4-7   |
 * |--------|--------------------------|----------------|-------------|
 * | opcode | dst (low 4 bits), src    | offset, signed | imm, signed |
 */
export interface Instruction {
  readonly opcode: number;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
  /** Absent: an instruction no policy line asked for. */
  readonly source?: SourceLine;
  readonly relocation?: Relocation;
}

/** A function with resolved labels; its calls and map addresses are still names. */
export interface BuiltFunction {
  readonly name: string;
  /** Encoded slots. */
  readonly code: Uint8Array;
  /** By index of the instruction. */
  readonly sources: readonly (SourceLine | undefined)[];
  readonly relocations: ReadonlyMap<number, Relocation>;
  /** Names of the instructions that are jumped to, by index, for printers. */
  readonly labels: ReadonlyMap<number, string>;
  /** The same decoded, when somebody looks at it: programs have tens of thousands. */
  readonly instructions: readonly Instruction[];
}
