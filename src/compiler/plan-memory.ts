import type { SourceLine } from '../ebpf/instruction.ts';
import type { ConcreteType } from '../policy/argument-types.ts';
import type { ArgFilter, Position } from '../policy/model.ts';
import { operandOf } from '../policy/operand.ts';

/* What policies say never changes, and a hook is planned anew for every policy that joins it. */

/** Text of a line of a policy file. */
export type SourceText = (file: string, line: number) => string;

const knownOperands = new WeakMap<ArgFilter, Map<ConcreteType, ReturnType<typeof operandOf>>>();

/** As `operandOf`. */
export function knownOperand(type: ConcreteType, filter: ArgFilter): ReturnType<typeof operandOf> {
  const byType = knownOperands.get(filter) ?? new Map();
  knownOperands.set(filter, byType);
  const known = byType.get(type) ?? operandOf(type, filter);
  byType.set(type, known);
  return known;
}

const knownLines = new WeakMap<SourceText, WeakMap<Position, SourceLine>>();

/** The line of a policy at a position. */
export function sourceLineAt(file: string, position: Position, sourceText: SourceText): SourceLine {
  const byPosition = knownLines.get(sourceText) ?? new WeakMap();
  knownLines.set(sourceText, byPosition);
  const known = byPosition.get(position) ?? { file, line: position.line, text: sourceText(file, position.line) };
  byPosition.set(position, known);
  return known;
}
