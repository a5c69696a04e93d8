import { decodeInstructions } from './encode.ts';
import type { BuiltFunction, Instruction, Relocation, SourceLine } from './instruction.ts';

/** What a builder has assembled. */
export class AssembledFunction implements BuiltFunction {
  readonly name: string;
  readonly code: Uint8Array;
  readonly sources: readonly (SourceLine | undefined)[];
  readonly relocations: ReadonlyMap<number, Relocation>;
  readonly labels: ReadonlyMap<number, string>;
  #instructions: readonly Instruction[] | undefined;

  constructor(parts: Omit<BuiltFunction, 'instructions'>) {
    this.name = parts.name;
    this.code = parts.code;
    this.sources = parts.sources;
    this.relocations = parts.relocations;
    this.labels = parts.labels;
  }

  get instructions(): readonly Instruction[] {
    this.#instructions ??= decodeInstructions(this.code).map((instruction, index) => {
      const source = this.sources[index];
      const relocation = this.relocations.get(index);
      return { ...instruction, ...(source && { source }), ...(relocation && { relocation }) };
    });
    return this.#instructions;
  }
}
